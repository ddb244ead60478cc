"""How a tensor prints: `tensor([1., 2.], requires_grad=True)`, or only its shape while it has no values."""

from __future__ import annotations

import numpy as np

from koubai import dtypes
from koubai.ops.op import Symbol
from koubai.tensor import Tensor


def format_tensor(tensor: Tensor) -> str:
    """Write a tensor with its values, its dtype where it is not the usual one, and its recipe."""
    payload = tensor.payload
    if isinstance(payload, Symbol):
        return f"tensor(<{payload}, traced>)"
    parts = [np.array2string(payload, separator=", ", precision=4, prefix="tensor(", threshold=1000)]
    if payload.dtype not in (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool_):
        parts.append(f"dtype=koubai.{payload.dtype}")
    if tensor.grad_fn is not None:
        parts.append(f"grad_fn={tensor.grad_fn}")
    elif tensor.requires_grad:
        parts.append("requires_grad=True")
    return f"tensor({', '.join(parts)})"


Tensor.__repr__ = format_tensor  # type: ignore[method-assign, assignment]
