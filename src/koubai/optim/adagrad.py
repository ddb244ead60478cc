"""Adagrad: each weight's step shrinks with all the squared gradients it has seen."""

from __future__ import annotations

import koubai
from koubai.engine.tensor import Tensor
from koubai.optim.optimizer import Optimizer, Params
from koubai.optim.rule import Options, Scalars, State, counter, rule

__all__ = ["Adagrad", "adagrad"]


def _initial_sum(parameter: Tensor, options: Options) -> Tensor:
    return koubai.full_like(parameter, options.initial_accumulator_value)


@rule(step=counter, sum=_initial_sum)
def adagrad(parameter: Tensor, gradient: Tensor, state: State, scalars: Scalars) -> tuple[Tensor, State]:
    """Adagrad: `s ← s + g²`, `w ← w − η_t g / (√s + ε)` with `η_t = η / (1 + (t − 1) decay)`.

    Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic optimization"
    (2011). The paper has ε inside a matrix root; here, as everywhere, it is added to the root. The decay is
    not in the paper.
    """
    total = state["sum"] + gradient * gradient
    rate = scalars(lambda o: o.lr / (1 + (o.step - 1) * o.lr_decay))
    return parameter - rate * gradient / (koubai.sqrt(total) + scalars.eps), {"sum": total}


class Adagrad(Optimizer):
    """Adagrad, good for rare features: a weight that seldom gets a gradient keeps taking large steps.

    The learning rate never recovers, which ends long trainings early; RMSprop and Adam forget the past
    instead.

    Args:
        params: what to train: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: learning rate η, at least 0.
        lr_decay: how fast η falls with the step count, see the rule.
        weight_decay: λ; adds λw to the gradient.
        initial_accumulator_value: what the sum of squares begins with. PyTorch's default is 0, Keras's 0.1.
        eps: ε, keeps the division finite. PyTorch's default is 1e-10, Keras's 1e-7.
        maximize: go up the gradient instead of down.
        foreach, fused: accepted for PyTorch's sake; Koubai has one implementation.
        differentiable: must be False.
        decoupled_weight_decay: shrink the weights by ηλ beside the step, instead of through the gradient.
        l1: weight of an L1 penalty ‖w‖₁.

    Raises:
        ValueError: for a value outside its range.
    """

    rule = adagrad

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
        l1: float = 0,
    ) -> None:
        super().__init__(params, locals())
