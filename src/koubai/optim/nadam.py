"""NAdam: Adam with Nesterov's momentum, whose strength grows over the first steps."""

from __future__ import annotations

import koubai
from koubai.engine.tensor import Tensor
from koubai.optim.optimizer import Optimizer, Params
from koubai.optim.rule import Options, Scalars, State, counter, rule, zeros

__all__ = ["NAdam", "nadam"]


def _one(parameter: Tensor, options: Options) -> Tensor:
    return koubai.full((), 1.0)


def _momentum(options: Options, step: float) -> float:
    """Return μ_t, the momentum of step t, which rises from about β₁/2 to β₁."""
    return float(options.beta1 * (1 - 0.5 * 0.96 ** (step * options.momentum_decay)))


@rule(step=counter, mu_product=_one, exp_avg=zeros, exp_avg_sq=zeros)
def nadam(parameter: Tensor, gradient: Tensor, state: State, scalars: Scalars) -> tuple[Tensor, State]:
    """NAdam: Adam that steps along the average gradient as it will be, with momentum μ_t.

        m ← β₁ m + (1 − β₁) g
        v ← β₂ v + (1 − β₂) g²
        w ← w − η [(1 − μ_t) / (1 − Π_t) g + μ_{t+1} / (1 − Π_{t+1}) m] / (√v̂ + ε)

    with `μ_t = β₁ (1 − ½ 0.96^(t ψ))` and `Π_t = μ₁ μ₂ … μ_t`.

    Dozat, "Incorporating Nesterov momentum into Adam" (2016), where m too is averaged with μ_t; PyTorch
    averages it with β₁, and so do we.
    """
    exp_avg = koubai.lerp(state["exp_avg"], gradient, scalars(lambda o: 1 - o.beta1))
    exp_avg_sq = scalars.beta2 * state["exp_avg_sq"] + scalars(lambda o: 1 - o.beta2) * gradient * gradient
    root = koubai.sqrt(exp_avg_sq / scalars(lambda o: 1 - o.beta2**o.step))
    now, following = scalars(lambda o: _momentum(o, o.step)), scalars(lambda o: _momentum(o, o.step + 1))
    mu_product = state["mu_product"] * now
    ahead = (1 - now) / (1 - mu_product) * gradient + following / (1 - mu_product * following) * exp_avg
    updated = parameter - scalars.lr * ahead / (root + scalars.eps)
    return updated, {"mu_product": mu_product, "exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}


class NAdam(Optimizer):
    """NAdam, often a little faster than Adam at first.

    Args:
        params: what to train: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: learning rate η, at least 0. PyTorch's default is 0.002, Keras's 0.001.
        betas: (β₁, β₂), each in [0, 1), how much of the two averages stays.
        eps: ε, keeps the division finite.
        weight_decay: λ; adds λw to the gradient.
        momentum_decay: ψ, how fast the momentum rises.
        decoupled_weight_decay: shrink the weights by ηλ beside the step, instead of through the gradient.
        foreach, capturable: accepted for PyTorch's sake; Koubai has one implementation.
        maximize: go up the gradient instead of down.
        differentiable: must be False.
        l1: weight of an L1 penalty ‖w‖₁.

    Raises:
        ValueError: for a value outside its range.
    """

    rule = nadam

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        l1: float = 0,
    ) -> None:
        super().__init__(params, locals())
