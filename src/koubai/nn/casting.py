"""What a module may be made of, and where: the arguments of `Module.to`."""

from __future__ import annotations

from typing import Any

import numpy as np

from koubai import dtypes
from koubai.devices import device as device_type
from koubai.engine.tensor import Tensor

__all__ = ["targets"]


def targets(
    *args: Any, device: Any = None, dtype: Any = None, non_blocking: bool = False
) -> tuple[device_type | None, dtypes.DType | None]:
    """Return the device and the dtype that `to(...)` asks for, None for what is to stay as it is.

    Raises:
        RuntimeError: there is no such kind of device.
        TypeError: the dtype is not floating.
    """
    for value in args:
        if isinstance(value, Tensor):
            device, dtype = value.device, value.dtype
        elif isinstance(value, np.dtype) or value in (float, np.float16, np.float32, np.float64):
            dtype = value
        elif not isinstance(value, bool):  # a bool is non_blocking, and everything here is at once
            device = value
    where = None if device is None else device_type(device)
    if dtype is None:
        return where, None
    chosen = dtypes.as_dtype(dtype)
    if not dtypes.is_floating(chosen):
        raise TypeError(f"a module converts to a floating-point dtype, not to {chosen}")
    return where, chosen
