"""How gradients flow back through the layers in one step: a number for each layer, and where they get stuck."""

from __future__ import annotations

import math
from itertools import dropwhile, pairwise

from koubai.doctor.vital_signs import Signs

__all__ = ["bottleneck", "gradient_flow", "update_ratios"]

# Of the gradient at the output. In nets that train well all layers stay within two orders of magnitude of each other:
# Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", figures 6 and 7.
_STUCK = 1e-2


def gradient_flow(signs: Signs) -> dict[str, float]:
    """Return the root mean square of the loss's gradient at each layer's output, from the input to the output.

    Layers before the first that can learn are left out: nothing needs a gradient there.
    """
    flow = {name: row.gradient for name, row in signs.layers.items() if math.isfinite(row.gradient)}
    learning = {parameter.rpartition(".")[0] for parameter in signs.parameters}
    behind = dropwhile(lambda name: not flow[name] and name.partition(" (")[0] not in learning, flow)
    return {name: flow[name] for name in behind}


def bottleneck(flow: dict[str, float]) -> str | None:
    """Return the layer in which the gradient shrinks most, None if it comes through.

    Args:
        flow: as `gradient_flow` returns it.
    """
    names = list(flow)
    if len(names) < 2 or not flow[names[-1]] or min(flow.values()) >= _STUCK * flow[names[-1]]:
        return None
    shrinks = {later: flow[name] / flow[later] for name, later in pairwise(names) if flow[later]}
    return min(shrinks, key=shrinks.__getitem__)


def update_ratios(signs: Signs) -> dict[str, float]:
    """Return |Δ| / |w| of each parameter: its update by its size, for which 1e-3 is the rule of thumb."""
    return {name: row.update / row.weight for name, row in signs.parameters.items() if row.weight}
