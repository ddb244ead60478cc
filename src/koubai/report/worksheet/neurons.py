"""A network of layers as circles and arrows, as textbooks draw it: forward with values, or backward with gradients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from koubai.explain.expression import Named, names_in
from koubai.explain.notation import decimal
from koubai.explain.text import TextNotation
from koubai.explain.value import Value
from koubai.explain.worksheet import Worksheet
from koubai.i18n import _
from koubai.report.html import Html, tag

__all__ = ["neurons_svg"]

_RADIUS, _ACROSS, _DOWN, _MARGIN = 42, 290, 140, 60
_MOST = 4  # arrows between two layers: more numbers beside them could not be read
_INK, _SOFT, _LINE, _WEIGHT, _INPUT, _GRADIENT = (
    "#1d2429",
    "#66737b",
    "#b9c1c7",
    "#2667a8",
    "#6b4fa0",
    "#c2501c",
)
_FONT = "system-ui, 'Noto Sans CJK JP', sans-serif"


@dataclass(frozen=True)
class _Column:
    """A layer: its values in the order in which they are computed, the last one inside the circles."""

    values: list[Value]
    weights: Value | None = None
    biases: Value | None = None


def neurons_svg(sheet: Worksheet, backward: bool = False, digits: int = 4) -> str:
    """Return a picture of a network of fully connected layers as SVG; empty for any other, and for large ones.

    Args:
        sheet: the worksheet, of one sample.
        backward: show the gradients, on their way from the loss back, instead of the values.
        digits: decimals to round to.
    """
    columns = _columns(sheet)
    if not columns:
        return ""
    return str(_Picture(sheet, columns, backward, digits).drawn())


def _columns(sheet: Worksheet) -> list[_Column]:
    """The layers; nothing if the network is not a chain of them."""
    columns = [_Column([sheet.inputs[0]])]
    weights = {
        len(columns) + n: value for n, value in enumerate(v for v in sheet.parameters if len(v.shape) == 2)
    }
    for value in sheet.forward[:-1]:
        matrix = weights.get(len(columns))
        before, read = columns[-1].values[-1], names_in(value.cells.flat[0].formula)
        if matrix is not None and matrix.cells.flat[0] in read:
            if matrix.shape != (len(value), len(before)):
                return []
            columns.append(_Column([value], matrix, _biases(sheet, matrix, value)))
        elif len(value) == len(before) and before.cells.flat[0] in read:
            columns[-1].values.append(value)
        else:
            return []
    complete = len(columns) == len(weights) + 1 and len(columns) > 1
    return columns if complete and all(len(matrix) <= _MOST for matrix in weights.values()) else []


def _biases(sheet: Worksheet, matrix: Value, value: Value) -> Value | None:
    read = set(names_in(value.cells.flat[0].formula))
    return next((p for p in sheet.parameters if p is not matrix and p.cells.flat[0] in read), None)


class _Picture:
    """Draws the columns from left to right, and the loss as the last one."""

    def __init__(self, sheet: Worksheet, columns: Sequence[_Column], backward: bool, digits: int) -> None:
        self.sheet, self.columns, self.backward, self.digits = sheet, columns, backward, digits
        self.gradients = sheet.gradients()
        self.notation = TextNotation(digits=digits)
        self.rows = max(len(column.values[0]) for column in columns)
        self.width = len(columns) * _ACROSS + 2 * _MARGIN
        self.height = (self.rows - 1) * _DOWN + 2 * _MARGIN + 30

    def drawn(self) -> Html:
        """The whole picture."""
        labels = [part for number in range(1, len(self.columns)) for part in self._weights(number)]
        return tag(
            "svg",
            tag("rect", width=self.width, height=self.height, rx=14, fill="#ffffff"),
            tag("defs", self._arrow_head()),
            [self._arrows(number) for number in range(1, len(self.columns))],
            self._last_arrows(),
            labels,
            [self._circles(number) for number in range(len(self.columns))],
            self._loss(),
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"0 0 {self.width} {self.height}",
            width=self.width,
            height=self.height,
            role="img",
            aria_label=_("backward pass") if self.backward else _("forward pass"),
        )

    def _arrow_head(self) -> Html:
        path = tag("path", d="M0 0 L8 4 L0 8 z", fill=self._colour())
        return tag("marker", path, id="tip", markerWidth=8, markerHeight=8, refX=7.5, refY=4, orient="auto")

    def _colour(self) -> str:
        return _GRADIENT if self.backward else _LINE

    def _place(self, column: int, row: int) -> tuple[float, float]:
        count = len(self.columns[column].values[0]) if column < len(self.columns) else 1
        top = _MARGIN + 8 + (self.rows - count) * _DOWN / 2
        return _MARGIN + column * _ACROSS, top + row * _DOWN

    def _arrow(self, start: tuple[float, float], end: tuple[float, float]) -> Html:
        """From edge to edge of two circles; backward the other way round."""
        (x, y), (to_x, to_y) = start, end
        length = ((to_x - x) ** 2 + (to_y - y) ** 2) ** 0.5
        dx, dy = (to_x - x) / length * (_RADIUS + 4), (to_y - y) / length * (_RADIUS + 4)
        ends = [(x + dx, y + dy), (to_x - dx, to_y - dy)]
        (x1, y1), (x2, y2) = reversed(ends) if self.backward else ends
        line = {"x1": round(x1, 1), "y1": round(y1, 1), "x2": round(x2, 1), "y2": round(y2, 1)}
        return tag("line", **line, stroke=self._colour(), stroke_width=2, marker_end="url(#tip)")

    def _arrows(self, number: int) -> Iterator[Html]:
        column = self.columns[number]
        for row in range(len(column.values[0])):
            for source in range(len(self.columns[number - 1].values[0])):
                yield self._arrow(self._place(number - 1, source), self._place(number, row))

    def _last_arrows(self) -> Iterator[Html]:
        last = len(self.columns)
        for row in range(len(self.columns[-1].values[0])):
            yield self._arrow(self._place(last - 1, row), self._place(last, 0))

    def _weights(self, number: int) -> Iterator[Html]:
        """The weights, or their gradients, beside the arrows, nearer to where the arrows part."""
        weights = self.columns[number].weights
        assert weights is not None
        shown = self.gradients[weights.letter] if self.backward else weights
        for row, cells in enumerate(shown.cells):
            for source, cell in enumerate(cells):
                (x, y), (to_x, to_y) = self._place(number - 1, source), self._place(number, row)
                crosses = abs(to_y - y) >= _DOWN
                at, above = (0.32, -4) if crosses else (0.5, 8)
                place = (x + at * (to_x - x), y + at * (to_y - y) - above)
                yield self._text(self._named(cell), *place, size=13, colour=self._colour_of_weights())

    def _colour_of_weights(self) -> str:
        return _GRADIENT if self.backward else _WEIGHT

    def _circles(self, number: int) -> Iterator[Html]:
        column = self.columns[number]
        colour = _INPUT if number == 0 else _GRADIENT if self.backward else _INK
        for row in range(len(column.values[0])):
            x, y = self._place(number, row)
            inside, *below = self._numbers_of(number, row)
            yield tag("circle", cx=x, cy=y, r=_RADIUS, fill="#ffffff", stroke=colour, stroke_width=2)
            yield self._text(self.notation.name(inside.symbol), x, y - 4, size=14, bold=True)
            yield self._text(decimal(inside.value, self.digits), x, y + 15, size=14)
            for line, cell in enumerate(below):
                yield self._text(self._named(cell), x, y + _RADIUS + 17 + 16 * line, size=13, colour=_SOFT)

    def _numbers_of(self, number: int, row: int) -> list[Named]:
        """What stands in a circle, then what stands below it."""
        column = self.columns[number]
        if self.backward and number:
            return [list(self.gradients[value.letter])[row] for value in column.values]
        found = [list(value)[row] for value in reversed(column.values)]
        return found if column.biases is None or self.backward else [*found, list(column.biases)[row]]

    def _loss(self) -> Iterator[Html]:
        x, y = self._place(len(self.columns), 0)
        width, height = 2 * _RADIUS, 2 * _RADIUS - 8
        box = {"x": x - width / 2, "y": y - height / 2, "width": width, "height": height}
        yield tag(
            "rect",
            **box,
            rx=10,
            fill="#ffffff",
            stroke=self._colour() if self.backward else _INK,
            stroke_width=2,
        )
        yield self._text("L", x, y - 4, size=14, bold=True)
        yield self._text(decimal(self.sheet.loss.value, self.digits), x, y + 15, size=14)
        target = self.sheet.inputs[-1]
        if self.sheet.problem.target is not None and len(target) == 1:
            yield self._text(
                self._named(target.cells.flat[0]), x, y + height / 2 + 18, size=13, colour=_INPUT
            )

    def _named(self, cell: Named) -> str:
        return f"{self.notation.name(cell.symbol)} = {decimal(cell.value, self.digits)}"

    def _text(self, text: str, x: float, y: float, size: int, colour: str = _INK, bold: bool = False) -> Html:
        return tag(
            "text",
            text,
            x=round(x, 1),
            y=round(y, 1),
            fill=colour,
            font_size=size,
            font_weight=600 if bold else None,
            font_family=_FONT,
            text_anchor="middle",
            stroke="#ffffff",
            stroke_width=6,
            paint_order="stroke",
        )
