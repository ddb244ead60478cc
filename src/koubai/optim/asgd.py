"""ASGD: gradient descent with a falling rate, and beside it the average of the weights it passed through."""

from __future__ import annotations

import koubai
from koubai.engine.tensor import Tensor
from koubai.optim.optimizer import Optimizer, Params
from koubai.optim.rule import Options, Scalars, State, counter, rule, zeros

__all__ = ["ASGD", "asgd"]


def _first_rate(parameter: Tensor, options: Options) -> Tensor:
    return koubai.full((), float(options.lr))


def _first_share(parameter: Tensor, options: Options) -> Tensor:
    return koubai.full((), 1.0)


@rule(step=counter, eta=_first_rate, mu=_first_share, ax=zeros)
def asgd(parameter: Tensor, gradient: Tensor, state: State, scalars: Scalars) -> tuple[Tensor, State]:
    """Averaged SGD: `w ← (1 − λ η_t) w − η_t g` and the average `a ← a + μ_t (w − a)`.

    The rates of the following step are `η_{t+1} = η / (1 + λ η t)^α` and `μ_{t+1} = 1 / max(1, t − t₀)`, so
    the average is simply w until step t₀.

    Polyak and Juditsky, "Acceleration of stochastic approximation by averaging" (1992), with the rates of
    Bottou, "Stochastic gradient descent tricks" (2012), section 5.1.
    """
    eta = state["eta"]
    updated = parameter * (1 - scalars.lambd * eta) - eta * gradient
    return updated, {
        "eta": scalars(lambda o: o.lr / (1 + o.lambd * o.lr * o.step) ** o.alpha),
        "mu": scalars(lambda o: 1 / max(1, o.step - o.t0)),
        "ax": koubai.lerp(state["ax"], updated, state["mu"]),
    }


class ASGD(Optimizer):
    """ASGD. The averaged weights are in `optimizer.state[parameter]["ax"]`.

    Args:
        params: what to train: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: learning rate η, at least 0.
        lambd: λ, a decay of the weights that also sets how fast η falls.
        alpha: α, the power with which η falls.
        t0: the step at which averaging begins.
        weight_decay: a further decay, through the gradient.
        foreach, capturable: accepted for PyTorch's sake; Koubai has one implementation.
        maximize: go up the gradient instead of down.
        differentiable: must be False.
        l1: weight of an L1 penalty ‖w‖₁.

    Raises:
        ValueError: for a value outside its range.
    """

    rule = asgd

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
        *,
        l1: float = 0,
    ) -> None:
        super().__init__(params, locals())
