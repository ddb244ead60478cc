"""`koubai compare` as a user types it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len

from koubai import i18n
from koubai.cli import run

RIGHT = "z1_1 = 0.3\na⁽¹⁾₁ = 0.5744\n∂L/∂y = −0.4680\nw2_1_new = 0.5335\n"
WRONG = RIGHT.replace("0.5744", "0.5774")


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANGUAGE", "en")
    monkeypatch.setenv("KOUBAI_LANG", "en")
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "right.txt").write_text(RIGHT, encoding="utf-8")
    (tmp_path / "wrong.txt").write_text(WRONG, encoding="utf-8")
    yield tmp_path
    i18n.set_language(None)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_learner_needs_no_framework(language, capsys):
    assert run(["compare", "2-2-1", "--mine", "right.txt", "--lang", language]) == 0
    assert run(["compare", "--mine", "wrong.txt", "--lang", language]) == 1
    out = capsys.readouterr().out
    assert "✗" in out
    assert "a⁽¹⁾₁ = 1/(1 + exp(−z⁽¹⁾₁))" in out
    assert max(map(cell_len, out.splitlines())) <= 80


@pytest.mark.parametrize("language", ["en", "ja"])
def test_pytorch_stands_beside_us(language, capsys):
    pytest.importorskip("torch")
    arguments = ["compare", "torch", "2-2-1", "--momentum", "0.9", "--steps", "3", "--mine", "right.txt"]
    assert run([*arguments, "--lang", language]) == 0
    out = capsys.readouterr().out
    assert "PyTorch" in out
    assert "∂L/∂w⁽¹⁾₁₁" in out
    assert max(map(cell_len, out.splitlines())) <= 80


def test_a_page_is_written(workplace, capsys):
    assert run(["compare", "--mine", "wrong.txt", "--html", "page"]) == 1
    page = (workplace / "page.html").read_text(encoding="utf-8")
    assert "Written: page.html" in capsys.readouterr().out
    assert 'class="differs"' in page
    assert "<mo>=</mo>" in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_script_runs_in_pytorch(workplace, capsys):
    pytest.importorskip("torch")
    script = (
        "import koubai\nfrom koubai import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.line = nn.Linear(2, 1)\n"
        "    def forward(self, x):\n        return koubai.tanh(self.line(x))\n"
        "model, inputs, target = Net(), koubai.ones(1, 2), koubai.zeros(1, 1)\n"
    )
    (workplace / "mine.py").write_text(script, encoding="utf-8")
    assert run(["compare", "torch", "mine.py"]) == 0
    assert "agree in all" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Compare with what?"),
        (["2-2-1"], "Compare with what?"),
        (["torch", "2-2-1", "xor"], "One framework and one network"),
        (["torch", "2-2-x"], "There is no network 2-2-x"),
        (["torch", "--steps", "0"], "--steps must be at least 1"),
        (["--mine", "none.txt"], "There is no file none.txt"),
        (["lstm", "--mine", "right.txt"], "right.txt, line 1: there is no number z1_1"),
        (["--mine", "right.txt", "--html", "a.pdf"], "a.pdf must end in .html"),
    ],
)
def test_a_mistake_is_one_message(arguments, message, capsys):
    assert run(["compare", *arguments]) in (1, 2)
    error = capsys.readouterr().err
    assert error.startswith("✗ ")
    assert message in error
