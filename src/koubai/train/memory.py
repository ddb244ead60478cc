"""Says what to do when memory runs out: which layer asked for how much, and what batch would fit."""

from __future__ import annotations

import math
import re
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np

from koubai.i18n import _

__all__ = ["OutOfMemory", "explain_memory_error"]


class OutOfMemory(MemoryError):
    """A step did not fit into memory. No update was made.

    Attributes:
        layer: Path and class of the layer that asked for it, None if it was not in a layer's forward pass.
        bytes: How many bytes it asked for, None if unknown.
        fits: The largest batch that was tried afterwards and fitted, 0 if none did.
    """

    def __init__(self, message: str, layer: str | None, size: int | None, fits: int) -> None:
        super().__init__(message)
        self.layer = layer
        self.bytes = size
        self.fits = fits


def explain_memory_error(error: MemoryError, samples: int, fits: Callable[[int], bool]) -> OutOfMemory:
    """Return an error that says what happened and what would fit.

    Args:
        error: What was raised.
        samples: The size of the batch.
        fits: Tries a forward and backward pass with fewer samples and says whether they fit.
    """
    layer, size = _layer_of(error), _bytes_of(error)
    traceback.clear_frames(error.__traceback__)  # they hold activations, and the trials need the room
    fitting = _largest(samples, fits)
    problem = _("out of memory with a batch of {samples} samples: {layer} asked for {size} more.").format(
        samples=samples,
        layer=layer or _("the loss or the backward pass"),
        size=_("an unknown amount") if size is None else _readable(size),
    )
    return OutOfMemory(f"{problem} {_advice(samples, fitting)}", layer, size, fitting)


def _layer_of(error: MemoryError) -> str | None:
    """Return the layer's path and class, which `Module` notes on errors that leave its forward."""
    notes = "\n".join(getattr(error, "__notes__", ()))
    found = re.search(r"^in layer (.*?), which received", notes, re.MULTILINE)
    return found and found[1]


def _largest(samples: int, fits: Callable[[int], bool]) -> int:
    """Return the largest of samples/2, samples/4, ... that fits, or 0."""
    while samples := samples // 2:
        if fits(samples):
            return samples
    return 0


def _advice(samples: int, fits: int) -> str:
    if not fits:
        return _(
            "No smaller batch fits: use a smaller model or smaller inputs, or recompute activations instead of "
            "keeping them (koubai.checkpoint around blocks of layers)."
        )
    advice = _(
        "A batch of {fits} fits (it was tried): use batch_size={fits}, with accumulate={parts} for the same "
        "updates as now; or recompute activations instead of keeping them (koubai.checkpoint around blocks of "
        "layers)."
    )
    return advice.format(fits=fits, parts=math.ceil(samples / fits))


def _bytes_of(error: Any) -> int | None:
    """Return how much NumPy asked for, which it notes on its MemoryError."""
    error = error.__cause__ or error
    shape: tuple[int, ...] | None = getattr(error, "shape", None)
    return None if shape is None else math.prod(shape) * int(np.dtype(error.dtype).itemsize)


def _readable(size: int) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.4g} {unit}"
        size = size / 1024  # type: ignore[assignment]
    return f"{size:.4g} GiB"
