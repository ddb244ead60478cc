"""`koubai.cuda`: the questions that PyTorch programs ask before they choose a device; there is none here."""

from __future__ import annotations


def is_available() -> bool:
    """Tell whether tensors can live on a GPU: they cannot yet."""
    return False


def device_count() -> int:
    """Return the number of GPUs that tensors can live on: 0."""
    return 0
