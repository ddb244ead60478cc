"""The update rules for JAX: plain SGD, momentum and AdamW, as PyTorch defines them, over parameters by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

Arrays = dict[str, Any]
State = dict[str, Any]  # "memory" and whatever else the rule keeps
Rule = Callable[[Arrays, Arrays, State], tuple[Arrays, State]]

BETA1, BETA2, EPSILON, DECAY = 0.9, 0.999, 1e-8, 1e-2


def begin(optimizer: str, options: dict[str, float], parameters: Arrays) -> State:
    """Return what the rule keeps before the first step."""
    zeros = {name: jnp.zeros_like(value) for name, value in parameters.items()}
    if optimizer == "AdamW":
        squares = {name: jnp.zeros_like(value) for name, value in parameters.items()}
        return {"memory": zeros, "squares": squares, "count": jnp.zeros((), jnp.float32)}
    return {"memory": zeros} if "momentum" in options else {}


def rule_of(optimizer: str, options: dict[str, float]) -> Rule:
    """Return the rule with its options."""
    rule = adamw if optimizer == "AdamW" else momentum if "momentum" in options else sgd
    return lambda parameters, gradients, state: rule(parameters, gradients, state, **options)


def sgd(parameters: Arrays, gradients: Arrays, state: State, lr: float) -> tuple[Arrays, State]:
    """w ← w − η g."""
    return jax.tree.map(lambda w, g: w - lr * g, parameters, gradients), state


def momentum(
    parameters: Arrays, gradients: Arrays, state: State, lr: float, momentum: float
) -> tuple[Arrays, State]:
    """m ← μ m + g; w ← w − η m."""
    memory = jax.tree.map(lambda m, g: momentum * m + g, state["memory"], gradients)
    return jax.tree.map(lambda w, m: w - lr * m, parameters, memory), {"memory": memory}


def adamw(parameters: Arrays, gradients: Arrays, state: State, lr: float) -> tuple[Arrays, State]:
    """Adam with decoupled weight decay."""
    count = state["count"] + 1
    memory = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, state["memory"], gradients)
    squares = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, state["squares"], gradients)
    step_size, correction = lr / (1 - BETA1**count), jnp.sqrt(1 - BETA2**count)

    def update(w: Any, m: Any, v: Any) -> Any:
        return w * (1 - lr * DECAY) - step_size * m / (jnp.sqrt(v) / correction + EPSILON)

    updated = jax.tree.map(update, parameters, memory, squares)
    return updated, {"memory": memory, "squares": squares, "count": count}
