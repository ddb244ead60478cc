"""Sizes given as one number for all dimensions, or as one number per dimension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

__all__ = ["Size", "per_dimension"]

T = TypeVar("T")

Size = int | Sequence[int]
"""One number for all spatial dimensions, or one for each."""


def per_dimension(value: T | Sequence[T], rank: int, name: str) -> tuple[T, ...]:
    """Return `value` as a tuple of `rank` numbers.

    Raises:
        ValueError: another number of them was given.
    """
    if not isinstance(value, Sequence):
        return (value,) * rank
    if len(value) != rank:
        raise ValueError(f"{name} must be one number or {rank} of them, got {tuple(value)}")
    return tuple(value)
