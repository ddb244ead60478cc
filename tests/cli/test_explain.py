"""`koubai explain` as a user types it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len

from koubai import i18n
from koubai.cli import run
from koubai.explain import PRESETS, gradient_costs

SCRIPT = """
import koubai
from koubai import nn

model = nn.Sequential(nn.Linear(2, 1), nn.Tanh())
inputs = koubai.tensor([[0.5, -1.0]])
target = koubai.tensor([[0.3]])
"""


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANGUAGE", "en")
    monkeypatch.setenv("KOUBAI_LANG", "en")
    monkeypatch.setenv("COLUMNS", "80")
    yield tmp_path
    i18n.set_language(None)


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_fits_a_screen_of_80_columns(name, language, capsys):
    assert run(["explain", name, "--lang", language]) == 0
    out = capsys.readouterr().out
    assert "∂L/∂" in out
    assert max(map(cell_len, out.splitlines())) <= 80


def test_numbers_are_changed_on_the_command_line(capsys):
    assert (
        run(["explain", "neuron", "--set", "w=2", "--set", "x=0.25", "--lr", "0.1", "--activation", "relu"])
        == 0
    )
    out = capsys.readouterr().out
    assert "z = w·x + b = 2·0.25 + (−0.2) = 0.3" in out
    assert "y = max(z, 0)" in out
    assert "− 0.1·" in out


def test_a_script_brings_any_network(workplace, capsys):
    (workplace / "mine.py").write_text(SCRIPT, encoding="utf-8")
    assert run(["explain", "mine.py", "--momentum", "0.9"]) == 0
    out = capsys.readouterr().out
    assert "y = tanh(z)" in out
    assert "v ← γ·v − η·∂L/∂w" in out


def test_files_are_written_instead_of_the_screen(workplace, capsys):
    pytest.importorskip("xlsxwriter")
    arguments = ["--html", "a", "--fill-in", "b.html", "--markdown", "c.md", "--xlsx", "new/d.xlsx"]
    assert run(["explain", "2-2-1", *arguments]) == 0
    out = capsys.readouterr().out
    for name in ("a.html", "b.html", "c.md", "new/d.xlsx"):
        assert (workplace / name).stat().st_size > 1000
        assert f"Written: {name}" in out
    assert "∂L" not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["2-2-2-x"], "There is no network 2-2-2-x"),
        (["2-2-1", "--set", "w1_99=1"], "There is no number w1_99 to set"),
        (["2-2-1", "--set", "w1_11"], "--set takes NAME=NUMBERS"),
        (["2-2-1", "--set", "x=a"], "--set takes NAME=NUMBERS"),
        (["2-2-1", "--optimizer", "best"], "There is no optimizer best"),
        (["2-2-1", "--activation", "best"], "There is no activation best"),
        (["2-2-1", "--html", "a.pdf"], "a.pdf must end in .html"),
        (["2-2-1", "--digits", "0"], "--digits must be from 1 to 15"),
        (["2-2-1", "--momentum", "0.9", "--optimizer", "adam"], "--momentum belongs to sgd"),
        (["2-2-1", "--lr", "-1"], "learning rate: -1.0"),
        (["missing.py"], "There is no file missing.py"),
        (["200-200-1"], "a worksheet shows up to"),
    ],
)
def test_a_mistake_is_one_message(arguments, message, capsys):
    assert run(["explain", *arguments]) in (1, 2)
    error = capsys.readouterr().err
    assert error.startswith("✗ ")
    assert message in error
    assert "Traceback" not in error


def test_a_script_without_a_network_says_what_is_missing(workplace, capsys):
    (workplace / "mine.py").write_text("inputs = None\n", encoding="utf-8")
    assert run(["explain", "mine.py"]) == 1
    assert "mine.py must define model" in capsys.readouterr().err


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_cost_of_gradients_is_shown_for_growing_networks(language, capsys, monkeypatch):
    monkeypatch.setattr("koubai.cli.gradient_cost.gradient_costs", lambda: gradient_costs([2, 4]))
    assert run(["explain", "--cost", "--lang", language]) == 0
    out = capsys.readouterr().out
    assert "4-4-4-1" in out
    assert "90" in out
    assert "2,000,000" in out
    assert max(map(cell_len, out.splitlines())) <= 80


class TestStepping:
    """With a screen and keys, one page is shown at a time."""

    @pytest.fixture
    def keys(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What is typed; the input ends behind it."""
        typed: list[str] = []

        def answer(*_: object) -> str:
            if not typed:
                raise EOFError
            return typed.pop(0)

        monkeypatch.setattr("koubai.cli.worksheet.keys_can_be_pressed", lambda: True)
        monkeypatch.setattr("rich.console.Console.input", answer)
        return typed

    def test_enter_goes_on_and_b_goes_back(self, keys, capsys):
        keys += ["", "b", "", "", "q"]
        assert run(["explain", "neuron"]) == 0
        headings = [line for line in capsys.readouterr().out.splitlines() if "What is given" in line]
        names = [heading.partition(": ")[2].split("\x1b")[0] for heading in headings]
        given = ["inputs and target", "weights and biases", "options of the update"]
        assert names == [given[0], given[1], given[0], given[1], given[2]]

    def test_the_end_of_the_input_leaves(self, keys, capsys):
        assert run(["explain", "neuron"]) == 0
        assert "Forward pass" not in capsys.readouterr().out

    def test_all_waits_for_no_key(self, keys, capsys):
        assert run(["explain", "neuron", "--all"]) == 0
        assert "The loss fell" in capsys.readouterr().out
