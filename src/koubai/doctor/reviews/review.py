"""What a review is: a question of a checklist, and a function that answers it for a training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from koubai.doctor.consultation import Consultation

__all__ = ["Answer", "Entry", "ListName", "Review", "Subject", "no", "yes"]

ListName = Literal["before", "stuck"]


class Subject(NamedTuple):
    """A training that is reviewed.

    Attributes:
        c: model, loss, optimizer and some samples.
        samples: how many training samples there are, None if the data do not say.
        metrics: names of what is measured beside the loss.
        batch_size: samples per step, None if that is not known.
    """

    c: Consultation
    samples: int | None
    metrics: Sequence[str]
    batch_size: int | None


class Answer(NamedTuple):
    """Whether all is well, what was seen, and what to do if not."""

    ticked: bool
    seen: str
    advice: str = ""


def yes(seen: str) -> Answer:
    """All is well."""
    return Answer(True, seen)


def no(seen: str, advice: str) -> Answer:
    """Something could be better."""
    return Answer(False, seen, advice)


class Review(NamedTuple):
    """A question of a checklist.

    Attributes:
        name: what programs know it by.
        title: what it is about, marked for translation.
        look: answers it.
    """

    name: str
    title: str
    look: Callable[[Subject], Answer]


@dataclass(frozen=True)
class Entry:
    """A line of a checklist.

    Attributes:
        list: "before" the training, or when it is "stuck".
        name: what programs know it by, such as "normalisation".
        title: what it is about, in the user's language.
        ticked: whether all is well.
        seen: what that rests on, with its numbers.
        advice: what to do, if it is not ticked.
    """

    list: ListName
    name: str
    title: str
    ticked: bool
    seen: str
    advice: str = ""

    def __str__(self) -> str:
        line = f"{'☑' if self.ticked else '□'} {self.title}: {self.seen}"
        return f"{line}\n  → {self.advice}" if self.advice else line
