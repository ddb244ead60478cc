"""Worksheets as a page, as a sheet to fill in, and as Markdown: complete, self-contained, in both languages."""

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from koubai import i18n
from koubai.explain import PRESETS, preset, solve
from koubai.explain.notation import decimal
from koubai.report import write_worksheet


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("KOUBAI_LANG", "en")


class Reader(HTMLParser):
    """The text of every element with an id, and what is fetched."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.fetched: list[str] = []
        self.open: list[str | None] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.fetched += [value for name, value in attrs if name in ("src", "href") and value[0] != "#"]
        if tag not in ("meta", "br", "img", "input"):
            self.open.append(given.get("id"))

    def handle_endtag(self, tag):
        self.open.pop()

    def handle_data(self, data):
        for name in filter(None, self.open):
            self.texts[name] = self.texts.get(name, "") + data


@pytest.mark.parametrize("name", list(PRESETS))
def test_the_page_shows_the_engines_numbers_and_fetches_nothing(name, tmp_path):
    sheet = solve(preset(name))
    text = write_worksheet(sheet, tmp_path / "step.html").read_text(encoding="utf-8")
    reader = Reader(text)
    assert not reader.fetched
    assert "http" not in re.sub(r"xmlns(:\w+)?=.http[^'\"]*.", "", text)
    for cell in sheet.cells():
        shown = reader.texts[cell.symbol.key].rpartition("=")[2]
        assert shown == decimal(cell.value), cell.symbol.key


def test_formulas_are_mathml():
    page = write_page("2-2-1")
    assert "<mfrac><mrow><mo>∂</mo><mi>L</mi></mrow>" in page
    assert "<msubsup><mi>w</mi><mrow><mn>12</mn></mrow>" in page
    for symbol in "ηγ":
        assert f"<mi>{symbol}</mi>" in page
    assert page.count("<math") == page.count("</math>") > 100


def write_page(name, **options):
    from koubai.report.worksheet import worksheet_page

    return worksheet_page(solve(preset(name, momentum=0.9, **options)))


def test_every_box_has_its_solution_and_gives_nothing_away(tmp_path):
    sheet = solve(preset("2-2-1"))
    path = write_worksheet(sheet, tmp_path / "fill.html", fill_in=True)
    whole = path.read_text(encoding="utf-8")
    task, _, solution = whole.partition('<section class="new-sheet">')
    boxes = re.findall(r'class="box" data-key="([^"]+)"><sup>(\d+)</sup>', task)
    numbers = [int(number) for _key, number in boxes]
    assert numbers == list(range(1, len(numbers) + 1))
    answers = re.findall(r"<div><sup>(\d+)</sup>", solution)
    assert [int(answer) for answer in answers] == numbers
    for key, number in boxes:
        value = decimal(next(v for k, v in values(sheet) if k == key)).replace("−", "")
        row = solution.partition(f"<sup>{number}</sup>")[2].partition("</div>")[0]
        assert f"<mn>{value}</mn>" in row
        if len(value) > 5:  # a rounded result, which cannot be a given number
            assert value not in task


def values(sheet):
    after = [cell for value in sheet.after for cell in value]
    return [(cell.symbol.key, cell.value) for cell in [*sheet.cells(), *after]]


def test_markdown_is_balanced_latex(tmp_path):
    text = write_worksheet(solve(preset("lstm")), tmp_path / "notes.md").read_text(encoding="utf-8")
    blocks = text.split("$$")[1::2]
    assert len(blocks) > 20
    for block in blocks:
        assert block.count("{") == block.count("}")
        assert block.count("\\left(") == block.count("\\right)")
        assert block.count("\\begin") == block.count("\\end")
    assert "\\frac{\\partial L}{\\partial w^{ih}_{1}}" in text
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == ["What is given", "Forward pass", "Loss", "Backward pass", "Update", "After the step"]


def test_every_file_speaks_japanese(tmp_path):
    sheet = solve(preset("convolution"))
    with i18n.speaking("ja"):
        files = [
            write_worksheet(sheet, tmp_path / name, fill_in=boxes).read_text(encoding="utf-8")
            for name, boxes in (("a.html", False), ("b.html", True), ("c.md", False), ("d.txt", False))
        ]
    for text in files:
        assert "順伝播" in text
        assert "重みとバイアス" in text
    assert 'lang="ja"' in files[0]
    assert "穴埋め" in files[1]
    assert "のとき" in files[0]


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"\.html, \.md, \.svg, \.txt, \.xlsx, not as step\.pdf"):
        write_worksheet(solve(preset("neuron")), tmp_path / "step.pdf")


def test_parts_come_in_the_order_of_a_training_step():
    page = write_page("neuron")
    places = [
        page.index(f'id="{part}"') for part in ("given", "forward", "loss", "backward", "update", "after")
    ]
    assert all(first < second for first, second in pairwise(places))
