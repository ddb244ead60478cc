"""The cheat sheet: the formulas of a network on one page of A4; and networks drawn as circles and arrows."""

import re

import pytest

from koubai import i18n
from koubai.explain import preset, solve
from koubai.report import write_cheat_sheet
from koubai.report.pdf import page_count, write_pdf
from koubai.report.worksheet.neurons import neurons_svg


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("KOUBAI_LANG", "en")


def text_of(page: str) -> str:
    return re.sub(r"<style>.*?</style>|<script>.*?</script>|<.*?>", "", page, flags=re.DOTALL)


def test_it_has_every_part_of_the_step_as_mathml(tmp_path):
    page = write_cheat_sheet(solve(preset("2-2-1")), tmp_path / "sheet.html").read_text(encoding="utf-8")
    text = text_of(page)
    for part in ("1 Forward", "2 Loss", "3 Backward", "4 Update"):
        assert part in text
    assert "<mfrac><mrow><mo>∂</mo><mi>L</mi></mrow>" in page
    for formula in ("z1(1)=w11(1)·x1+w12(1)·x2+b1(1)", "∂L∂z(2)=∂L∂y·∂y∂z(2)=∂L∂y·y·(1−y)", "w←w−η·∂L∂w"):
        assert formula in text
    assert "http" not in re.sub(r'xmlns="[^"]*"', "", page)


def test_long_sums_and_tensors_lose_their_middle(tmp_path):
    page = write_cheat_sheet(solve(preset("10-8-1")), tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert "⋯" in page
    assert "⋮" in page


@pytest.mark.slow
@pytest.mark.parametrize(("name", "language"), [("2-2-1", "en"), ("2-2-1", "ja"), ("attention", "en")])
def test_it_prints_on_one_page(name, language, tmp_path):
    try:
        with i18n.speaking(language):
            path = write_cheat_sheet(solve(preset(name)), tmp_path / "sheet.pdf")
    except FileNotFoundError as error:
        pytest.skip(str(error))
    assert page_count(path) == 1


def test_a_page_break_makes_two_pages(tmp_path):
    page = "<p style='break-after: page'>1</p><p>2</p>"
    try:
        assert page_count(write_pdf(page, tmp_path / "two.pdf")) == 2
    except FileNotFoundError as error:
        pytest.skip(str(error))


def test_without_a_browser_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FileNotFoundError, match="print it in your browser"):
        write_cheat_sheet(solve(preset("neuron")), tmp_path / "sheet.pdf")
    assert not (tmp_path / "sheet.pdf").exists()


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"sheet\.docx"):
        write_cheat_sheet(solve(preset("neuron")), tmp_path / "sheet.docx")


def test_circles_carry_values_forward_and_gradients_backward():
    sheet = solve(preset("2-2-1"))
    forward, backward = neurons_svg(sheet), neurons_svg(sheet, backward=True)
    for text in ("w⁽¹⁾₁₂ = 0.2", "z⁽¹⁾₁ = 0.3", ">0.5744<", "t = 1"):
        assert text in forward
    for text in ("∂L/∂w⁽¹⁾₁₂ = −0.0071", ">∂L/∂z⁽²⁾<", ">−0.1165<"):
        assert text in backward
    assert forward.count("<line") == backward.count("<line") == 7


@pytest.mark.parametrize("name", ["lstm", "attention", "convolution", "xor", "5-4-1"])
def test_what_is_no_small_chain_of_layers_is_not_drawn(name):
    assert neurons_svg(solve(preset(name))) == ""
