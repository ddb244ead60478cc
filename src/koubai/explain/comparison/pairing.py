"""Finds for every number of a worksheet the one that the other framework has for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from koubai.explain.comparison.outputs import Outputs
from koubai.explain.comparison.theirs import Seen, Snapshot, Theirs
from koubai.explain.expression import Named
from koubai.explain.symbol import Letter
from koubai.explain.update import Update, memory_letter
from koubai.explain.value import Value
from koubai.explain.worksheet import Worksheet, doubled

__all__ = ["their_numbers"]

_SURELY_THE_SAME = 1e-6  # how near a value without a name of its own must be


def their_numbers(sheet: Worksheet, theirs: Theirs) -> dict[Named, float]:
    """Return the other framework's number for each cell of a worksheet that it has one for.

    What a module answers is paired with the answer of its twin. A step within a module's code has no name there: it
    is paired with the first result of the same shape whose value and gradient are the same to six digits. If there is
    none, it has no number; a real difference shows in the answers of modules and in the gradients of parameters.

    Args:
        sheet: the worksheet.
        theirs: what the other framework found.
    """
    seen = _by_letter(sheet, theirs)
    numbers: dict[Named, float] = {}
    for value in sheet.forward:
        _put(numbers, value, seen[value.letter].value if value.letter in seen else None)
    for gradient in sheet.backward:
        _put(numbers, gradient, seen[gradient.letter].gradient if gradient.letter in seen else None)
    for update in sheet.updates:
        _put_update(numbers, sheet, update, theirs.steps[0])
    for value, after in zip(sheet.after, (theirs.answer_after, theirs.loss_after)):
        _put(numbers, value, after)
    return numbers


def _put(numbers: dict[Named, float], value: Value, array: Any) -> None:
    if array is not None and np.size(array) == len(value):
        numbers.update(zip(value, map(float, np.ravel(array))))


def _put_update(numbers: dict[Named, float], sheet: Worksheet, update: Update, after: Snapshot) -> None:
    places = {value.letter: number for number, value in enumerate(sheet.parameters)}
    for parameter in update.parameters:
        _put(numbers, parameter, after.parameters[places[_old(parameter.letter)]])
    owners = {cell.symbol: place for place, value in enumerate(sheet.parameters) for cell in value}
    for value in update.memory:
        owner = value.cells.flat[0].symbol.of
        if owner in owners:
            memory = after.memory[owners[owner]]
            name = next((name for name in memory if _is_called(name, value, update)), "")
            _put(numbers, value, memory.get(name))


def _is_called(name: str, value: Value, update: Update) -> bool:
    """Tell whether an entry of an optimizer's memory is the one on the worksheet; momentum has two forms."""
    if name in ("velocity", "momentum_buffer") and update.form:
        return name == ("velocity" if update.form == "classical" else "momentum_buffer")
    return memory_letter(name) == value.letter.letter


def _old(letter: Letter) -> Letter:
    return Letter(letter.letter, letter.layer)


def _by_letter(sheet: Worksheet, theirs: Theirs) -> dict[Letter, Seen]:
    """What they have for each tensor of the forward pass and each parameter."""
    found = {
        value.letter: Seen(None, gradient) for value, gradient in zip(sheet.parameters, theirs.gradients)
    }
    named, others, slopes = dict(_of_modules(sheet, theirs)), list(theirs.others), sheet.gradients()
    for value in sheet.forward[:-1]:
        seen = named.get(value.letter) or next(
            (s for s in others if _is_same(s, value, slopes.get(value.letter))), None
        )
        if seen is not None:
            found[value.letter] = seen
            others = [s for s in others if s is not seen]
    return found | {sheet.forward[-1].letter: theirs.loss}


def _of_modules(sheet: Worksheet, theirs: Theirs) -> Iterator[tuple[Letter, Seen]]:
    """The values that modules answered; which these are, the same hooks tell on our network."""
    model, inputs, _target = doubled(sheet.problem)
    with Outputs(model) as outputs:
        model(*inputs)
    values = sheet.forward[:-1]
    for place, output in outputs.found.items():
        value = _first_equal(values, output.detach().numpy())
        if value is not None and place in theirs.modules:
            yield value.letter, theirs.modules[place]
            values = [other for other in values if other is not value]


def _first_equal(values: Sequence[Value], array: Any) -> Value | None:
    return next((v for v in values if v.shape == array.shape and np.array_equal(numbers(v), array)), None)


def _is_same(seen: Seen, value: Value, slope: Value | None) -> bool:
    """Tell whether a value is surely ours: by its numbers, and by its gradient, as equal numbers occur twice."""
    same = _is_near(seen.value, value)
    return same and (slope is None or seen.gradient is None or _is_near(seen.gradient, slope))


def _is_near(array: Any, value: Value) -> bool:
    if np.shape(array) != value.shape:
        return False
    return np.allclose(array, numbers(value), rtol=_SURELY_THE_SAME, atol=_SURELY_THE_SAME)


def numbers(value: Value) -> Any:
    """Return the numbers of a value as an array."""
    return np.array([cell.value for cell in value]).reshape(value.shape)
