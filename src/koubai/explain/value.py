"""A tensor on paper: a letter, and for each element a number with its name and the formula it follows from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from koubai.explain.expression import Named, Role, Term
from koubai.explain.naming import placed
from koubai.explain.symbol import Derivative, Letter, Symbol
from koubai.explain.written import Elements, elements

__all__ = ["Value", "gradient_value", "named_value"]


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor whose elements have names.

    Attributes:
        letter: the letter of all of them.
        cells: the elements, an array of `Named`.
        path: the module that made it; empty for what is given, and for the model itself.
    """

    letter: Letter
    cells: Elements
    path: str = ""

    def __iter__(self) -> Iterator[Named]:
        return iter(self.cells.flat)

    def __len__(self) -> int:
        return int(self.cells.size)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the tensor."""
        return tuple(self.cells.shape)


def named_value(
    letter: Letter,
    numbers: Any,
    role: Role,
    formulas: Elements | None = None,
    path: str = "",
    of: Value | None = None,
) -> Value:
    """Name the elements of an array.

    Args:
        letter: the letter of all.
        numbers: their values, from the engine.
        role: what they are in the step.
        formulas: how they follow from others; None for what is given.
        path: the module that made them.
        of: a value of the same shape: the elements are called after its elements.
    """
    array = np.asarray(numbers)
    owners = None if of is None else list(of)

    def symbol(place: Sequence[int], number: int) -> Letter:
        if owners is None:
            return placed(letter, array.shape, place)
        owner = owners[number].symbol
        assert isinstance(owner, Letter)
        return Letter(letter.letter, letter.layer, new=letter.new, of=owner)

    return Value(letter, _cells(array, symbol, role, formulas), path)


def gradient_value(loss: Letter, of: Value, numbers: Any, formulas: Elements) -> Value:
    """Name the elements of a gradient: ∂L/∂ each element of a value."""
    owners = list(of)

    def symbol(place: Sequence[int], number: int) -> Derivative:
        by = owners[number].symbol
        assert isinstance(by, Letter)
        return Derivative(loss, by)

    return Value(of.letter, _cells(np.asarray(numbers), symbol, Role.GRADIENT, formulas), of.path)


def _cells(
    array: Any, symbol: Callable[[Sequence[int], int], Symbol], role: Role, formulas: Elements | None
) -> Elements:
    written: list[Term | None] = [None] * array.size if formulas is None else list(np.ravel(formulas))
    named = [
        Named(symbol(place, number), float(array[place]), formula, role)
        for number, (place, formula) in enumerate(zip(np.ndindex(array.shape), written))
    ]
    return elements(named, array.shape)
