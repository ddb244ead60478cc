"""At which heights a map has its contour lines."""

from __future__ import annotations

import numpy as np

from koubai.explain.downhill.surface import Array

__all__ = ["contour_levels"]

_LEVELS = 15


def contour_levels(values: Array, lowest: float) -> Array:
    """Heights that grow by a constant factor above the lowest loss, so that valley and walls both have lines.

    Args:
        values: the loss on the map.
        lowest: the smallest loss there is.

    Returns:
        increasing heights; none on a map without hills.
    """
    above = values[np.isfinite(values)] - lowest
    above = above[above > 0]
    if not len(above) or above.max() <= above.min():
        return np.zeros(0)
    return np.asarray(lowest + np.geomspace(np.percentile(above, 0.7), np.percentile(above, 99), _LEVELS))
