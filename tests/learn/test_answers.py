"""Exercises: the engine's answers are right, a learner's are marked by the digits that were written."""

import re
from dataclasses import replace

import numpy as np
import pytest

from koubai import i18n
from koubai.learn import Answers, Blank, exercise, mark, read_answers, template

NUMBERS = range(1, 8)


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("KOUBAI_LANG", "en")


def by_name(number, seed=0):
    return {blank.name: blank.answer for blank in exercise(number, seed).blanks}


def known(number, seed=0):
    lines = (line.split(" = ") for line in exercise(number, seed).given if " = " in line)
    return {name: float(value) for name, value in lines}


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def network(numbers):
    """The 2-2-1 network as anybody would write it: its hidden activations and its answer."""
    w1 = np.array([[numbers["w1_11"], numbers["w1_12"]], [numbers["w1_21"], numbers["w1_22"]]])
    a = sigmoid(w1 @ [numbers["x_1"], numbers["x_2"]] + [numbers["b1_1"], numbers["b1_2"]])
    return a, sigmoid(numbers["w2_1"] * a[0] + numbers["w2_2"] * a[1] + numbers["b2"])


def loss(numbers):
    return (network(numbers)[1] - numbers["t"]) ** 2 / 2


@pytest.mark.parametrize("seed", [0, 1, 17])
def test_forward_and_loss(seed):
    numbers, answers = known(2, seed), by_name(2, seed)
    a, y = network(numbers)
    assert [answers["a1_1"], answers["a1_2"], answers["y"]] == pytest.approx([*a, y])
    given, asked = known(3, seed), by_name(3, seed)
    assert asked["L"] == pytest.approx((given["y"] - given["t"]) ** 2 / 2)
    assert asked["dL/dy"] == pytest.approx(given["y"] - given["t"])


@pytest.mark.parametrize("seed", [0, 1, 17])
def test_gradients_are_those_of_numerical_differentiation(seed):
    numbers, h = known(4, seed), 1e-6
    answers = {name.removeprefix("dL/d"): value for name, value in by_name(4, seed).items()}
    for name in set(answers) & set(numbers) - {"y", "a1_1", "a1_2"}:
        slope = (loss({**numbers, name: numbers[name] + h}) - loss({**numbers, name: numbers[name] - h})) / (
            2 * h
        )
        assert answers[name] == pytest.approx(slope, abs=1e-8), name
    check = by_name(6, seed)
    assert check["L_plus"] == pytest.approx(loss({**numbers, "w2_1": numbers["w2_1"] + 0.1}))
    assert check["numerical"] == pytest.approx(check["dL/dw2_1"], rel=0.05)


def test_fifty_steps_are_those_of_plain_gradient_descent():
    numbers, h = known(5), 1e-6
    weights = [name for name in numbers if name[0] in "wb"]
    losses = []
    for _step in range(51):
        losses.append(loss(numbers))
        slopes = {
            name: (loss({**numbers, name: numbers[name] + h}) - loss({**numbers, name: numbers[name] - h}))
            / (2 * h)
            for name in weights
        }
        numbers |= {name: numbers[name] - numbers["lr"] * slopes[name] for name in weights}
    answers = by_name(5)
    assert [answers[f"L_after_{n}"] for n in (1, 10, 50)] == pytest.approx([losses[n] for n in (1, 10, 50)])


def test_formulas_belong_where_they_are_said_to_belong():
    for seed in range(5):
        asked = exercise(7, seed)
        formulas = dict(line.split(": ") for line in asked.given)
        for blank in asked.blanks:
            formula = formulas[blank.name]
            part = 4 if "η" in formula else 3 if "∂L" in formula else 2 if "t" in formula else 1
            assert blank.answer == part, formula


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("seed", [0, 5])
def test_the_engines_answers_to_four_decimals_are_right(number, seed):
    asked = exercise(number, seed)
    text = template(asked, "heading")
    for blank in asked.blanks:
        text = text.replace(f"\n{blank.name} = \n", f"\n{blank.name} = {blank.answer:.4f}\n")
    answers = read_answers(text)
    assert answers.seed == seed
    assert all(entry.right for entry in mark(exercise(number, answers.seed), answers))


@pytest.mark.parametrize("number", NUMBERS)
def test_hints_do_not_tell_the_answer(number):
    asked = exercise(number)
    empty = mark(asked, Answers(0, {}))
    assert not any(entry.right for entry in empty)
    for entry in empty:
        assert f"{abs(entry.blank.answer):.4f}".rstrip("0") not in entry.advice


def test_every_seed_has_its_own_numbers_and_keeps_them():
    for number in NUMBERS:
        assert exercise(number, 3) == exercise(number, 3)
        assert exercise(number, 3).given != exercise(number, 4).given


@pytest.mark.parametrize(
    ("answer", "written", "right", "advice"),
    [
        (0.574442, "0.5744", True, ""),
        (0.574442, "0.5745", True, ""),  # calculated with rounded numbers
        (0.574442, "0.5746", False, "Look again"),
        (0.574442, "0.57", True, ""),
        (0.574442, "0.6", False, "more digits"),
        (0.574442, "0.60", False, "Look again"),
        (0.574442, "0.57440001", True, ""),  # more decimals than anybody can have
        (0.574442, "-0.5744", False, "sign"),
        (0.4, "0.4", True, ""),
        (0.4, "4e-1", True, ""),
        (0.0168, "0", False, "more digits"),
        (0.00094, "0.0009", True, ""),
        (5e-17, "0", True, ""),
        (3.0, "3", True, ""),
        (3.0, "2", False, "Look again"),
        (0.5, "1/2", False, "not a number"),
        (0.5, "inf", False, "not a number"),
    ],
)
def test_an_answer_is_right_to_the_digits_that_were_written(answer, written, right, advice):
    asked = replace(exercise(2), blanks=(Blank("z", answer, "z = w·x", "z = w·x = …"),))
    (entry,) = mark(asked, Answers(0, {"z": written}))
    assert entry.right == right
    assert advice in entry.advice


def test_a_file_is_read_as_people_write_it():
    answers = read_answers("# note\n\nz = 0.1·1 + 0.2 = 0.3  # by hand\nａ ＝ −０．５\nseed = 7\ny =\n")
    assert answers == Answers(7, {"z": "0.3", "a": "-0.5", "y": ""})


@pytest.mark.parametrize(
    ("text", "message"),
    [("z 0.3", "Line 1"), ("seed = x", "whole number"), ("z9 = 1", "Nobody asked for z9")],
)
def test_mistakes_in_a_file_are_named(text, message):
    with pytest.raises(ValueError, match=message):
        mark(exercise(2), read_answers(text))


def test_japanese_exercises_are_japanese():
    with i18n.speaking("ja"):
        for number in NUMBERS:
            task = template(exercise(number), "見出し")
            assert re.search(r"[ぁ-ん]", exercise(number).task)
            assert "rounded" not in task
