"""What an experiment showed: curves side by side, and what they say in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Experiment"]


@dataclass(frozen=True)
class Experiment:
    """What an experiment showed.

    Attributes:
        name: "rates", "overfit", "seeds" or "data".
        title: what was asked, in the user's language.
        axis: what the curves run over: "step" or "epoch".
        curves: losses by the name of what was tried.
        results: a number for each of them where there is one, such as a skill.
        words: what it says, in the user's language.
    """

    name: str
    title: str
    axis: str
    curves: Mapping[str, Sequence[float]]
    results: Mapping[str, float]
    words: str
