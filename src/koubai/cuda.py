"""`koubai.cuda`: the questions that PyTorch programs ask before they choose a device; there is none here."""

from __future__ import annotations


def is_available() -> bool:
    """Tell whether tensors can live on a GPU: they cannot yet."""
    return False


def device_count() -> int:
    """Return the number of GPUs that tensors can live on: 0."""
    return 0


def manual_seed(seed: int) -> None:
    """Do nothing: there is no generator on a GPU to seed; `koubai.manual_seed` seeds the one there is."""


manual_seed_all = manual_seed


def empty_cache() -> None:
    """Do nothing: there is no GPU whose memory could be given back."""
