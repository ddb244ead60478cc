"""`FloatTensor` and its like, which old programs make tensors with and convert to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from koubai import dtypes
from koubai.engine.constructors import array_of
from koubai.engine.tensor import Tensor

__all__ = [
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
]


@dataclass(frozen=True)
class TensorType:
    """Makes tensors of one dtype, may be given where a dtype is asked for, and works in `isinstance`.

    Attributes:
        name: such as "FloatTensor".
        dtype: of the tensors.
    """

    name: str
    dtype: dtypes.DType

    def __call__(self, *arguments: Any) -> Tensor:
        """Return a tensor with the given elements, a nested list, or of the given lengths."""
        return Tensor(array_of(arguments, self.dtype))

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype == self.dtype

    def __repr__(self) -> str:
        return f"koubai.{self.name}"


BoolTensor = TensorType("BoolTensor", dtypes.bool_)
ByteTensor = TensorType("ByteTensor", dtypes.uint8)
CharTensor = TensorType("CharTensor", dtypes.int8)
ShortTensor = TensorType("ShortTensor", dtypes.int16)
IntTensor = TensorType("IntTensor", dtypes.int32)
LongTensor = TensorType("LongTensor", dtypes.int64)
HalfTensor = TensorType("HalfTensor", dtypes.float16)
FloatTensor = TensorType("FloatTensor", dtypes.float32)
DoubleTensor = TensorType("DoubleTensor", dtypes.float64)

_TYPES: dict[str, TensorType] = {name: globals()[name] for name in __all__}


def named_type(name: str) -> TensorType | None:
    """Return the type of a name such as "koubai.FloatTensor", or None."""
    return _TYPES.get(name.rpartition(".")[2])


def type_of(tensor: Tensor) -> TensorType:
    """Return the type of a tensor."""
    return next(known for known in _TYPES.values() if known.dtype == tensor.dtype)
