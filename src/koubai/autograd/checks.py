"""`gradcheck` and `gradgradcheck`: PyTorch's names for `koubai.check_gradients`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from koubai.engine.gradcheck import GradientError, check_gradients
from koubai.engine.tensor import Tensor

__all__ = ["gradcheck", "gradgradcheck"]


def gradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    raise_exception: bool = True,
    fast_mode: bool = False,
    **others: Any,
) -> bool:
    """Tell whether the gradients of `func` agree with numerical differentiation.

    Args:
        func: takes the inputs and returns a tensor or several.
        inputs: one or several; those of float64 are checked.
        eps: how far the inputs are moved.
        atol: the largest error, relative to gradients above 1.
        raise_exception: raise instead of returning False.
        fast_mode: along random directions only, instead of element by element.
        others: PyTorch's further settings, without effect.

    Raises:
        GradientError: naming the input, both values and the error.
        TypeError: if no input is float64.
    """
    return _agree(func, inputs, 1, eps, atol, raise_exception, fast_mode)


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    raise_exception: bool = True,
    fast_mode: bool = False,
    **others: Any,
) -> bool:
    """Tell whether the gradients, and the gradients of the gradients, agree; arguments as for `gradcheck`."""
    return _agree(func, inputs, 2, eps, atol, raise_exception, fast_mode)


def _agree(
    func: Callable[..., Any], inputs: Any, order: int, eps: float, atol: float, strict: bool, fast: bool
) -> bool:
    points = (inputs,) if isinstance(inputs, Tensor) else inputs
    try:
        check_gradients(func, *points, full=not fast, order=order, epsilon=eps, tolerance=atol)
    except GradientError:
        if strict:
            raise
        return False
    return True
