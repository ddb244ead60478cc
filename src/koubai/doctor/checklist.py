"""The two checklists a practitioner knows, ticked off for a training: before it begins, and when it is stuck.

They are reviews, never findings: what is not ticked may be meant so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any

from koubai.doctor import diagnosis  # noqa: F401  # the reviews ask its checks
from koubai.doctor.consultation import Consultation
from koubai.doctor.patient import Patient
from koubai.doctor.reviews.before import BEFORE
from koubai.doctor.reviews.review import Entry, ListName, Review, Subject
from koubai.doctor.reviews.stuck import STUCK
from koubai.doctor.sampling import SAMPLES, joined
from koubai.engine.random import fork_rng
from koubai.i18n import _
from koubai.train.batch import Batch
from koubai.train.feed import Feed, make_feed

__all__ = ["checklist"]

_LISTS: tuple[tuple[ListName, Sequence[Review]], ...] = (("before", BEFORE), ("stuck", STUCK))


def checklist(
    model: Any,
    loss: Callable[..., Any],
    optimizer: Any,
    data: Any,
    *,
    metrics: Sequence[str] = (),
    batch_size: int | None = None,
) -> list[Entry]:
    """Tick off what is to be looked at before a training, and when one is stuck, in that order.

    Args:
        model: With its first weights; nothing is changed.
        loss: As for `Trainer`.
        optimizer: The optimizer.
        data: The training data, as for `Trainer.fit`.
        metrics: The names of what is measured.
        batch_size: Samples per step, if the data do not say.

    Returns:
        An entry for each point, which prints as `☑` or `□` with what was seen; `ticked` is the tick.

    Example:
        >>> for entry in koubai.doctor.checklist(model, nn.CrossEntropyLoss(), optimizer, (x, y)):
        ...     print(entry)
    """
    with fork_rng():
        feed = make_feed(data, "training", SAMPLES, shuffle=True)
        sample = joined(_first(feed))
        if sample is None:
            raise ValueError("a checklist needs training data with inputs and targets")
        consultation = Consultation(Patient(model, loss, optimizer), sample)
        size = batch_size or getattr(data, "batch_size", None)
        subject = Subject(consultation, feed.samples, tuple(metrics), size)
        return [_entry(name, review, subject) for name, reviews in _LISTS for review in reviews]


def _first(feed: Feed) -> list[Batch]:
    """Return the first batches; the data stand where they stood."""
    place, seen = feed.state_dict(), 0

    def wanted(batch: Batch) -> bool:
        nonlocal seen
        seen += batch.size
        return seen - batch.size < SAMPLES

    try:
        return list(takewhile(wanted, feed))
    finally:
        feed.load_state_dict(place)


def _entry(name: ListName, review: Review, subject: Subject) -> Entry:
    return Entry(name, review.name, _(review.title), *review.look(subject))
