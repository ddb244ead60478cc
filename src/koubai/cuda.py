"""`koubai.cuda`: what PyTorch programs ask about GPUs before they choose a device, and tell them."""

from __future__ import annotations

from typing import Any

from koubai.devices import device as device_type


def _cupy() -> Any:
    """Return CuPy where it can compute.

    Raises:
        RuntimeError: if it cannot; the message says what to install.
    """
    from koubai.cupy_arrays import library

    library()
    import cupy

    return cupy


def is_available() -> bool:
    """Tell whether tensors can live on a GPU: there is one, and CuPy is installed."""
    return device_count() > 0


def device_count() -> int:
    """Return the number of GPUs that tensors can live on."""
    try:
        return int(_cupy().cuda.runtime.getDeviceCount())
    except RuntimeError:
        return 0


def current_device() -> int:
    """Return the number of the GPU that "cuda" means."""
    return int(_cupy().cuda.runtime.getDevice())


def set_device(device: Any) -> None:
    """Let "cuda" mean another GPU, given as its number or as "cuda:1"."""
    _cupy().cuda.Device(device_type(device).index).use()


def get_device_name(device: Any = None) -> str:
    """Return what a GPU is called, by default the present one."""
    number = current_device() if device is None else device_type(device).index
    return str(_cupy().cuda.runtime.getDeviceProperties(number)["name"].decode())


def synchronize(device: Any = None) -> None:
    """Wait until a GPU has done all that it was asked to: ops only start their work there."""
    cupy = _cupy()
    cupy.cuda.Device(None if device is None else device_type(device).index).synchronize()


def memory_allocated(device: Any = None) -> int:
    """Return the bytes that tensors take on a GPU."""
    cupy = _cupy()
    with cupy.cuda.Device(None if device is None else device_type(device).index):
        return int(cupy.get_default_memory_pool().used_bytes())


def empty_cache() -> None:
    """Give back the memory that CuPy holds for tensors to come; without a GPU there is none."""
    if is_available():
        _cupy().get_default_memory_pool().free_all_blocks()


def manual_seed(seed: int) -> None:
    """Do nothing: random numbers are drawn on the CPU, by the generator that `koubai.manual_seed` seeds."""


manual_seed_all = manual_seed
