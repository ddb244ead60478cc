"""Whether a doctor is trying something just now: then nobody who watches takes it for a part of the training."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["is_looking", "looking"]

_now = threading.local()


@contextmanager
def looking() -> Iterator[None]:
    """Within it a doctor tries something: what happens is no part of any training, and nobody heeds it."""
    before = is_looking()
    _now.looking = True
    try:
        yield
    finally:
        _now.looking = before


def is_looking() -> bool:
    """Return whether a doctor tries something in this thread, and no training goes on: for hooks that keep records."""
    return getattr(_now, "looking", False)
