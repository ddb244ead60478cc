"""Adamax: Adam with the largest recent gradient in place of the root mean square."""

from __future__ import annotations

import koubai
from koubai.engine.tensor import Tensor
from koubai.optim.optimizer import Optimizer, Params
from koubai.optim.rule import Scalars, State, counter, rule, zeros

__all__ = ["Adamax", "adamax"]


@rule(step=counter, exp_avg=zeros, exp_inf=zeros)
def adamax(parameter: Tensor, gradient: Tensor, state: State, scalars: Scalars) -> tuple[Tensor, State]:
    """Adamax: `m ← β₁ m + (1 − β₁) g`, `u ← max(β₂ u, |g| + ε)`, `w ← w − η / (1 − β₁ᵗ) · m / u`.

    Kingma and Ba, "Adam: a method for stochastic optimization" (2015), algorithm 2, which has no ε.
    """
    exp_avg = koubai.lerp(state["exp_avg"], gradient, scalars(lambda o: 1 - o.beta1))
    exp_inf = koubai.maximum(scalars.beta2 * state["exp_inf"], koubai.abs(gradient) + scalars.eps)
    step_size = scalars(lambda o: o.lr / (1 - o.beta1**o.step))
    return parameter - step_size * exp_avg / exp_inf, {"exp_avg": exp_avg, "exp_inf": exp_inf}


class Adamax(Optimizer):
    """Adamax, steadier than Adam where gradients are sparse or have outliers.

    Args:
        params: what to train: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: learning rate η, at least 0. PyTorch's default is the paper's 0.002, Keras's 0.001.
        betas: (β₁, β₂), each in [0, 1), how much of the average and of the maximum stays.
        eps: ε, keeps the division finite.
        weight_decay: λ; adds λw to the gradient.
        foreach, capturable: accepted for PyTorch's sake; Koubai has one implementation.
        maximize: go up the gradient instead of down.
        differentiable: must be False.
        decoupled_weight_decay: shrink the weights by ηλ beside the step, instead of through the gradient.
        l1: weight of an L1 penalty ‖w‖₁.

    Raises:
        ValueError: for a value outside its range.
    """

    rule = adamax

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
        decoupled_weight_decay: bool = False,
        l1: float = 0,
    ) -> None:
        super().__init__(params, locals())
