"""Adam and AdamW: momentum and RMSprop in one, with the bias of their zero beginnings corrected."""

from __future__ import annotations

from typing import Any, ClassVar

import koubai
from koubai.engine.tensor import Tensor
from koubai.optim.optimizer import Optimizer, Params
from koubai.optim.rule import Scalars, State, counter, rule, when, zeros

__all__ = ["Adam", "AdamW", "adam"]


@rule(step=counter, exp_avg=zeros, exp_avg_sq=zeros, max_exp_avg_sq=when(lambda o: o.amsgrad, zeros))
def adam(parameter: Tensor, gradient: Tensor, state: State, scalars: Scalars) -> tuple[Tensor, State]:
    """Adam: the average gradient over the root of the average squared gradient, with their bias corrected.

        m ← β₁ m + (1 − β₁) g
        v ← β₂ v + (1 − β₂) g²
        w ← w − η m̂ / (√v̂ + ε)        with m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ)

    Kingma and Ba, "Adam: a method for stochastic optimization" (2015), algorithm 1. With `amsgrad`, v̂ is
    made of the largest v so far: Reddi, Kale and Kumar, "On the convergence of Adam and beyond" (2018), who
    do not correct the bias; PyTorch does, and so do we.
    """
    exp_avg = koubai.lerp(state["exp_avg"], gradient, scalars(lambda o: 1 - o.beta1))
    exp_avg_sq = scalars.beta2 * state["exp_avg_sq"] + scalars(lambda o: 1 - o.beta2) * gradient * gradient
    remembered, square = {"exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}, exp_avg_sq
    if scalars.options.amsgrad:
        remembered["max_exp_avg_sq"] = square = koubai.maximum(state["max_exp_avg_sq"], exp_avg_sq)
    root = koubai.sqrt(square) / scalars(lambda o: (1 - o.beta2**o.step) ** 0.5)
    step_size = scalars(lambda o: o.lr / (1 - o.beta1**o.step))
    return parameter - step_size * exp_avg / (root + scalars.eps), remembered


class Adam(Optimizer):
    """Adam: when in doubt, this one, with its default values.

    Args:
        params: what to train: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: learning rate η, at least 0; no weight moves by much more than this in a step.
        betas: (β₁, β₂), each in [0, 1), how much of the two averages stays.
        eps: ε, keeps the division finite. PyTorch's default is the paper's 1e-8, Keras's 1e-7 and added
            before the bias correction.
        weight_decay: λ; adds λw to the gradient. For decay beside the gradient take `AdamW`.
        amsgrad: divide by the largest average so far, see the rule.
        foreach, fused, capturable: accepted for PyTorch's sake; Koubai has one implementation.
        maximize: go up the gradient instead of down.
        differentiable: must be False.
        decoupled_weight_decay: shrink the weights by ηλ beside the step, which makes this `AdamW`.
        l1: weight of an L1 penalty ‖w‖₁.

    Raises:
        ValueError: for a value outside its range.
    """

    rule = adam

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
        l1: float = 0,
    ) -> None:
        super().__init__(params, locals())


class AdamW(Adam):
    """Adam whose weight decay is decoupled: each step shrinks the weights by ηλ, whatever the gradient was.

    Loshchilov and Hutter, "Decoupled weight decay regularization" (2019), algorithm 2. Their schedule
    multiplier is the learning rate here, so λ is scaled by it, as in PyTorch.

    Args:
        params: what to train: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: learning rate η, at least 0.
        betas: (β₁, β₂), each in [0, 1), how much of the two averages stays.
        eps: ε, keeps the division finite.
        weight_decay: λ. PyTorch's default is 0.01, Keras's 0.004.
        amsgrad: divide by the largest average so far.
        maximize: go up the gradient instead of down.
        foreach, capturable, fused: accepted for PyTorch's sake; Koubai has one implementation.
        differentiable: must be False.
        l1: weight of an L1 penalty ‖w‖₁.

    Raises:
        ValueError: for a value outside its range.
    """

    fixed: ClassVar[dict[str, Any]] = {"decoupled_weight_decay": True}

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        l1: float = 0,
    ) -> None:
        Optimizer.__init__(self, params, locals())
