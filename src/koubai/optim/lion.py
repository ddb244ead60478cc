"""Lion: every weight moves by the same amount, in the direction of an averaged gradient's sign."""

from __future__ import annotations

from typing import Any, ClassVar

import koubai
from koubai.engine.tensor import Tensor
from koubai.optim.optimizer import Optimizer, Params
from koubai.optim.rule import Scalars, State, rule, zeros

__all__ = ["Lion", "lion"]


@rule(exp_avg=zeros)
def lion(parameter: Tensor, gradient: Tensor, state: State, scalars: Scalars) -> tuple[Tensor, State]:
    """Lion: `w ← w − η sign(β₁ m + (1 − β₁) g)`, then `m ← β₂ m + (1 − β₂) g`.

    Chen et al., "Symbolic discovery of optimization algorithms" (2023), program 1.
    """
    direction = koubai.sign(koubai.lerp(state["exp_avg"], gradient, scalars(lambda o: 1 - o.beta1)))
    exp_avg = koubai.lerp(state["exp_avg"], gradient, scalars(lambda o: 1 - o.beta2))
    return parameter - scalars.lr * direction, {"exp_avg": exp_avg}


class Lion(Optimizer):
    """Lion, which remembers one average where Adam remembers two.

    Its steps are larger than Adam's, so take a learning rate 3 to 10 times smaller and a weight decay larger
    by as much.

    Args:
        params: what to train: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: learning rate η, at least 0: the distance every weight moves.
        betas: (β₁, β₂), each in [0, 1).
        weight_decay: λ; each step shrinks the weights by ηλ, whatever the gradient was.
        maximize: go up the gradient instead of down.
        l1: weight of an L1 penalty ‖w‖₁.

    Raises:
        ValueError: for a value outside its range.
    """

    rule = lion
    fixed: ClassVar[dict[str, Any]] = {"decoupled_weight_decay": True}

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        l1: float = 0,
    ) -> None:
        super().__init__(params, locals())
