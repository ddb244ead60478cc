"""What convolution, pooling and resizing share: functions for one, two and three spatial dimensions at once,
and how their arguments are read."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from koubai.engine.tensor import Tensor
from koubai.ops.op import Shape, ShapeError, describe
from koubai.ops.window import Window

Size = int | Sequence[int]


def per_rank(function: Callable[..., Any]) -> tuple[Callable[..., Any], ...]:
    """Return `function` for one, two and three spatial dimensions.

    Args:
        function: its first argument is the name that it goes by, its second the number of spatial dimensions.
            `_pool` becomes `pool1d`, `pool2d` and `pool3d`.
    """
    return tuple(_for_rank(function, rank) for rank in (1, 2, 3))


def _for_rank(function: Callable[..., Any], rank: int) -> Callable[..., Any]:
    name = f"{function.__name__.removeprefix('_')}{rank}d"
    signature = inspect.signature(function)

    def ranked(*args: Any, **kwargs: Any) -> Any:
        return function(name, rank, *args, **kwargs)

    ranked.__name__ = ranked.__qualname__ = name
    ranked.__module__, ranked.__doc__ = function.__module__, function.__doc__
    parameters = list(signature.parameters.values())[2:]
    ranked.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return ranked


def sizes(value: Size, rank: int, name: str, least: int = 0) -> Shape:
    """Return one number for each spatial dimension; a single number holds for all.

    Raises:
        RuntimeError: if there are too few or too many, or one is below `least`.
    """
    given = (value,) if isinstance(value, int) else tuple(int(v) for v in value)
    if len(given) not in (1, rank):
        raise RuntimeError(f"{name} takes one number or {rank}, got {value}")
    if any(v < least for v in given):
        raise RuntimeError(f"{name} must be at least {least}, got {value}")
    return given if len(given) == rank else given * rank


def batched(name: str, input: Tensor, rank: int) -> tuple[Tensor, bool]:
    """Return `input` as (N, C, ...), and whether it had no batch dimension.

    Raises:
        RuntimeError: if it has neither (N, C, ...) nor (C, ...).
    """
    if input.ndim not in (rank + 1, rank + 2):
        hint = "; the channel dimension is missing: unsqueeze(0)" if input.ndim == rank else ""
        raise ShapeError(
            f"{name} takes an input (N, C, and {rank} spatial dimensions), where N may be missing; got "
            f"{describe([input])}{hint}"
        )
    single = input.ndim == rank + 1
    return (input.unsqueeze(0) if single else input), single


def check_fits(name: str, window: Window, lengths: Shape) -> None:
    """Refuse an input that is shorter than a window.

    Raises:
        RuntimeError: naming both.
    """
    try:
        window.counts(lengths)
    except ShapeError as error:
        raise ShapeError(f"{name}: {error}") from None
