"""The lessons show what is so: programs run and print what their page says, and worked formulas are the engine's."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from koubai import i18n
from koubai.explain import preset, solve
from koubai.explain.text import worksheet_text
from koubai.learn import exercise, lesson, lessons
from koubai.report.worksheet.neurons import neurons_svg

DOCS = Path(__file__).parents[2] / "docs"
NUMBERS = range(1, 8)


def page(number: int, ending: str = ".md") -> str:
    (path,) = (
        path for path in DOCS.glob(f"learn/{number}-*{ending}") if path.name.count(".") == ending.count(".")
    )
    return path.read_text(encoding="utf-8")


def program(number: int) -> Path:
    (path,) = DOCS.glob(f"learn/{number}-*.py")
    return path


def blocks(text: str, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_page_shows_its_program_and_what_it_prints(number):
    source = program(number).read_text(encoding="utf-8")
    assert len(source.splitlines()) < 40
    done = subprocess.run(
        [sys.executable, "-W", "error", str(program(number))],
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert blocks(page(number), "python")[0] == source
    for ending in (".md", ".ja.md"):
        assert done.stdout in blocks(page(number, ending), "text")


def test_worked_formulas_are_those_of_the_engine():
    """Every line of a calculation stands in the worksheet of the 2-2-1 network, or begins one."""
    written = "\n".join(worksheet_text(solve(preset("2-2-1"))).split("\n  ")) + "\n"
    count = 0
    for number in (2, 3, 4):
        for ending in (".md", ".ja.md"):
            for block in blocks(page(number, ending), "text")[:-1]:  # the last one is what the program prints
                for line in re.sub(r"\n +=", " =", block).splitlines():
                    assert f"\n{line} " in written or f"\n{line}\n" in written, line
                    count += 1
    assert count > 30


@pytest.mark.parametrize("number", NUMBERS)
def test_both_languages_are_built_alike(number):
    def shape(text: str) -> list[str]:
        return re.findall(r"^(#+ |```\w*|!|- |\d\. |\|)", text, re.MULTILINE)

    assert shape(page(number)) == shape(page(number, ".ja.md"))


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_lesson_is_read_in_the_users_language(language):
    with i18n.speaking(language):
        found = lessons()
        assert [entry.number for entry in found] == list(NUMBERS)
        assert ("順伝播" in lesson(2).title) == (language == "ja")
        assert all(exercise(entry.number).blanks for entry in found)


@pytest.mark.parametrize("number", [0, 8])
def test_a_lesson_that_does_not_exist_is_refused(number):
    for ask in (lesson, exercise):
        with pytest.raises(ValueError, match="1"):
            ask(number)


@pytest.mark.parametrize(("name", "backward"), [("forward", False), ("backward", True)])
def test_pictures_show_the_engines_numbers_of_today(name, backward, monkeypatch):
    monkeypatch.setenv("KOUBAI_LANG", "en")
    drawn = (DOCS / "images" / "learn" / f"{name}.svg").read_text(encoding="utf-8")
    assert drawn == neurons_svg(solve(preset("2-2-1")), backward), "run python tools/lesson_pictures.py"


TERMS = (
    "順伝播、逆伝播、誤差逆伝播法、連鎖律、損失、勾配、勾配消失、勾配爆発、過学習、汎化、学習曲線、早期終了、最急降下法、"
    "確率的勾配降下法、ミニバッチ、学習率、モメンタム、死んだReLU、鞍点、プラトー、残差接続、重み減衰、再構成誤差、ハイパーパラメータ"
)


@pytest.mark.parametrize("name", ["glossary.md", "glossary.ja.md"])
def test_the_glossary_has_the_fields_terms(name):
    text = (DOCS / name).read_text(encoding="utf-8")
    assert not [term for term in TERMS.split("、") if term not in text]
