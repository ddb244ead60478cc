"""Whether a training that is under way looks bad enough for the doctor to have a closer look; that costs nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["is_suspicious", "time_to_look"]

FIRST_LOOK = 100  # steps: before, even a sound training may not have got anywhere


def time_to_look(steps: int) -> bool:
    """Whether to ask after so many steps: at each doubling, so that all looks cost no more than a few."""
    times = steps // FIRST_LOOK
    return steps > 0 and steps % FIRST_LOOK == 0 and times & (times - 1) == 0


def is_suspicious(losses: Sequence[float]) -> bool:
    """Whether the loss is no number any more, is above its start, or has not fallen over the last half of the steps."""
    seen = np.asarray(losses, np.float64)
    if len(seen) < 8:
        return False
    if not np.isfinite(seen[-1]):
        return True
    eighth = len(seen) // 8
    quarters = np.array_split(seen[len(seen) // 2 :], 2)
    middle, last = (float(np.median(part)) for part in quarters)
    return bool(np.median(seen[-eighth:]) > np.median(seen[:3]) or last >= middle)
