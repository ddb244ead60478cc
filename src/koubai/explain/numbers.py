"""Changes the numbers of a worksheet by their names: w1_12=0.3, or x=0.5,-1 for all elements at once."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

import numpy as np

import koubai
from koubai.engine.tensor import Tensor
from koubai.explain.naming import given_letters, placed
from koubai.explain.symbol import Letter
from koubai.explain.worksheet import Problem
from koubai.i18n import _

__all__ = ["with_numbers"]


def with_numbers(problem: Problem, numbers: Mapping[str, Sequence[float]]) -> Problem:
    """Return a problem with other numbers.

    Args:
        problem: the problem; it is not changed.
        numbers: by the name of one number, such as "w1_12" or "t", or of a whole tensor, such as "w1" or "x": the new
            values, row by row.

    Raises:
        ValueError: if there is nothing of a name, or it has another number of elements.

    Example:
        >>> with_numbers(preset("2-2-1"), {"x": [0.5, -1.0], "w1_12": [0.3]})
    """
    model = copy.deepcopy(problem.model)
    names, parameters = zip(*model.named_parameters())
    own, others = given_letters(names, problem.letters, problem.target is not None)
    letters = [*own, *others]
    tensors = [*parameters, *problem.inputs]
    if problem.target is not None:
        tensors.append(problem.target)
    arrays = [np.array(tensor.detach().numpy()) for tensor in tensors]
    for key, values in numbers.items():
        _change(key, values, letters, arrays)
    changed = [koubai.tensor(array) for array in arrays]
    _store(parameters, changed)
    inputs = changed[len(parameters) : len(parameters) + len(problem.inputs)]
    target = changed[-1] if problem.target is not None else None
    return replace(problem, model=model, inputs=tuple(inputs), target=target)


def _change(key: str, values: Sequence[float], letters: Sequence[Letter], arrays: Sequence[Any]) -> None:
    """Store new values in the array, or the element, that is called `key`."""
    for letter, array in zip(letters, arrays):
        if key == letter.key:
            _check_count(key, values, array.size)
            array[...] = np.reshape(values, array.shape)
            return
        for place, name in _places(letter, array):
            if key == name:
                _check_count(key, values, 1)
                array[place] = values[0]
                return
    known = [name for letter, array in zip(letters, arrays) for name in _names(letter, array)]
    near = ", ".join(get_close_matches(key, known, 3) or [letter.key for letter in letters])
    raise ValueError(_("There is no number {name} to set; there is {names}.").format(name=key, names=near))


def _places(letter: Letter, array: Any) -> Iterator[tuple[tuple[int, ...], str]]:
    return ((place, placed(letter, array.shape, place).key) for place in np.ndindex(array.shape))


def _names(letter: Letter, array: Any) -> list[str]:
    return [letter.key, *(name for _place, name in _places(letter, array))]


def _check_count(key: str, values: Sequence[float], count: int) -> None:
    if len(values) != count:
        message = _("{name} takes {count} numbers, but it was given {given}.")
        raise ValueError(message.format(name=key, count=count, given=len(values)))


def _store(parameters: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    with koubai.no_grad():
        for parameter, value in zip(parameters, values):
            parameter.copy_(value)
