"""Adafactor: Adam's second moment of a matrix kept as one average per row and one per column."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

import koubai
from koubai.engine.tensor import Tensor
from koubai.optim.optimizer import Optimizer, Params
from koubai.optim.rule import Options, Scalars, State, counter, rule, zeros

__all__ = ["Adafactor", "adafactor"]


def _row_averages(parameter: Tensor, options: Options) -> Tensor | None:
    if parameter.ndim < 2:
        return None
    return parameter.new_zeros(*parameter.shape[:-1], 1)  # (..., R, 1)


def _column_averages(parameter: Tensor, options: Options) -> Tensor | None:
    if parameter.ndim < 2:
        return None
    *batch, _, columns = parameter.shape
    return parameter.new_zeros(*batch, 1, columns)  # (..., 1, C)


def _averages(parameter: Tensor, options: Options) -> Tensor | None:
    return zeros(parameter, options) if parameter.ndim < 2 else None


def _rms(tensor: Tensor) -> Tensor:
    """Return the root mean square."""
    return koubai.sqrt((tensor * tensor).mean())


def _variance(gradient: Tensor, state: State, share: Tensor, floor: Tensor) -> tuple[Tensor, State]:
    """Return the estimate of the gradient's second moment, and the averages it is made of."""
    square = gradient * gradient
    if gradient.ndim < 2:
        variance = koubai.lerp(state["variance"], square, share)
        return variance, {"variance": variance}
    row_var = koubai.lerp(state["row_var"], square.mean(-1, keepdim=True), share)  # (..., R, 1)
    col_var = koubai.lerp(state["col_var"], square.mean(-2, keepdim=True), share)  # (..., 1, C)
    mean = koubai.maximum(row_var.mean(-2, keepdim=True), floor)  # (..., 1, 1)
    return row_var * col_var / mean, {"row_var": row_var, "col_var": col_var}


@rule(step=counter, row_var=_row_averages, col_var=_column_averages, variance=_averages)
def adafactor(parameter: Tensor, gradient: Tensor, state: State, scalars: Scalars) -> tuple[Tensor, State]:
    """Adafactor: the gradient over the root of a factored second moment, relative to the weights' size.

        R ← lerp(R, mean of g² over columns, t^τ)    C ← lerp(C, mean of g² over rows, t^τ)    V = R C /
        mean(R) U = g / √max(V, ε₁²) w ← w − min(η, 1/√t) · max(ε₂, RMS(w)) · U / max(1, RMS(U) / d)

    Shazeer and Stern, "Adafactor: adaptive learning rates with sublinear memory cost" (2018), algorithms 4
    and 5. As in PyTorch, ε₁ bounds V from below where the paper adds it to g², and η caps the paper's
    relative step 1/√t.
    """
    share = scalars(lambda o: o.step**o.beta2_decay)
    tiny = float(np.finfo(parameter.dtype).eps)
    floor = scalars(lambda o: tiny if o.eps[0] is None else o.eps[0])
    variance, remembered = _variance(gradient, state, share, floor)
    direction = gradient / koubai.sqrt(koubai.maximum(variance, floor * floor))
    relative = scalars(lambda o: min(o.lr, 1 / o.step**0.5))
    size = relative * koubai.maximum(_rms(parameter), scalars(lambda o: o.eps[1]))
    clip = koubai.clamp(_rms(direction) / scalars.d, min=1.0)
    return parameter - size / clip * direction, remembered


class Adafactor(Optimizer):
    """Adafactor, which remembers of an R×C matrix only R + C numbers.

    Args:
        params: what to train: tensors, (name, tensor) pairs, or dictionaries of parameter groups.
        lr: the largest relative step size η, at least 0: the fraction of its size by which a tensor may move.
        beta2_decay: τ, at most 0: the average of squares gives step t the weight t^τ.
        eps: (ε₁, ε₂): a floor of the second moment's root, by default the dtype's machine epsilon, and a
            floor of the size of the weights.
        d: at least 1, the largest root mean square of a step's direction.
        weight_decay: λ; each step shrinks the weights by ηλ, whatever the gradient was.
        foreach: accepted for PyTorch's sake; Koubai has one implementation.
        maximize: go up the gradient instead of down.
        l1: weight of an L1 penalty ‖w‖₁.

    Raises:
        ValueError: for a value outside its range.
    """

    rule = adafactor
    fixed: ClassVar[dict[str, Any]] = {"decoupled_weight_decay": True}

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        l1: float = 0,
    ) -> None:
        super().__init__(params, locals())
