"""RMSprop: each weight's gradient divided by a running root mean square of itself."""

from __future__ import annotations

import koubai
from koubai.engine.tensor import Tensor
from koubai.optim.optimizer import Optimizer, Params
from koubai.optim.rule import Scalars, State, counter, rule, when, zeros

__all__ = ["RMSprop", "rmsprop"]


@rule(
    step=counter,
    square_avg=zeros,
    momentum_buffer=when(lambda o: o.has("momentum"), zeros),
    grad_avg=when(lambda o: o.centered, zeros),
)
def rmsprop(parameter: Tensor, gradient: Tensor, state: State, scalars: Scalars) -> tuple[Tensor, State]:
    """RMSprop: `v ← α v + (1 − α) g²`, `w ← w − η g / (√v + ε)`.

    Centred, √v becomes the standard deviation √(v − m²) with `m ← α m + (1 − α) g`. With momentum γ,
    `b ← γ b + g / (√v + ε)` and `w ← w − η b`.

    Hinton, "Neural networks for machine learning", lecture 6e (2012); the centred form is from Graves,
    "Generating sequences with recurrent neural networks" (2013), equations 38 to 45, who has ε inside the
    root.
    """
    options = scalars.options
    kept, fresh = scalars.alpha, scalars(lambda o: 1 - o.alpha)
    square_avg = kept * state["square_avg"] + fresh * gradient * gradient
    remembered, variance = {"square_avg": square_avg}, square_avg
    if options.centered:
        remembered["grad_avg"] = grad_avg = koubai.lerp(state["grad_avg"], gradient, fresh)
        variance = square_avg - grad_avg * grad_avg
    direction = gradient / (koubai.sqrt(variance) + scalars.eps)
    if options.has("momentum"):
        direction = scalars.momentum * state["momentum_buffer"] + direction
        remembered["momentum_buffer"] = direction
    return parameter - scalars.lr * direction, remembered


class RMSprop(Optimizer):
    """RMSprop, the rule that Adam adds momentum and bias correction to.

    Args:
        params: what to train: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: learning rate η, at least 0. PyTorch's default is 0.01, Keras's 0.001.
        alpha: α, how much of the running averages stays. PyTorch's default is 0.99, Keras's (`rho`) 0.9.
        eps: ε, keeps the division finite. PyTorch's default is 1e-8, Keras's 1e-7.
        weight_decay: λ; adds λw to the gradient.
        momentum: γ, at least 0; 0 is none.
        centered: divide by the gradient's standard deviation instead of its root mean square.
        capturable, foreach: accepted for PyTorch's sake; Koubai has one implementation.
        maximize: go up the gradient instead of down.
        differentiable: must be False.
        decoupled_weight_decay: shrink the weights by ηλ beside the step, instead of through the gradient.
        l1: weight of an L1 penalty ‖w‖₁.

    Raises:
        ValueError: for a value outside its range.
    """

    rule = rmsprop

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        *,
        decoupled_weight_decay: bool = False,
        l1: float = 0,
    ) -> None:
        super().__init__(params, locals())
