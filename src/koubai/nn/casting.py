"""What a module may be made of: the arguments of `Module.to`."""

from __future__ import annotations

from typing import Any

import numpy as np

from koubai import dtypes
from koubai.devices import check_device
from koubai.engine.tensor import Tensor

__all__ = ["target_dtype"]


def target_dtype(
    *args: Any, device: Any = None, dtype: Any = None, non_blocking: bool = False
) -> dtypes.DType | None:
    """Return the dtype that `to(...)` asks for, or None when it asks only for the CPU.

    Raises:
        RuntimeError: another device than the CPU.
        TypeError: the dtype is not floating.
    """
    for value in args:
        if isinstance(value, Tensor):
            dtype = value.dtype
        elif isinstance(value, np.dtype) or value in (float, np.float16, np.float32, np.float64):
            dtype = value
        elif not isinstance(value, bool):  # a bool is non_blocking, and everything here is at once
            device = value
    check_device(device)
    if dtype is None:
        return None
    chosen = dtypes.as_dtype(dtype)
    if not dtypes.is_floating(chosen):
        raise TypeError(f"a module converts to a floating-point dtype, not to {chosen}")
    return chosen
