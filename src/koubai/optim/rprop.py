"""Rprop: every weight has a step size of its own, which grows while its gradient keeps its sign."""

from __future__ import annotations

import koubai
from koubai.engine.tensor import Tensor
from koubai.optim.optimizer import Optimizer, Params
from koubai.optim.rule import Options, Scalars, State, counter, rule, zeros

__all__ = ["Rprop", "rprop"]


def _first_step_size(parameter: Tensor, options: Options) -> Tensor:
    return koubai.full_like(parameter, options.lr)


@rule(step=counter, prev=zeros, step_size=_first_step_size)
def rprop(parameter: Tensor, gradient: Tensor, state: State, scalars: Scalars) -> tuple[Tensor, State]:
    """Rprop: `Δ ← η₊ Δ` or `η₋ Δ` as the gradient kept or changed its sign, then `w ← w − sign(g) Δ`.

    Δ is kept between two bounds. Where the sign changed, the weight stays this once, and the next gradient
    counts as of unknown sign.

    Riedmiller and Braun, "A direct adaptive method for faster backpropagation learning: the RPROP algorithm"
    (1993). The paper takes the last step back where the sign changed; this is the variant without ("iRprop−"
    of Igel and Hüsken, 2003), as in PyTorch. It needs gradients of the whole data set, not of mini-batches.
    """
    agreement = gradient * state["prev"]
    shrink, grow = scalars(lambda o: o.etas[0]), scalars(lambda o: o.etas[1])
    smallest, largest = scalars(lambda o: o.step_sizes[0]), scalars(lambda o: o.step_sizes[1])
    same = state["step_size"]
    step_size = koubai.where(agreement > 0, grow * same, koubai.where(agreement < 0, shrink * same, same))
    step_size = koubai.minimum(koubai.maximum(step_size, smallest), largest)
    gradient = koubai.where(agreement < 0, 0.0, gradient)
    return parameter - koubai.sign(gradient) * step_size, {"prev": gradient, "step_size": step_size}


class Rprop(Optimizer):
    """Rprop, for training on the whole data set at once.

    Args:
        params: what to train: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: the first step size of every weight, at least 0; later changes of it have no effect.
        etas: (η₋, η₊), the factors by which a step size shrinks and grows.
        step_sizes: the smallest and the largest step size.
        capturable, foreach: accepted for PyTorch's sake; Koubai has one implementation.
        maximize: go up the gradient instead of down.
        differentiable: must be False.
        l1: weight of an L1 penalty ‖w‖₁.

    Raises:
        ValueError: for a value outside its range.
    """

    rule = rprop

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        l1: float = 0,
    ) -> None:
        super().__init__(params, locals())
