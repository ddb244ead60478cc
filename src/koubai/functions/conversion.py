"""Conversions: copies, other dtypes, values set in place, and what a tensor says about itself."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from koubai import dtypes
from koubai.devices import device as device_type
from koubai.devices import device_of
from koubai.dtypes import DTypeLike
from koubai.engine.modes import modes
from koubai.engine.recipe import Version
from koubai.engine.tensor import Tensor
from koubai.functions.operands import Operand, as_type, method, to_tensor
from koubai.functions.placing import on_device
from koubai.functions.tensor_types import named_type, type_of
from koubai.ops import elementwise as ops
from koubai.ops.movement import alias
from koubai.ops.movement import detach as detach_op


@method
def clone(input: Tensor) -> Tensor:
    """Return a copy in a cell of its own; gradients flow back to `input`."""
    copy: Tensor = alias(input)
    copy._view = None
    copy._version, copy._seen = Version(), 0
    return copy


@method
def detach(input: Tensor) -> Tensor:
    """Return the same values, cut off from the graph, in the same cell: a change in place changes `input` too."""
    if input._view is not None:
        view = input._view
        cut: Tensor = view.op(detach(view.found_base()), **view.attributes)
        cut._view.strides = view.strides  # type: ignore[union-attr]
        return cut
    cut = Tensor(input.payload if modes.tracer is None else modes.tracer.record(detach_op, (input,), {})[0])
    cut._version, cut._seen = input._version, input._version.count
    return cut


@method
def detach_(input: Tensor) -> Tensor:
    """Cut this tensor off from the graph, in place."""
    input._recipe, input._index = None, 0
    input._requires_grad = False
    return input


@method
def to(
    input: Tensor,
    *args: Any,
    dtype: DTypeLike = None,
    device: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
) -> Tensor:
    """Return the tensor on another device or in another dtype: `x.to("cuda")`, `x.to("cpu", koubai.float64)` or
    `x.to(other)`; itself where nothing changes.

    Args:
        input: any tensor.
        args: a dtype, a device, or a tensor whose dtype and device are taken; then `non_blocking` and `copy`.
        dtype: the dtype, by name.
        device: where to; None leaves the tensor where it is.
        non_blocking: without effect; PyTorch has it.
        copy: return a copy even when device and dtype are the same.

    Raises:
        RuntimeError: if there is no such device here; the message says what to install.
    """
    flags = [argument for argument in args if isinstance(argument, builtins.bool)]
    for argument in args:
        if isinstance(argument, Tensor):
            dtype, device = argument.dtype, argument.device
        elif isinstance(argument, str | device_type):
            device = argument
        elif argument is not None and not isinstance(argument, builtins.bool):
            dtype = argument
    moved = on_device(input, device)
    converted = as_type(moved, input.dtype if dtype is None else dtypes.as_dtype(dtype))
    return clone(converted) if converted is input and (copy or flags[1:] == [True]) else converted


def _conversion(name: str, dtype: dtypes.DType) -> None:
    """Attach the method that converts to `dtype`."""

    def convert(input: Tensor) -> Tensor:
        return as_type(input, dtype)

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = f"Return the tensor as {dtype}."
    method(convert)


for _name, _dtype in {
    "bool": dtypes.bool_,
    "byte": dtypes.uint8,
    "char": dtypes.int8,
    "short": dtypes.int16,
    "int": dtypes.int32,
    "long": dtypes.int64,
    "half": dtypes.float16,
    "float": dtypes.float32,
    "double": dtypes.float64,
}.items():
    _conversion(_name, _dtype)


@method(names=("type",))
def _type(input: Tensor, dtype: Any = None) -> Tensor | str:
    """Return the tensor in another dtype; without one, the name of its type, such as "koubai.FloatTensor".

    Args:
        input: any tensor.
        dtype: a dtype or a type such as `koubai.FloatTensor`, or the name of either.
    """
    if dtype is None:
        return repr(type_of(input))
    return as_type(input, dtypes.as_dtype((isinstance(dtype, str) and named_type(dtype)) or dtype))


@method
def type_as(input: Tensor, other: Tensor) -> Tensor:
    """Return the tensor in the dtype of `other`, on its device."""
    return to(input, other)


@method
def cpu(input: Tensor) -> Tensor:
    """Return the tensor on the CPU."""
    return on_device(input, "cpu")


@method
def cuda(input: Tensor, device: Any = None) -> Tensor:
    """Return the tensor on a GPU, by default the present one; `device` is its number or its name."""
    return on_device(input, "cuda" if device is None else device)


# --- values set in place


@method
def copy_(input: Tensor, src: Operand, non_blocking: bool = False) -> Tensor:
    """Replace the elements by those of `src`, converted and broadcast; gradients flow to `src` from then on.

    The tensor stays on its device, wherever `src` lives.
    """
    value = as_type(on_device(to_tensor(src), input.device), input.dtype)
    return input._become(ops.fill(input._snapshot(), value), "copy_")


@method(in_place=True)
def fill(input: Tensor, value: Operand) -> Tensor:
    """Return a tensor like `input` with every element replaced by one number."""
    return ops.fill(input, as_type(value, input.dtype))  # type: ignore[no-any-return]


@method
def zero_(input: Tensor) -> Tensor:
    """Replace every element by 0."""
    return input.fill_(0)


def _set_data(input: Tensor, value: Tensor) -> None:
    """Rebind the cell to the values of another tensor, unseen by the graph."""
    if modes.tracer is not None:
        modes.tracer.remember(input)
    if input._view is not None:
        input._view, input._version = None, Version()
    input._rebind(
        value.payload if modes.tracer is None else modes.tracer.lift(value), "the assignment to .data"
    )


Tensor.data = property(detach, _set_data, doc="The values without their graph; assigning replaces them.")  # type: ignore[assignment]

# --- what a tensor says about itself


@method
def dim(input: Tensor) -> int:
    """Return the number of dimensions."""
    return input.ndim


Tensor.ndimension = dim  # type: ignore[attr-defined]


@method
def size(input: Tensor, dim: int | None = None) -> Any:
    """Return the shape, or the length of one dimension."""
    return input.shape if dim is None else input.shape[dim]


@method
def element_size(input: Tensor) -> int:
    """Return the bytes that one element takes."""
    return input.dtype.itemsize


@method
def is_floating_point(input: Tensor) -> builtins.bool:
    """Tell whether the elements are floating-point numbers."""
    return dtypes.is_floating(input.dtype)


@method
def is_complex(input: Tensor) -> builtins.bool:
    """Tell whether the elements are complex numbers: never, in Koubai."""
    return False


def is_tensor(obj: Any) -> builtins.bool:
    """Tell whether an object is a tensor."""
    return isinstance(obj, Tensor)


def result_type(tensor1: Operand, tensor2: Operand) -> np.dtype[Any]:
    """Return the dtype of an operation on two tensors or numbers."""
    return dtypes.result_type(
        (x.dtype, x.ndim) if isinstance(x, Tensor) else (dtypes.scalar_dtype(x), None)
        for x in (tensor1, tensor2)
    )


def can_cast(from_: DTypeLike, to: DTypeLike) -> builtins.bool:
    """Tell whether an in-place operation may store the first dtype in the second."""
    return dtypes.category(dtypes.as_dtype(from_)) <= dtypes.category(dtypes.as_dtype(to))


Tensor.device = property(
    lambda self: device_of(self._payload), doc="Where the tensor lives: `device(type='cpu')`, or on a GPU."
)
Tensor.is_cuda = property(lambda self: self.device.type == "cuda", doc="Whether it lives on a GPU.")  # type: ignore[attr-defined]
Tensor.itemsize = property(element_size, doc="The bytes that one element takes.")  # type: ignore[attr-defined]
Tensor.nbytes = property(  # type: ignore[attr-defined]
    lambda self: self.numel() * self.dtype.itemsize, doc="The bytes that all elements take."
)

__all__ = [
    "can_cast",
    "clone",
    "detach",
    "detach_",
    "fill",
    "is_complex",
    "is_floating_point",
    "is_tensor",
    "result_type",
    "zero_",
]
