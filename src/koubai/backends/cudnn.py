"""cuDNN's switches, which may be set without effect: Koubai's results are reproducible as they are."""

from __future__ import annotations

enabled = True
benchmark = False
deterministic = False
allow_tf32 = True


def is_available() -> bool:
    """Tell whether cuDNN is in use: it is not."""
    return False


def version() -> None:
    """Return cuDNN's version, which is None."""
