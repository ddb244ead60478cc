"""RAdam: Adam that holds back while it has seen too few gradients to trust its variance."""

from __future__ import annotations

import koubai
from koubai.engine.tensor import Tensor
from koubai.optim.optimizer import Optimizer, Params
from koubai.optim.rule import Options, Scalars, State, counter, rule, zeros

__all__ = ["RAdam", "radam"]


def _rectification(options: Options) -> float:
    """Return the paper's r_t, or 0 while the variance of the adaptive rate is not defined (ρ_t at most 5)."""
    beta2, step = options.beta2, options.step
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * step * beta2**step / (1 - beta2**step)
    if length <= 5:  # the paper says 4; PyTorch waits for 5, and so do we
        return 0.0
    ratio = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
    return float(ratio**0.5)


@rule(step=counter, exp_avg=zeros, exp_avg_sq=zeros)
def radam(parameter: Tensor, gradient: Tensor, state: State, scalars: Scalars) -> tuple[Tensor, State]:
    """RAdam: plain momentum at first, then Adam's step times r_t, which rises to 1.

        m ← β₁ m + (1 − β₁) g
        v ← β₂ v + (1 − β₂) g²
        w ← w − η m̂ r_t √(1 − β₂ᵗ) / (√v + ε)        while r_t is not defined: w ← w − η m̂

    Liu et al., "On the variance of the adaptive learning rate and beyond" (2020), algorithm 2.
    """
    exp_avg = koubai.lerp(state["exp_avg"], gradient, scalars(lambda o: 1 - o.beta1))
    exp_avg_sq = scalars.beta2 * state["exp_avg_sq"] + scalars(lambda o: 1 - o.beta2) * gradient * gradient
    rectified = scalars(lambda o: _rectification(o) * (1 - o.beta2**o.step) ** 0.5)
    # The choice depends on the step count, a run-time value, so both sides are computed.
    adaptive = koubai.where(rectified > 0, rectified / (koubai.sqrt(exp_avg_sq) + scalars.eps), 1.0)
    step_size = scalars(lambda o: o.lr / (1 - o.beta1**o.step))
    return parameter - step_size * exp_avg * adaptive, {"exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}


class RAdam(Optimizer):
    """RAdam, which needs no warmup: it warms up by itself.

    Args:
        params: what to train: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: learning rate η, at least 0.
        betas: (β₁, β₂), each in [0, 1), how much of the two averages stays.
        eps: ε, keeps the division finite.
        weight_decay: λ; adds λw to the gradient.
        decoupled_weight_decay: shrink the weights by ηλ beside the step, instead of through the gradient.
        foreach, capturable: accepted for PyTorch's sake; Koubai has one implementation.
        maximize: go up the gradient instead of down.
        differentiable: must be False.
        l1: weight of an L1 penalty ‖w‖₁.

    Raises:
        ValueError: for a value outside its range.
    """

    rule = radam

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        l1: float = 0,
    ) -> None:
        super().__init__(params, locals())
