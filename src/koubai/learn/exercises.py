"""The seven exercises. Each is a function of the seed, and every number in it comes from the engine."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import koubai
from koubai import nn
from koubai.explain import Problem, Worksheet, preset, solve, with_numbers
from koubai.explain.pages import Part, pages
from koubai.explain.text import TextNotation
from koubai.i18n import _
from koubai.learn.exercise import Blank, Exercise, blank_of, given, lines_of, plain

__all__ = ["exercise", "own_network"]

_INPUTS = ("x_1", "x_2")
_WEIGHTS = ("w1_11", "w1_12", "w1_21", "w1_22", "b1_1", "b1_2", "w2_1", "w2_2", "b2")
_SHIFT = 0.1  # of the weight whose derivative is taken by hand
_STEPS = (1, 10, 50)


def exercise(number: int, seed: int = 0) -> Exercise:
    """Return the exercise of a lesson, in the user's language.

    Args:
        number: of the lesson, from 1.
        seed: every seed has its own numbers, so that nobody can copy.

    Raises:
        ValueError: if there is no such lesson.
    """
    if not 1 <= number <= len(_EXERCISES):
        message = _("There is no lesson {number}; there are lessons 1 to {last}.")
        raise ValueError(message.format(number=number, last=len(_EXERCISES)))
    task, known, blanks = _EXERCISES[number - 1](seed)
    return Exercise(number, seed, task, tuple(known), tuple(blanks))


_Parts = tuple[str, tuple[str, ...], list[Blank]]


def _update(seed: int) -> _Parts:
    sheet = solve(_with_own("2-1", seed, x=2, w=2, b=1))
    known = ("w_1", "w_2", "b", "lr", "dL/dw_1", "dL/dw_2", "dL/db")
    task = _("Backpropagation has found the gradients. Take the step of gradient descent, w ← w − η·∂L/∂w.")
    return (task, *_from(sheet, known, ("w_1_new", "w_2_new", "b_new")))


def _forward(seed: int) -> _Parts:
    sheet = solve(own_network(seed))
    asked = ("z1_1", "z1_2", "a1_1", "a1_2", "z2", "y")
    task = _("Go forward through the 2-2-1 network with the sigmoid as its activation.")
    return (task, *_from(sheet, (*_INPUTS, *_WEIGHTS), asked))


def _loss(seed: int) -> _Parts:
    model = nn.Linear(1, 1, bias=False).double()  # y = w·1: an answer that is a round number
    own = Problem(
        model,
        preset("neuron").inputs,
        preset("neuron").target,
        preset("neuron").loss,
        options={"lr": 0.1},
    )
    sheet = solve(with_numbers(own, {"x": [1.0], "w": [_answer(seed)]}))
    task = _("The network has answered y; t would be right. How wrong is it, and which way should y move?")
    return (task, *_from(sheet, ("y", "t"), ("L", "dL/dy")))


def _backward(seed: int) -> _Parts:
    sheet = solve(own_network(seed))
    known = (*_INPUTS, "t", *_WEIGHTS, "a1_1", "a1_2", "y")
    to_the_hidden_layer = ("dL/dy", "dL/dz2", "dL/dw2_1", "dL/dw2_2", "dL/db2", "dL/da1_1", "dL/da1_2")
    through_it = ("dL/dz1_1", "dL/dz1_2", "dL/dw1_11", "dL/dw1_12", "dL/dw1_21", "dL/dw1_22")
    task = _("The forward pass is done. Let the error flow back, from the loss to the first weights.")
    return (task, *_from(sheet, known, (*to_the_hidden_layer, *through_it)))


def _training(seed: int) -> _Parts:
    problem = own_network(seed)
    losses = _losses(problem, max(_STEPS))
    blanks = [_loss_after(steps, losses[steps]) for steps in _STEPS]
    sheet = solve(problem)
    settings = (
        f"--set {value.letter.key}={','.join(plain(cell.value) for cell in value)}"
        for value in (*sheet.inputs, *sheet.parameters)
    )
    task = _(
        "Train the network for 50 steps on its one sample, with the program of the lesson or the spreadsheet."
    )
    known = given((*_INPUTS, "t", *_WEIGHTS, "lr"), lines_of(sheet))
    return task, (*known, f"koubai explain 2-2-1 {' '.join(settings)} --xlsx step.xlsx"), blanks


def _loss_after(steps: int, loss: float) -> Blank:
    hint = _("Steps to take: {count}. Then go forward once more: L = (y − t)²/2.")
    name = f"L_after_{steps}"
    return Blank(name, loss, hint.format(count=steps), f"{name} = {plain(loss)}")


def _numerical(seed: int) -> _Parts:
    problem = own_network(seed)
    sheet = solve(problem)
    at = sheet["w2_1"]
    minus, plus = (_loss_at(problem, at + step) for step in (-_SHIFT, _SHIFT))
    lines = lines_of(sheet)
    slope = (plus - minus) / (2 * _SHIFT)
    forward = _("the loss of a forward pass with w2_1 = {weight}")
    blanks = [
        *(
            Blank(name, loss, f"{name}: {how}", f"{name} = {plain(loss)}: {how}")
            for name, loss, how in (
                ("L_minus", minus, forward.format(weight=plain(at - _SHIFT))),
                ("L_plus", plus, forward.format(weight=plain(at + _SHIFT))),
            )
        ),
        Blank(
            "numerical",
            slope,
            "(L_plus - L_minus)/(2·0.1)",
            f"({plain(plus)} - {plain(minus)})/(2·0.1) = {plain(slope)}",
        ),
        blank_of("dL/dw2_1", lines),
    ]
    task = _(
        "Check a gradient: once by numerical differentiation (w2_1 smaller and larger by 0.1), once by backpropagation."
    )
    return task, given((*_INPUTS, "t", *_WEIGHTS), lines), blanks


def _formulas(seed: int) -> _Parts:
    sheet = solve(own_network(seed))
    lines = lines_of(sheet)
    asked = ["z1_1", "z2", "a1_2", "L", "dL/dz2", "dL/dw2_1", "dL/da1_2", "w1_12_new"]
    order = koubai.randperm(len(asked), generator=koubai.Generator().manual_seed(seed)).tolist()
    parts = {line.cell.symbol.key: page.part for page in pages(sheet) for line in page.lines}
    parts["L"] = Part.LOSS  # it is shown again after the step
    steps = [Part.FORWARD, Part.LOSS, Part.BACKWARD, Part.UPDATE]
    known, blanks = [], []
    for letter, place in zip("ABCDEFGH", order):
        name = asked[place]
        formula = TextNotation().write(lines[name].formula)
        number = 1 + steps.index(parts[name])
        known.append(f"{letter}: {formula}")
        hint = _(
            "{letter}: is there η in it (update)? else ∂L/∂… (backward)? else the target t (loss)? else forward"
        )
        solution = f"{letter} = {number}: {TextNotation().name(lines[name].cell.symbol)} = {formula}"
        blanks.append(Blank(letter, number, hint.format(letter=letter), solution))
    task = _(
        "Right-hand sides of formulas: where does each belong? Write 1 forward pass, 2 loss, 3 backward pass, 4 update."
    )
    return task, tuple(known), blanks


_EXERCISES: tuple[Callable[[int], _Parts], ...] = (
    _update,
    _forward,
    _loss,
    _backward,
    _training,
    _numerical,
    _formulas,
)


def _from(
    sheet: Worksheet, known: tuple[str, ...], asked: tuple[str, ...]
) -> tuple[tuple[str, ...], list[Blank]]:
    lines = lines_of(sheet)
    return given(known, lines), [blank_of(name, lines) for name in asked]


def own_network(seed: int) -> Problem:
    """The learner's own 2-2-1 network: the same in all lessons."""
    return _with_own("2-2-1", seed, x=2, w1=4, b1=2, w2=2, b2=1)


def _with_own(network: str, seed: int, **counts: int) -> Problem:
    """A network with numbers of one decimal, none of them 0, that follow from the seed."""
    draw = _tenths(seed)
    return with_numbers(
        preset(network), {name: [next(draw) for _n in range(n)] for name, n in counts.items()}
    )


def _answer(seed: int) -> float:
    return abs(next(_tenths(seed)))


def _tenths(seed: int) -> Iterator[float]:
    generator = koubai.Generator().manual_seed(seed)
    while True:
        size, sign = koubai.rand(2, generator=generator).tolist()
        yield (1 + int(size * 9)) / 10 * (1 if sign < 0.5 else -1)


def _losses(problem: Problem, steps: int) -> list[float]:
    """The loss before the first step, and after each."""
    model = copy.deepcopy(problem.model)
    optimizer = problem.optimizer(model.parameters(), **problem.options)
    losses = []
    for _step in range(steps + 1):
        optimizer.zero_grad()
        loss = problem.loss(model(*problem.inputs), problem.target)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    return losses


def _loss_at(problem: Problem, weight: float) -> float:
    return solve(with_numbers(problem, {"w2_1": [weight]})).loss.value
