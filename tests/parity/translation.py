"""From PyTorch to Koubai: tensors, dtypes, arguments and functions.

A helper that PyTorch wrote for its tests runs unchanged, with the name `torch` standing for `koubai` in it. What Koubai
leaves out on purpose raises `Refused`, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import Any

import torch

import koubai
import koubai.nn.functional

DTYPES = {
    torch.bool: koubai.bool,
    torch.uint8: koubai.uint8,
    torch.int8: koubai.int8,
    torch.int16: koubai.int16,
    torch.int32: koubai.int32,
    torch.int64: koubai.int64,
    torch.float16: koubai.float16,
    torch.float32: koubai.float32,
    torch.float64: koubai.float64,
}
IGNORED_ARGUMENTS = ("device", "layout", "memory_format", "pin_memory")


class Refused(Exception):
    """A sample that uses a feature Koubai leaves out on purpose."""


class Translator:
    """Converts arguments; the same torch tensor becomes the same koubai tensor every time."""

    def __init__(self) -> None:
        self.pairs: dict[int, tuple[torch.Tensor, koubai.Tensor]] = {}

    def __call__(self, value: Any) -> Any:
        """Return Koubai's counterpart of `value`.

        Raises:
            Refused: if it has none.
        """
        if isinstance(value, torch.Tensor):
            if id(value) not in self.pairs:
                self.pairs[id(value)] = (value, tensor_of(value))
            return self.pairs[id(value)][1]
        if isinstance(value, torch.dtype):
            return dtype_of(value)
        if isinstance(value, dict):
            return {key: self(item) for key, item in value.items() if key not in IGNORED_ARGUMENTS}
        if isinstance(value, list | tuple):
            return (list if isinstance(value, list) else tuple)(map(self, value))
        if isinstance(value, slice):
            return slice(self(value.start), self(value.stop), self(value.step))
        if isinstance(value, torch.device):
            return "cpu"
        if isinstance(value, torch.nn.PairwiseDistance):
            return koubai.nn.PairwiseDistance(value.norm, value.eps, value.keepdim)
        if isinstance(value, torch.Generator | torch.layout | complex | torch.nn.Module):
            raise Refused(f"{type(value).__name__} as an argument")
        if callable(value) and getattr(value, "__module__", "").startswith("torch.nn"):
            return counterpart(value, f"nn.functional.{value.__name__}")
        return value

    def differentiable(self) -> list[tuple[torch.Tensor, koubai.Tensor]]:
        """Return the pairs of tensors that require gradients."""
        return [pair for pair in self.pairs.values() if pair[0].requires_grad]


def dtype_of(dtype: torch.dtype) -> Any:
    """Return Koubai's dtype."""
    if dtype not in DTYPES:
        raise Refused("complex numbers" if dtype.is_complex else f"element type {dtype}")
    return DTYPES[dtype]


def tensor_of(value: torch.Tensor) -> koubai.Tensor:
    """Return a tensor with a copy of the values of `value`."""
    dtype_of(value.dtype)
    if value.layout != torch.strided:
        raise Refused("sparse tensors")
    made = koubai.from_numpy(value.detach().numpy(force=True).copy())
    return made.requires_grad_() if value.requires_grad else made


def find(name: str) -> Any:
    """Return koubai's function, or Tensor method, called `name` (dotted); None if there is none."""
    for root in (koubai, koubai.Tensor):
        found: Any = root
        for part in name.split("."):
            found = getattr(found, part, None)
        if callable(found) or isinstance(found, property):
            return found
    return None


def counterpart(function: Any, name: str) -> Callable[..., Any] | None:
    """Return what stands in for a torch function: the koubai function `name`, or PyTorch's helper run on koubai."""
    if isinstance(function, FunctionType) and function.__module__.startswith("torch.testing"):
        names = {**function.__globals__, "torch": koubai}
        return FunctionType(function.__code__, names, name, function.__defaults__, function.__closure__)
    if isinstance(function, partial):
        inner = counterpart(function.func, name)
        return inner and partial(inner, *function.args, **function.keywords)
    found: Callable[..., Any] | None = find(name)
    return found


def replace(value: Any, swap: dict[int, Any]) -> Any:
    """Return nested `value` with the tensors exchanged that `swap` names by id."""
    if isinstance(value, koubai.Tensor):
        return swap.get(id(value), value)
    if isinstance(value, list | tuple):
        return type(value)(replace(item, swap) for item in value)
    if isinstance(value, dict):
        return {key: replace(item, swap) for key, item in value.items()}
    if isinstance(value, slice):
        return slice(*(replace(item, swap) for item in (value.start, value.stop, value.step)))
    return value
