"""The living spreadsheet: a training step as a workbook in which every cell is a formula.

The first sheet is the step: change a weight, an input, the learning rate or the activation, and forward pass, loss,
gradients and update follow. The second one repeats it: a row for each of 50 steps, and a curve of the loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from koubai.explain.chain import chain_of
from koubai.explain.expression import Named, Role, evaluated
from koubai.explain.text import TextNotation
from koubai.explain.variants import activation_variants
from koubai.explain.worksheet import Worksheet
from koubai.i18n import _
from koubai.report.worksheet.excel import ExcelNotation

__all__ = ["STEPS", "write_workbook"]

STEPS = 50
_FIRST_ROW = 4  # of the list on the first sheet, counted from 0
_STEP_COUNT = "n"
# What Excel allows: columns, characters of a formula, characters of a text within a formula.
_MOST_COLUMNS, _LONGEST_FORMULA, LONGEST_TEXT = 16_384, 8_192, 255


def write_workbook(sheet: Worksheet, path: str | Path) -> Path:
    """Write a worksheet as an .xlsx workbook for Excel and LibreOffice, in the user's language.

    Args:
        sheet: the worksheet.
        path: the file.

    Returns:
        the path.

    Raises:
        ModuleNotFoundError: when XlsxWriter is not installed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    book = _xlsxwriter().Workbook(path)
    _Book(sheet, book).write()
    book.close()
    return path


def _xlsxwriter() -> Any:
    try:
        import xlsxwriter
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            _("Workbooks need XlsxWriter, which is not installed: pip install 'koubai[explain]'")
        ) from error
    return xlsxwriter


@dataclass(frozen=True, eq=False)
class _Group:
    """Numbers under one heading."""

    heading: str
    cells: Sequence[Named]


class _Book:
    """A workbook in the making."""

    def __init__(self, sheet: Worksheet, book: Any) -> None:
        self.sheet = sheet
        self.own, self.variants = activation_variants(sheet)
        self.groups = list(_groups(sheet))
        self.names = (_("Step"), _("{count} steps").format(count=STEPS))
        self.step, self.run = (book.add_worksheet(name) for name in self.names)
        self.formats = _formats(book)
        self.book = book
        self.variant_cells = [{c.symbol.key: c for c in other.cells()} for other in self.variants.values()]
        self.formulas: dict[Named, Sequence[Any]] = {}  # of each cell; one for each activation if they differ
        self.new = {cell.symbol.key: cell for cell in sheet.cells() if cell.symbol.key.endswith("_new")}
        self.places: dict[str, str] = {}  # on the first sheet, of every number
        self.choice = ""  # the cell with the number of the activation

    # --- the first sheet

    def write(self) -> None:
        """Write both sheets and the curve."""
        title = self.sheet.problem.title or _("Worksheet")
        self.step.set_column(0, 0, 16)
        self.step.set_column(1, 1, 14)
        self.step.set_column(2, 2, 64)
        self.step.write(0, 0, title, self.formats["title"])
        self.step.write(1, 0, _("Change the yellow cells: everything else is a formula."))
        self._place()
        self._choose_activation()
        row = _FIRST_ROW
        for group in self.groups:
            self.step.merge_range(row, 0, row, 2, group.heading, self.formats["heading"])
            for offset, cell in enumerate(group.cells, 1):
                self._line(row + offset, cell)
            row += len(group.cells) + 2
        self._write_run()
        self._after(row)
        self._curve()
        self.step.freeze_panes(_FIRST_ROW, 0)
        self.step.fit_to_pages(1, 0)
        self.run.repeat_columns(0, 1)
        for page in (self.step, self.run):
            page.set_landscape()
            page.set_paper(9)  # A4

    def _place(self) -> None:
        """Give every number its cell."""
        row = _FIRST_ROW
        for group in self.groups:
            for offset, cell in enumerate(group.cells, 1):
                self.places[cell.symbol.key] = f"$B${row + offset + 1}"
            row += len(group.cells) + 2

    def _choose_activation(self) -> None:
        if len(self.variants) < 2:
            return
        names = list(self.variants)
        self.step.write(2, 0, _("activation function"), self.formats["name"])
        self.step.write(2, 1, self.own, self.formats["given"])
        self.step.data_validation(2, 1, 2, 1, {"validate": "list", "source": names})
        listed = ",".join(f'"{name}"' for name in names)
        formula = f"=MATCH(B3,{{{listed}}},0)"
        self.step.write_formula(2, 2, formula, self.formats["hidden"], names.index(self.own) + 1)
        self.choice = f"'{self.names[0]}'!$C$3"

    def _line(self, row: int, cell: Named) -> None:
        self.step.write(row, 0, TextNotation().name(cell.symbol), self.formats["name"])
        if cell.formula is None and cell.role is not Role.MEMORY:
            self.step.write_number(row, 1, cell.value, self.formats["given"])
            return
        formula = "=0" if cell.formula is None else self._formula(cell, self.places)
        self.step.write_formula(row, 1, formula, self.formats["number"], cell.value)
        words, own = [_in_words(other) for other in self._all(cell)], _in_words(cell)
        formula = "=" + self._chosen([_quoted(text) for text in words])
        if len(set(words)) == 1 or len(formula) > _LONGEST_FORMULA:
            self.step.write_string(row, 2, own, self.formats["words"])
        else:
            self.step.write_formula(row, 2, formula, self.formats["words"], own)

    def _all(self, cell: Named) -> Sequence[Named]:
        """A number with each of the activations."""
        return [cells[cell.symbol.key] for cells in self.variant_cells] or [cell]

    def _formula(self, cell: Named, places: dict[str, str]) -> str:
        """The formula of a cell; where activations differ, a choice among theirs."""
        notation = ExcelNotation(places)
        if cell not in self.formulas:
            formulas = [other.formula for other in self._all(cell)]
            alike = len({notation.write(formula) for formula in formulas}) == 1
            self.formulas[cell] = formulas[:1] if alike else formulas
        text = "=" + self._chosen([notation.write(formula) for formula in self.formulas[cell]])
        if len(text) > _LONGEST_FORMULA:
            raise ValueError(
                _("{name} is too long for a cell of a workbook. Make the network smaller.").format(
                    name=TextNotation().name(cell.symbol)
                )
            )
        return text

    def _chosen(self, texts: Sequence[str]) -> str:
        return texts[0] if len(set(texts)) == 1 else f"CHOOSE({self.choice},{','.join(texts)})"

    # --- the second sheet

    def _write_run(self) -> None:
        """A row for each step: what changes from step to step has a column, what is given stays on the first sheet."""
        changing = [cell for group in self.groups for cell in group.cells if _changes(cell)]
        loss = self.sheet.loss
        columns = [loss, *(cell for cell in changing if cell is not loss)]
        if len(columns) >= _MOST_COLUMNS:
            message = _(
                "This step has {count} numbers; a workbook has room for {most}. Make the network smaller."
            )
            raise ValueError(message.format(count=len(columns), most=_MOST_COLUMNS - 1))
        self.run.write(0, 0, _("step"), self.formats["heading"])
        for column, cell in enumerate(columns, 1):
            self.run.write(0, column, TextNotation().name(cell.symbol), self.formats["heading"])
        self.run.set_column(1, len(columns), 11)
        self.run.freeze_panes(1, 2)
        values = self._steps()
        places = before = self._row_places(columns, 0)
        for number, row_values in enumerate(values, 1):
            before, places = places, self._row_places(columns, number)
            self.run.write_number(number, 0, number)
            for column, cell in enumerate(columns, 1):
                formula = self._run_formula(cell, places, before, number)
                self.run.write_formula(number, column, formula, self.formats["number"], row_values[cell])

    def _row_places(self, columns: Sequence[Named], row: int) -> dict[str, str]:
        """Where the numbers of a step are; the count of steps is in the first column."""
        first = {key: f"'{self.names[0]}'!{place}" for key, place in self.places.items()}
        own = {cell.symbol.key: f"{_letters(column)}{row + 1}" for column, cell in enumerate(columns, 1)}
        return first | own | ({_STEP_COUNT: f"$A{row + 1}"} if _STEP_COUNT in first else {})

    def _run_formula(self, cell: Named, places: dict[str, str], before: dict[str, str], row: int) -> str:
        if cell.formula is not None:
            return self._formula(cell, places)
        if row == 1:
            return f"='{self.names[0]}'!{self.places[cell.symbol.key]}"
        return f"={before[self._after_step(cell).symbol.key]}"

    def _after_step(self, cell: Named) -> Named:
        """What a parameter, or the optimizer's memory, becomes after a step; without an update it stays."""
        return self.new.get(f"{cell.symbol.key}_new", cell)

    def _steps(self) -> Iterator[dict[Named, float]]:
        """The numbers of all steps, for programs that show a workbook without calculating it."""
        given = {cell: cell.value for cell in self.sheet.cells() if cell.formula is None}
        count = next((cell for cell in given if cell.symbol.key == _STEP_COUNT), None)
        for number in range(1, STEPS + 1):
            if count is not None:
                given[count] = float(number)
            values = evaluated(self.sheet.cells(), given)
            yield values
            given.update((cell, values[self._after_step(cell)]) for cell in given if _changes(cell))

    def _after(self, row: int) -> None:
        """The loss with the new parameters, which is the one that the second step begins with."""
        self.step.merge_range(row, 0, row, 2, _("After the step"), self.formats["heading"])
        after = self.sheet.loss_after
        self.step.write(row + 1, 0, TextNotation().name(after.symbol), self.formats["name"])
        formula = f"='{self.names[1]}'!$B$3"
        self.step.write_formula(row + 1, 1, formula, self.formats["number"], after.value)

    def _curve(self) -> None:
        """The loss over the steps, beside the step."""
        chart = self.book.add_chart({"type": "scatter", "subtype": "straight"})
        name = self.names[1]
        chart.add_series(
            {
                "name": _("loss"),
                "categories": [name, 1, 0, STEPS, 0],
                "values": [name, 1, 1, STEPS, 1],
                "line": {"color": "#2667a8", "width": 2.25},
            }
        )
        chart.set_title({"name": _("Loss over {count} steps").format(count=STEPS), "name_font": {"size": 12}})
        chart.set_x_axis({"name": _("step"), "min": 0, "max": STEPS, "major_unit": 10})
        chart.set_y_axis({"name": _("loss"), "min": 0, "num_format": "0.00"})
        chart.set_legend({"none": True})
        chart.set_size({"width": 560, "height": 340})
        self.step.insert_chart(_FIRST_ROW, 4, chart)


def _groups(sheet: Worksheet) -> Iterator[_Group]:
    update = sheet.updates[-1]
    inputs = _("inputs and target") if sheet.problem.target is not None else _("inputs")
    lists: list[tuple[str, Any]] = [
        (inputs, sheet.inputs),
        (_("weights and biases"), sheet.parameters),
        (_("options of the update"), [update.options]),
        (_("Forward pass"), sheet.forward),
        (_("Backward pass"), sheet.backward),
        (_("What the optimizer remembers"), [*update.before, *update.memory]),
        (_("Update"), update.parameters),
    ]
    for heading, values in lists:
        cells = [cell for value in values for cell in value]
        if cells:
            yield _Group(heading, cells)


def _changes(cell: Named) -> bool:
    """Tell whether a number is another one in the next step, and no count."""
    return cell.role not in (Role.INPUT, Role.OPTION)


def _quoted(text: str) -> str:
    """A text within a formula, in pieces that Excel allows."""
    pieces = [text[start : start + LONGEST_TEXT] for start in range(0, len(text), LONGEST_TEXT)]
    return "&".join(f'"{piece}"' for piece in pieces) or '""'


def _in_words(cell: Named) -> str:
    """How a number comes about: the chain rule of a gradient, and the formula in names."""
    if cell.formula is None:
        return ""
    notation = TextNotation()
    if cell.role is not Role.GRADIENT:
        return f"= {notation.write(cell.formula)}"
    chain = chain_of(cell)
    forms = [notation.write(chain.rule), notation.write(chain.written)]
    return "= " + " = ".join(dict.fromkeys(forms))


def _letters(column: int) -> str:
    """The letters of a column counted from 0."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _formats(book: Any) -> dict[str, Any]:
    number = {"num_format": "0.0000", "align": "right"}
    styles: dict[str, dict[str, Any]] = {
        "title": {"bold": True, "font_size": 15},
        "heading": {"bold": True, "bg_color": "#e4ecf4", "font_color": "#1d2429"},
        "name": {"bold": True},
        "given": {
            "bg_color": "#fff3bf",
            "font_color": "#1b4f8a",
            "border": 1,
            "border_color": "#d9c77a",
            "align": "right",
        },
        "number": number,
        "words": {"font_color": "#66737b", "indent": 1},
        "hidden": {"font_color": "#ffffff"},
    }
    return {name: book.add_format(style) for name, style in styles.items()}
