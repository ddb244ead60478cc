"""What recomputing activations saves: a model cut into segments, of which only one has its activations at a time.

Chen, Xu, Zhang and Guestrin, "Training Deep Nets with Sublinear Memory Cost" (2016).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from koubai import nn
from koubai.nn.module import Module
from koubai.nn.summary import LayerSummary, Summary

__all__ = ["Unit", "recomputed", "units"]

_TRIES = 64


@dataclass(frozen=True)
class Unit:
    """A part of a model before and behind which it can be cut, such as a layer or a residual block.

    Attributes:
        path: of the layer or block.
        kind: its class.
        layers: all layers in it.
        output: bytes that it hands on.
    """

    path: str
    kind: str
    layers: tuple[LayerSummary, ...]
    output: int

    def total(self, what: str) -> int:
        """The sum of one of the layers' numbers."""
        return sum(int(getattr(layer, what)) for layer in self.layers)


def units(model: Module, summary: Summary) -> list[Unit]:
    """Return the parts of a model, in the order in which they run.

    Blocks of layers one after the other are opened; within any other block there may be a shortcut across a cut.
    """
    entries = {layer.path: layer for layer in summary.layers}
    found: dict[str, list[LayerSummary]] = {}
    tops = _tops(model, "")
    for layer in summary.layers:
        top = next((path for path in tops if layer.path == path or layer.path.startswith(f"{path}.")), None)
        if top is not None:
            found.setdefault(top, []).append(layer)
    return [Unit(path, entries[path].kind, tuple(of), _bytes(entries[path])) for path, of in found.items()]


def recomputed(parts: Sequence[Unit]) -> int:
    """Return the fewest bytes of activations that must be there at a time: those between segments, and of the largest.

    Args:
        parts: of the model, for one batch.
    """
    kept = [part.total("activations") for part in parts]
    low, high = max(kept, default=0), sum(kept)
    limits = [low + (high - low) * n / _TRIES for n in range(_TRIES + 1)]
    return min((_needed(kept, [part.output for part in parts], limit) for limit in limits), default=0)


def _needed(kept: Sequence[int], outputs: Sequence[int], limit: float) -> int:
    """Return the bytes if segments are as long as a limit for their activations lets them be."""
    largest = between = here = 0
    for number, size in enumerate(kept):
        if here and here + size > limit:
            between += outputs[number - 1]
            here = 0
        here += size
        largest = max(largest, here)
    return between + largest


def _tops(module: Module, path: str) -> list[str]:
    """Return the paths of the parts between which the model can be cut."""
    children = dict(module.named_children())
    opens = not path or isinstance(module, nn.Sequential | nn.ModuleList)
    opens = opens or any(isinstance(child, nn.ModuleList) for child in children.values())
    if not children or not opens:
        return [path]
    return [
        top for name, child in children.items() for top in _tops(child, f"{path}.{name}" if path else name)
    ]


def _bytes(layer: LayerSummary) -> int:
    return sum(4 * math.prod(shape) for shape in layer.output_shapes)
