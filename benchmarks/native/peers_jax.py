"""JAX's contestants: one jitted function for the whole step, or one for many steps.

XLA's threads are started with the process and their number cannot be changed in it: JAX is measured with its default,
all cores. Weights are converted to the layouts that are customary there, and back only to be checked.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from native.contestant import Evidence, Named, Peer, Start, Unavailable
from native.flops import step_flops
from native.workloads import Workload

if TYPE_CHECKING:
    from native.contestant import Array

BUFFERS = ("running_mean", "running_var")
EMBEDDINGS = ("embedding.weight", "tokens.weight", "positions.weight")
CALL_FLOPS, MOST_STEPS = 5e9, 100  # about how much one call of many steps computes


def jax_module() -> Any:
    """Return JAX, or say that it is missing."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    try:
        import jax
    except ImportError:
        raise Unavailable("JAX is not installed: pip install jax") from None
    return jax


def to_jax(name: str, array: Array) -> Array:
    """Return a parameter in JAX's layout: (inputs, outputs), and (height, width, inputs, outputs)."""
    if array.ndim == 4:
        return array.transpose(2, 3, 1, 0)
    return array.T if array.ndim == 2 and name not in EMBEDDINGS else array


def from_jax(name: str, array: Array) -> Array:
    """Return a parameter in PyTorch's layout."""
    if array.ndim == 4:
        return array.transpose(3, 2, 0, 1)
    return to_jax(name, array)


class JaxStep:
    """Trains with JAX, `steps_per_call` steps in each call."""

    def __init__(self, steps_per_call: int, workload: Workload, start: Start) -> None:
        jax = self.jax = jax_module()
        from native.jax_updates import begin

        kept = {name: array for name, array in start.weights.items() if "num_batches" not in name}
        self.before: Named = {name: kept[name] for name in kept if not name.endswith(BUFFERS)}
        parameters = {name: jax.numpy.array(to_jax(name, array)) for name, array in self.before.items()}
        buffers = {name: jax.numpy.array(kept[name]) for name in kept if name.endswith(BUFFERS)}
        memory = begin(workload.optimizer, dict(workload.options), parameters)
        self.state = (parameters, buffers, memory)
        x = start.x.transpose(0, 2, 3, 1) if workload.convolutional else start.x
        self.x, self.y = (
            jax.numpy.array(a.astype(np.int32) if a.dtype.kind == "i" else a) for a in (x, start.y)
        )
        self.steps_per_call = steps_per_call
        self.one, self.many = one_step(workload), many_steps(workload, steps_per_call)

    def run(self, steps: int) -> float:
        """Train so many steps, in calls of many as far as they go, and return the last one's loss."""
        calls, rest = divmod(steps, self.steps_per_call) if self.steps_per_call > 1 else (0, steps)
        for call, times in ((self.many, calls), (self.one, rest)):
            for _ in range(times):
                self.state, loss = call(self.state, self.x, self.y)
        return float(loss)

    def evidence(self, loss: float) -> Evidence:
        """Show the optimizer's memory, which is gradients, and updates."""
        parameters, _, state = self.state
        return Evidence.of(
            loss, self.before, self._back(parameters), memory=self._back(state.get("memory", {}))
        )

    def _back(self, named: dict[str, Any]) -> Named:
        return {name: from_jax(name, np.array(value)) for name, value in named.items()}


@functools.cache
def one_step(workload: Workload) -> Any:
    """Return the jitted step, the same whoever asks, so that it is compiled once."""
    return jax_module().jit(step_function(workload), donate_argnums=0)


@functools.cache
def many_steps(workload: Workload, steps: int) -> Any:
    """Return the jitted function that makes so many steps."""
    jax, one = jax_module(), step_function(workload)
    # XLA computes convolutions within a loop many times slower on CPUs: there the steps are written out
    unroll = steps if workload.convolutional else 1

    def run(state: Any, x: Any, y: Any) -> Any:
        state, losses = jax.lax.scan(lambda s, _: one(s, x, y), state, length=steps, unroll=unroll)
        return state, losses[-1]

    return jax.jit(run, donate_argnums=0)


def step_function(workload: Workload) -> Any:
    """Return the whole step as a pure function of state and batch."""
    import jax

    from native.jax_layers import cross_entropy
    from native.jax_models import MODELS
    from native.jax_updates import rule_of

    model, settings = MODELS[workload.network], dict(workload.settings)
    rule = rule_of(workload.optimizer, dict(workload.options))

    def compute_loss(parameters: Any, buffers: Any, x: Any, y: Any) -> Any:
        moved = dict(buffers)
        return cross_entropy(model(parameters, moved, x, settings), y), moved

    def step(state: Any, x: Any, y: Any) -> Any:
        parameters, buffers, memory = state
        (loss, buffers), gradients = jax.value_and_grad(compute_loss, has_aux=True)(parameters, buffers, x, y)
        parameters, memory = rule(parameters, gradients, memory)
        return (parameters, buffers, memory), loss

    return step


def build_scan(workload: Workload, start: Start, _: int) -> JaxStep:
    """Make a contestant that makes as many steps a call as amount to some milliseconds, and at least two."""
    steps = int(CALL_FLOPS / step_flops(workload))
    return JaxStep(min(max(steps, 2), MOST_STEPS), workload, start)


PEERS = [
    Peer("jax", lambda workload, start, _: JaxStep(1, workload, start), threads_matter=False),
    Peer("jax.scan", build_scan, threads_matter=False),
]
