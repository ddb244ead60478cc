"""What the gallery's pictures say in the user's language."""

from __future__ import annotations

from koubai.i18n import N_, _

__all__ = ["norm_title", "way_title"]

_NORMS = {
    "none": N_("no normalisation"),
    "batch": N_("batch normalisation"),
    "layer": N_("layer normalisation"),
}


def norm_title(norm: str) -> str:
    """What a normalisation is called."""
    return _(_NORMS[norm])


def way_title(residual: bool, norm: str) -> str:
    """What stands around the activation: a normalisation, and maybe a residual connection."""
    return f"{norm_title(norm)} + {_('residual')}" if residual else norm_title(norm)
