"""`Parameter` and `Buffer`: tensors that register themselves when assigned to an attribute of a module."""

from __future__ import annotations

from typing import Any

import koubai
from koubai.engine.tensor import Tensor

__all__ = ["Buffer", "Parameter"]


class Parameter(Tensor):
    """A tensor that training changes.

    Args:
        data: its first value; empty by default.
        requires_grad: whether it is trained, or frozen.
    """

    __slots__ = ()

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        super().__init__(koubai.as_tensor([] if data is None else data).payload, requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        copy = Parameter(self, self.requires_grad)
        memo[id(self)] = copy
        return copy

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


class Buffer(Tensor):
    """A tensor that belongs to a module's state but is not trained.

    Args:
        data: its first value; empty by default.
        persistent: whether `state_dict` contains it.
    """

    __slots__ = ("persistent",)

    def __init__(self, data: Any = None, *, persistent: bool = True) -> None:
        super().__init__(koubai.as_tensor([] if data is None else data).payload)
        self.persistent = persistent


def new_parameter(*shape: int, device: Any = None, dtype: Any = None) -> Parameter:
    """Return a parameter of the given shape, for an initialiser to fill."""
    return Parameter(koubai.zeros(*shape, device=device, dtype=dtype))
