"""Downhill: how optimizers walk on a loss surface of two parameters, step by step, by the library's own rules.

Read in this order: `surface` (a loss of two numbers), `surfaces` (those with a name, and regressions on data),
`landscape` (the loss of any model in a plane of its weights), `descent` (one path), `comparison` (many paths).
"""

from koubai.explain.downhill.comparison import (
    BATCHES,
    RATES,
    Descents,
    Triple,
    along,
    compare_batches,
    compare_optimizers,
)
from koubai.explain.downhill.descent import OPTIMIZERS, Path, Verdict, descend, optimizer_title
from koubai.explain.downhill.landscape import Plane, landscape, path_plane, random_plane
from koubai.explain.downhill.surface import Surface
from koubai.explain.downhill.surfaces import SURFACES, regression, surface

__all__ = [
    "BATCHES",
    "OPTIMIZERS",
    "RATES",
    "SURFACES",
    "Descents",
    "Path",
    "Plane",
    "Surface",
    "Triple",
    "Verdict",
    "along",
    "compare_batches",
    "compare_optimizers",
    "descend",
    "landscape",
    "optimizer_title",
    "path_plane",
    "random_plane",
    "regression",
    "surface",
]
