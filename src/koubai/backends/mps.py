"""Apple's GPU, on which Koubai does not compute."""

from __future__ import annotations


def is_available() -> bool:
    """Tell whether tensors can live on Apple's GPU: they cannot."""
    return False


def is_built() -> bool:
    """Tell whether Koubai was built for Apple's GPU: it was not."""
    return False
