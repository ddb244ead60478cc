"""`koubai learn` as a user types it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len

from koubai import i18n
from koubai.cli import run
from koubai.learn import exercise, lesson

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANGUAGE", "en")
    monkeypatch.setenv("KOUBAI_LANG", "en")
    monkeypatch.setenv("COLUMNS", "80")
    yield tmp_path
    i18n.set_language(None)


def fill_in(path: Path, number: int, **wrong: str) -> None:
    answers = {blank.name: f"{blank.answer:.4f}" for blank in exercise(number).blanks} | wrong
    lines = (
        re.sub(r"^(\S+) = $", lambda found: f"{found[1]} = {answers[found[1]]}", line)
        for line in path.read_text(encoding="utf-8").split("\n")
    )
    path.write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("number", range(1, 8))
def test_a_lesson_fits_a_screen_of_80_columns_and_loses_nothing(number, language, capsys):
    assert run(["learn", str(number), "--lang", language]) == 0
    out = capsys.readouterr().out
    assert max(map(cell_len, out.splitlines())) <= 80
    assert "](" not in out
    with i18n.speaking(language):
        assert out.count("…") == lesson(number).text.count("…")  # no cell of a table is cut off
    assert not re.search(r"^[、。」）]", out, re.MULTILINE)  # no line may begin with these
    assert f"koubai learn check {number}" in out


def test_an_exercise_is_written_marked_and_done(workplace, capsys):
    assert run(["learn", "start", "2"]) == 0
    path = workplace / "lesson2.txt"
    assert run(["learn", "check", "2"]) == 1
    assert "□ z1_1" in capsys.readouterr().out

    fill_in(path, 2, z1_2="9", a1_2="")
    assert run(["learn", "check", "2"]) == 1
    out = capsys.readouterr().out
    assert "✓ z1_1" in out
    assert "✗ z1_2 = 9" in out
    assert "□ a1_2" in out
    assert "Look at z1_2 first.\n  Look again at:\n  z⁽¹⁾₂ = w⁽¹⁾₂₁·x₁ + w⁽¹⁾₂₂·x₂ + b⁽¹⁾₂\n" in out
    assert "-0.04" not in out

    path.unlink()
    run(["learn", "start", "2"])
    fill_in(path, 2)
    assert run(["learn", "check", "2"]) == 0
    assert "All right. ✓" in capsys.readouterr().out
    assert run(["learn"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"2 +Forward, by hand +✓ 6 of 6 right", out)
    assert "Go on: koubai learn 1" in out


def test_ones_own_numbers_stay_ones_own(workplace, capsys):
    assert run(["learn", "start", "4", "mine.txt", "--seed", "17"]) == 0
    assert "koubai learn check 4 mine.txt" in capsys.readouterr().out
    assert "seed = 17" in (workplace / "mine.txt").read_text(encoding="utf-8")
    assert run(["learn", "check", "4", "mine.txt"]) == 1
    assert "koubai learn solution 4 --seed 17" in capsys.readouterr().out
    assert run(["learn", "solution", "4", "--seed", "17"]) == 0
    out = capsys.readouterr().out
    assert "∂L/∂z⁽²⁾ = ∂L/∂y·∂y/∂z⁽²⁾" in out
    assert max(map(cell_len, out.splitlines())) <= 80


def test_answers_are_never_overwritten(workplace, capsys):
    (workplace / "lesson3.txt").write_text("L = 0.5\n", encoding="utf-8")
    assert run(["learn", "start", "3"]) == 1
    assert "lesson3.txt exists already." in capsys.readouterr().err
    assert (workplace / "lesson3.txt").read_text(encoding="utf-8") == "L = 0.5\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["8"], 2, "There is no lesson 8"),
        (["check", "1"], 1, "There is no file lesson1.txt"),
        (["check", "2", "bad.txt"], 1, "Line 1 is not of the form"),
        (["cheatsheet", "2-x"], 2, "There is no network 2-x"),
        (["cheatsheet", "--html", "a.pdf"], 2, "a.pdf must end in .html"),
        (["chek"], 2, "check"),
    ],
)
def test_mistakes_are_explained(workplace, capsys, arguments, code, message):
    (workplace / "bad.txt").write_text("no equals sign\n", encoding="utf-8")
    assert run(["learn", *arguments]) == code
    assert message in capsys.readouterr().err


def test_the_cheat_sheet_has_the_learners_own_numbers(workplace, capsys):
    assert run(["learn", "cheatsheet", "2-2-1", "--set", "w1_12=0.7", "--html", "sheet", "--lang", "ja"]) == 0
    page = (workplace / "sheet.html").read_text(encoding="utf-8")
    assert "0.55" in page  # 0.1·1 + 0.7·0.5 + 0.1
    assert "3 逆伝播" in page


def commands() -> list[tuple[str, list[str]]]:
    """What the pages of the course tell to type, each page in the order in which it is typed."""
    found = []
    for path in sorted([*DOCS.glob("learn/*.md"), DOCS / "questions.md", DOCS / "questions.ja.md"]):
        lines = re.findall(r"^koubai (.*?)(?: +#.*)?$", path.read_text(encoding="utf-8"), re.MULTILINE)
        found.append((path.name, lines))
    return found


@pytest.mark.parametrize(("page", "lines"), commands(), ids=[name for name, _lines in commands()])
def test_commands_that_a_page_shows_run(page, lines, capsys):
    for line in lines:
        if line.startswith("compare"):
            pytest.importorskip("torch")
            if run(["compare", "--help"]) != 0:
                pytest.skip("koubai compare is not there yet")
        if "RUN" in line or "--cost" in line:
            continue  # tested where they are at home
        if "--xlsx" in line:
            pytest.importorskip("xlsxwriter")
        wanted = 1 if line.startswith("learn check") else 0  # nothing is filled in yet
        assert run(line.split()) == wanted, line
        capsys.readouterr()
