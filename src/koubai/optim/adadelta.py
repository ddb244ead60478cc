"""Adadelta: steps in the units of the weights, from running averages of squared gradients and steps."""

from __future__ import annotations

import koubai
from koubai.engine.tensor import Tensor
from koubai.optim.optimizer import Optimizer, Params
from koubai.optim.rule import Scalars, State, counter, rule, zeros

__all__ = ["Adadelta", "adadelta"]


@rule(step=counter, square_avg=zeros, acc_delta=zeros)
def adadelta(parameter: Tensor, gradient: Tensor, state: State, scalars: Scalars) -> tuple[Tensor, State]:
    """Adadelta: the step is the gradient times the ratio of two running root mean squares.

        v ← ρ v + (1 − ρ) g²
        Δ = √(u + ε) / √(v + ε) · g
        u ← ρ u + (1 − ρ) Δ²
        w ← w − η Δ

    Zeiler, "ADADELTA: an adaptive learning rate method" (2012), algorithm 1, which has no η (or η = 1).
    """
    kept, fresh = scalars.rho, scalars(lambda o: 1 - o.rho)
    square_avg = kept * state["square_avg"] + fresh * gradient * gradient
    delta = koubai.sqrt(state["acc_delta"] + scalars.eps) / koubai.sqrt(square_avg + scalars.eps) * gradient
    acc_delta = kept * state["acc_delta"] + fresh * delta * delta
    return parameter - scalars.lr * delta, {"square_avg": square_avg, "acc_delta": acc_delta}


class Adadelta(Optimizer):
    """Adadelta, which needs hardly any choice of a learning rate, but starts slowly.

    Args:
        params: what to train: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: a factor on the steps, at least 0. PyTorch's default is the paper's 1, Keras's 0.001.
        rho: ρ in [0, 1], how much of the running averages stays.
        eps: ε, which sets the size of the first steps. PyTorch's default is 1e-6, Keras's 1e-7.
        weight_decay: λ; adds λw to the gradient.
        foreach, capturable: accepted for PyTorch's sake; Koubai has one implementation.
        maximize: go up the gradient instead of down.
        differentiable: must be False.
        decoupled_weight_decay: shrink the weights by ηλ beside the step, instead of through the gradient.
        l1: weight of an L1 penalty ‖w‖₁.

    Raises:
        ValueError: for a value outside its range.
    """

    rule = adadelta

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
        decoupled_weight_decay: bool = False,
        l1: float = 0,
    ) -> None:
        super().__init__(params, locals())
