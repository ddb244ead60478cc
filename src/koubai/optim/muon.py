"""Muon: momentum made orthogonal as a matrix, so that every direction in it gets a step of the same size."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import koubai
from koubai.engine.tensor import Tensor
from koubai.optim.optimizer import Optimizer, Params
from koubai.optim.rule import Options, Scalars, State, rule, zeros

__all__ = ["Muon", "muon", "orthogonalise"]


def orthogonalise(matrix: Tensor, coefficients: tuple[Any, Any, Any], steps: int, eps: Any) -> Tensor:
    """Bring the singular values of a matrix near 1, by `X ← a X + (b A + c A²) X` with `A = X Xᵀ`.

    This Newton–Schulz iteration does not converge to 1: Jordan's coefficients (3.4445, −4.775, 2.0315) grow
    small singular values as fast as possible, and leave them all between about 0.7 and 1.2.

    Args:
        matrix: any matrix, (R, C).
        coefficients: (a, b, c), numbers or 0-dimensional tensors.
        steps: how many iterations, at least 0.
        eps: the least length the matrix is divided by at the start.

    Returns:
        the matrix UV'ᵀ-like result, (R, C), in the dtype of `matrix`.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix  # (r, c) with r <= c, so that A is the smaller of the two products
    x = x / koubai.maximum(koubai.sqrt((x * x).sum()), eps)
    a, b, c = coefficients
    for _ in range(steps):
        gram = x @ x.T  # (r, r)
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.T if tall else x


def _shape_factor(options: Options, shape: tuple[int, ...]) -> float:
    """Return the factor on the learning rate that makes steps of differently shaped matrices comparable."""
    rows, columns = shape
    if options.adjust_lr_fn == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1, rows / columns))


@rule(momentum_buffer=zeros)
def muon(parameter: Tensor, gradient: Tensor, state: State, scalars: Scalars) -> tuple[Tensor, State]:
    """Muon: `b ← μ b + (1 − μ) g`, `w ← w − η s · orthogonal(b)`.

    With Nesterov it is `orthogonal((1 − μ) g + μ b)`. The factor s is √max(1, R/C), or 0.2 √max(R, C) to
    match the size of AdamW's steps.

    Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024); the second factor is from
    Liu et al., "Muon is scalable for LLM training" (2025). Both iterate in bfloat16, and so does PyTorch;
    here the iteration runs in the parameter's own dtype, which is more exact and on a CPU not slower.
    """
    options = scalars.options
    average = koubai.lerp(state["momentum_buffer"], gradient, scalars(lambda o: 1 - o.momentum))
    direction = koubai.lerp(gradient, average, scalars.momentum) if options.nesterov else average
    a, b = scalars(lambda o: o.ns_coefficients[0]), scalars(lambda o: o.ns_coefficients[1])
    c = scalars(lambda o: o.ns_coefficients[2])
    direction = orthogonalise(direction, (a, b, c), options.ns_steps, scalars.eps)
    shape = tuple(parameter.shape)
    rate = scalars(lambda o: o.lr * _shape_factor(o, shape))
    return parameter - rate * direction, {"momentum_buffer": average}


class Muon(Optimizer):
    """Muon, for the weight matrices of hidden layers; biases, gains and embeddings want another optimizer.

    Args:
        params: what to train: matrices, (name, matrix) pairs, or dictionaries of parameter groups.
        lr: learning rate η, at least 0.
        weight_decay: λ; each step shrinks the weights by ηλ, whatever the gradient was.
        momentum: μ, how much of the average gradient stays.
        nesterov: whether to look ahead.
        ns_coefficients: (a, b, c) of the iteration.
        eps: the least length a gradient is divided by.
        ns_steps: how many iterations, below 100.
        adjust_lr_fn: "original" (also the default, None) or "match_rms_adamw", see the rule.
        maximize: go up the gradient instead of down.
        l1: weight of an L1 penalty ‖w‖₁.

    Raises:
        ValueError: for a value outside its range, or a parameter that is not a matrix.
    """

    rule = muon
    fixed: ClassVar[dict[str, Any]] = {"decoupled_weight_decay": True}

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: Literal["original", "match_rms_adamw"] | None = None,
        *,
        maximize: bool = False,
        l1: float = 0,
    ) -> None:
        super().__init__(params, locals())

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a parameter group, as every optimizer does; Muon refuses parameters that are not matrices."""
        super().add_param_group(param_group)
        for parameter in self.param_groups[-1]["params"]:
            if parameter.ndim != 2:
                self.param_groups.pop()
                raise ValueError(
                    f"Muon only supports 2D parameters whereas we found a parameter with size: "
                    f"{tuple(parameter.shape)}; give the others to another optimizer, such as AdamW"
                )
