"""How worksheets read: names, formulas, the chain rule, the update in general form, and both languages."""

import re

import pytest

from koubai import i18n, optim
from koubai.explain import preset, solve, with_numbers
from koubai.explain.expression import Apply, Named, negative
from koubai.explain.notation import decimal
from koubai.explain.symbol import Letter
from koubai.explain.text import TextNotation, worksheet_text

a, b, c = (Named(Letter(letter), value) for letter, value in (("a", 2.0), ("b", -3.0), ("c", 0.5)))


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("KOUBAI_LANG", "en")


@pytest.mark.parametrize(
    ("formula", "names", "numbers"),
    [
        (a + b * c, "a + b·c", "2 + (−3)·0.5"),
        (a - (b - c), "a − (b − c)", "2 − (−3 − 0.5)"),
        ((a + b) * c, "(a + b)·c", "(2 + (−3))·0.5"),
        (a * (1 - a), "a·(1 − a)", "2·(1 − 2)"),
        (1 / (1 + Apply("exp", -a)), "1/(1 + exp(−a))", "1/(1 + exp(−2))"),
        ((a - b) ** 2 / 2, "(a − b)²/2", "(2 − (−3))²/2"),
        (a / (b * c), "a/(b·c)", "2/((−3)·0.5)"),
        (-a * -b, "a·b", "2·(−3)"),
        (-(a + b), "−(a + b)", "−(2 + (−3))"),
        (a + -1.0 / b, "a − 1/b", "2 − 1/(−3)"),
        (negative(-1.0 / b), "1/b", "1/(−3)"),
        (0 * a + 1 * b, "b", "−3"),
        (a * a + b / 2 * 4, "a² + 4·b/2", "2² + 4·(−3)/2"),
    ],
)
def test_brackets_and_signs(formula, names, numbers):
    assert TextNotation().write(formula) == names
    assert TextNotation(numbers=True).write(formula) == numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.5"), (-2.0, "−2"), (0.123456, "0.1235"), (1.2e-5, "1.2×10⁻⁵"), (-0.0, "0"), (1 / 3, "0.3333")],
)
def test_numbers_are_rounded_to_be_read(value, text):
    assert decimal(value) == text


def test_the_chain_rule_is_written_out_with_names_and_numbers():
    text = worksheet_text(solve(preset("neuron")))
    assert "z = w·x + b = 0.6·1.5 + (−0.2) = 0.7" in text
    assert "L = (y − t)²/2 = (0.6682 − 1)²/2 = 0.055" in text
    assert "∂L/∂y = y − t = 0.6682 − 1 = −0.3318" in text
    assert "∂L/∂z = ∂L/∂y·∂y/∂z = ∂L/∂y·y·(1 − y) = (−0.3318)·0.6682·(1 − 0.6682) = −0.0736" in text
    assert "∂L/∂w = ∂L/∂z·∂z/∂w = ∂L/∂z·x = (−0.0736)·1.5 = −0.1104" in text
    assert "∂L/∂b = ∂L/∂z·∂z/∂b = ∂L/∂z·1" in text
    assert "∂L/∂w < 0   w: 0.6 → 0.6552   larger ↑" in text


def test_paths_that_meet_are_added_up():
    text = worksheet_text(solve(preset("2-2-2")))
    assert "∂L/∂a⁽¹⁾₁ = ∂L/∂z⁽²⁾₁·∂z⁽²⁾₁/∂a⁽¹⁾₁ + ∂L/∂z⁽²⁾₂·∂z⁽²⁾₂/∂a⁽¹⁾₁ = " in text


@pytest.mark.parametrize(
    ("options", "rules"),
    [
        ({}, ["w ← w − η·∂L/∂w", "v ← γ·v − η·∂L/∂w", "w ← w + v", "v ← γ·v + ∂L/∂w", "w ← w − η·v"]),
        ({"momentum": 0.9}, ["v ← γ·v − η·∂L/∂w", "w ← w + v", "v ← γ·v + ∂L/∂w", "w ← w − η·v"]),
        (
            {"optimizer": optim.Adam},
            [
                "m ← m + (1 − β₁)·(∂L/∂w − m)",
                "v ← β₂·v + (1 − β₂)·(∂L/∂w)²",
                "w ← w − η/(1 − β₁^n)·m/(√(v)/√(1 − β₂^n) + ε)",
            ],
        ),
    ],
)
def test_the_update_in_general_form(options, rules):
    text = worksheet_text(solve(preset("2-2-1", **options)))
    assert re.findall(r"^ +(\S+ ← .*)$", text, re.MULTILINE) == rules


def test_a_step_that_is_too_large_says_so():
    sheet = solve(with_numbers(preset("neuron", "relu", lr=50.0), {"b": [1.0]}))
    assert "✗ The loss did not fall: the learning rate is too large" in worksheet_text(sheet)


def test_digits_change_what_is_shown_only():
    sheet = solve(preset("neuron"))
    assert "= 0.66818777" in worksheet_text(sheet, digits=8)


def test_japanese_uses_the_fields_terms():
    sheet = solve(preset("convolution"))
    with i18n.speaking("ja"):
        text = worksheet_text(sheet)
    for term in (
        "順伝播：重み付き和",
        "損失",
        "逆伝播：勾配",
        "連鎖律",
        "更新",
        "なら 0、それ以外は 1",
        "小さくなる ↓",
    ):
        assert term in text
    assert not re.search(r"[a-z]{5}", text.replace("PyTorch", "").replace("--momentum", ""))
