"""The living spreadsheet: LibreOffice recalculates it, and every number is the engine's, also after changes."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import koubai
from koubai import i18n, optim
from koubai.explain import ACTIVATIONS, preset, solve, with_numbers
from koubai.explain.text import TextNotation
from koubai.report import write_worksheet
from koubai.report.worksheet.workbook import STEPS

openpyxl = pytest.importorskip("openpyxl")
pytest.importorskip("xlsxwriter")
OFFICE = shutil.which("soffice") or shutil.which("libreoffice")
needs_office = pytest.mark.skipif(OFFICE is None, reason="LibreOffice is not installed (soffice)")

# name of the case: preset, activation, options
PLAIN = {
    name: (name, None, {})
    for name in ("2-2-1", "neuron", "xor", "softmax", "convolution", "lstm", "attention")
}
CASES = {
    **PLAIN,
    "3-4-2": ("3-4-2", "tanh", {}),
    "momentum": ("2-2-1", None, {"momentum": 0.9, "lr": 0.1}),
    "adam": ("2-2-1", None, {"optimizer": optim.Adam, "lr": 0.05}),
}
# name of the case: preset, what is changed, the activation that is chosen, the learning rate
CHANGED = {
    **{f"2-2-1-{name}": ("2-2-1", {"w1_12": -0.7, "x_2": 1.5}, name, 0.3) for name in ACTIVATIONS},
    "pooling": ("convolution", {"w1_11": -0.9, "x_33": -2.0}, "tanh", 0.05),
    "softmax-target": ("softmax", {"t_2": 0.0, "t_3": 1.0, "w_11": 3.0}, None, 0.2),
}


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("KOUBAI_LANG", "en")


@pytest.fixture(scope="module")
def calculated(tmp_path_factory) -> Path:
    """All workbooks as LibreOffice calculates them: openpyxl takes the numbers out, so that none can be left over."""
    folder = tmp_path_factory.mktemp("books")
    with i18n.speaking("en"):
        for case, (name, activation, options) in CASES.items():
            write_worksheet(solve(preset(name, activation, **options)), folder / f"{case}.xlsx")
        for case, (name, *_rest) in CHANGED.items():
            write_worksheet(solve(preset(name)), folder / f"{case}.xlsx")
    for case in (*CASES, *CHANGED):
        book = openpyxl.load_workbook(folder / f"{case}.xlsx")
        if case in CHANGED:
            change(book.worksheets[0], *CHANGED[case][1:])
        book.save(folder / f"{case}.xlsx")
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    books = [str(folder / f"{case}.xlsx") for case in (*CASES, *CHANGED)]
    command = [OFFICE, profile, "--headless", "--convert-to", "xlsx", "--outdir", str(folder / "out"), *books]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return folder / "out"


def change(sheet, numbers, activation, lr) -> None:
    for row in range(1, sheet.max_row + 1):
        key = KEYS.get(sheet.cell(row, 1).value)
        if key in numbers:
            sheet.cell(row, 2).value = numbers[key]
        if key == "lr":
            sheet.cell(row, 2).value = lr
    if activation is not None:
        sheet["B3"] = activation


KEYS = {
    TextNotation().name(cell.symbol): cell.symbol.key
    for name in PLAIN
    for cell in solve(preset(name, momentum=0.9)).cells()
}


def numbers_of(book) -> dict[str, float]:
    sheet = book.worksheets[0]
    rows = range(1, sheet.max_row + 1)
    return {sheet.cell(row, 1).value: sheet.cell(row, 2).value for row in rows if sheet.cell(row, 1).value}


def assert_same(found, sheet) -> None:
    for cell in sheet.cells():
        name = TextNotation().name(cell.symbol)
        assert found[name] == pytest.approx(cell.value, abs=1e-9), name
    assert found["L′"] == pytest.approx(sheet.loss_after.value, abs=1e-9)


@needs_office
@pytest.mark.parametrize("case", CASES)
def test_every_number_is_the_engines(calculated, case):
    name, activation, options = CASES[case]
    book = openpyxl.load_workbook(calculated / f"{case}.xlsx", data_only=True)
    assert_same(numbers_of(book), solve(preset(name, activation, **options)))


@needs_office
@pytest.mark.parametrize("case", CHANGED)
def test_a_changed_cell_changes_all_that_follows(calculated, case):
    name, numbers, activation, lr = CHANGED[case]
    book = openpyxl.load_workbook(calculated / f"{case}.xlsx", data_only=True)
    problem = with_numbers(preset(name, activation, lr=lr), {key: [value] for key, value in numbers.items()})
    assert_same(numbers_of(book), solve(problem))


@needs_office
@pytest.mark.parametrize("case", CASES)
def test_fifty_steps_are_those_of_a_training(calculated, case):
    name, activation, options = CASES[case]
    sheet = openpyxl.load_workbook(calculated / f"{case}.xlsx", data_only=True).worksheets[1]
    losses = [sheet.cell(row, 2).value for row in range(2, STEPS + 2)]
    assert losses == pytest.approx(trained(preset(name, activation, **options)), abs=1e-9)


def trained(problem) -> list[float]:
    model = problem.model
    optimizer = problem.optimizer(list(model.parameters()), **problem.options)
    losses = []
    for _step in range(STEPS):
        optimizer.zero_grad()
        answer = model(*problem.inputs)
        loss = problem.loss(answer[0] if isinstance(answer, tuple) else answer, problem.target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_what_is_stored_beside_the_formulas_is_right_before_anybody_calculates(tmp_path):
    sheet = solve(preset("2-2-1", momentum=0.5))
    path = write_worksheet(sheet, tmp_path / "step.xlsx")
    book = openpyxl.load_workbook(path, data_only=True)
    assert_same(numbers_of(book), sheet)
    losses = [book.worksheets[1].cell(row, 2).value for row in range(2, STEPS + 2)]
    assert losses == pytest.approx(trained(preset("2-2-1", momentum=0.5)), abs=1e-12)


def test_every_cell_but_the_given_ones_is_a_formula(tmp_path):
    sheet = solve(preset("2-2-1"))
    book = openpyxl.load_workbook(write_worksheet(sheet, tmp_path / "step.xlsx"))
    cells = numbers_of(book)
    for cell in sheet.cells():
        stored = cells[TextNotation().name(cell.symbol)]
        assert isinstance(stored, str) == (cell.formula is not None)
    run = book.worksheets[1]
    assert all(str(run.cell(row, 2).value).startswith("=") for row in range(2, STEPS + 2))
    assert len(book.worksheets[0]._charts) == 1


def test_the_workbook_speaks_japanese(tmp_path):
    with i18n.speaking("ja"):
        book = openpyxl.load_workbook(write_worksheet(solve(preset("neuron")), tmp_path / "step.xlsx"))
    assert book.sheetnames == ["1ステップ", "50ステップ"]
    assert book.worksheets[0]["A2"].value == "黄色のセルを変えてみてください。ほかのセルはすべて数式です。"


def test_without_xlsxwriter_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'koubai\[explain\]'"):
        write_worksheet(solve(preset("neuron")), tmp_path / "step.xlsx")


def test_a_parameter_that_is_not_used_stays_in_all_steps(tmp_path):
    class Unused(koubai.nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.idle = koubai.nn.Linear(1, 1), koubai.nn.Linear(1, 1)

        def forward(self, x):
            return self.used(x)

    sheet = koubai.explain(Unused(), koubai.ones(1, 1), target=koubai.ones(1, 1))
    run = openpyxl.load_workbook(write_worksheet(sheet, tmp_path / "step.xlsx"), data_only=True).worksheets[1]
    column = next(cell.column for cell in run[1] if cell.value == "w⁽²⁾")
    assert {run.cell(row, column).value for row in range(2, STEPS + 2)} == {sheet["w2"]}


def test_a_network_without_activation_has_none_to_choose(tmp_path):
    model = koubai.nn.Linear(1, 1)
    sheet = koubai.explain(model, koubai.ones(1, 1), target=koubai.ones(1, 1))
    book = openpyxl.load_workbook(write_worksheet(sheet, tmp_path / "step.xlsx"))
    assert book.worksheets[0]["B3"].value is None


def test_texts_in_formulas_are_kept_as_short_as_excel_wants_them(tmp_path, monkeypatch):
    """A text in a formula has up to 255 characters there; LibreOffice would take more."""
    monkeypatch.setattr("koubai.report.worksheet.workbook.LONGEST_TEXT", 40)
    path = write_worksheet(solve(preset("neuron", "gelu")), tmp_path / "step.xlsx")
    formulas = [cell.value for row in openpyxl.load_workbook(path).worksheets[0] for cell in row]
    chosen = [formula for formula in formulas if str(formula).startswith("=CHOOSE") and '"' in formula]
    assert any("&" in formula for formula in chosen)
    for formula in chosen:
        assert max(map(len, re.findall(r'"([^"]*)"', formula))) <= 40


def test_a_formula_that_is_too_long_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^z⁽¹⁾ is too long for a cell"):
        write_worksheet(solve(preset("600-1-1")), tmp_path / "step.xlsx")
