"""LAMB: Adam's direction, scaled for each tensor by the size of its weights, for very large batches."""

from __future__ import annotations

import koubai
from koubai.engine.tensor import Tensor
from koubai.optim.optimizer import Optimizer, Params
from koubai.optim.rule import Scalars, State, counter, rule, zeros

__all__ = ["LAMB", "lamb"]


def _norm(tensor: Tensor) -> Tensor:
    return koubai.sqrt((tensor * tensor).sum())


@rule(decays_itself=True, step=counter, exp_avg=zeros, exp_avg_sq=zeros)
def lamb(parameter: Tensor, gradient: Tensor, state: State, scalars: Scalars) -> tuple[Tensor, State]:
    """LAMB: Adam's m̂ and v̂, then `r = m̂ / (√v̂ + ε) + λ w` and `w ← w − η ‖w‖ / ‖r‖ · r`.

    Where either norm is 0 the ratio is 1, so that zeros can begin to learn.

    You et al., "Large batch optimization for deep learning: training BERT in 76 minutes" (2020), algorithm 2,
    with the identity as φ.
    """
    exp_avg = koubai.lerp(state["exp_avg"], gradient, scalars(lambda o: 1 - o.beta1))
    exp_avg_sq = scalars.beta2 * state["exp_avg_sq"] + scalars(lambda o: 1 - o.beta2) * gradient * gradient
    root = koubai.sqrt(exp_avg_sq / scalars(lambda o: 1 - o.beta2**o.step))
    direction = exp_avg / scalars(lambda o: 1 - o.beta1**o.step) / (root + scalars.eps)
    direction = direction + scalars.weight_decay * parameter
    size, length = _norm(parameter), _norm(direction)
    trust = koubai.where((size > 0) & (length > 0), size / length, 1.0)
    return parameter - scalars.lr * trust * direction, {"exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}


class LAMB(Optimizer):
    """LAMB: each tensor moves by the fraction η of its own length.

    Args:
        params: what to train: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: learning rate η, at least 0.
        betas: (β₁, β₂), each in [0, 1), how much of the two averages stays.
        eps: ε, keeps the division finite.
        weight_decay: λ; adds λw to the direction before it is scaled.
        maximize: go up the gradient instead of down.
        l1: weight of an L1 penalty ‖w‖₁.

    Raises:
        ValueError: for a value outside its range.
    """

    rule = lamb

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        l1: float = 0,
    ) -> None:
        super().__init__(params, locals())
