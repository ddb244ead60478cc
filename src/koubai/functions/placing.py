"""Where tensors live: made on a device, beside another tensor, or copied from one device to another."""

from __future__ import annotations

from typing import Any

from koubai import devices
from koubai.engine.function import Function
from koubai.engine.modes import modes
from koubai.engine.tensor import Tensor
from koubai.engine.trace import Tracer
from koubai.ops.op import DataDependentError


def placed(array: Any, device: Any, requires_grad: bool = False) -> Tensor:
    """Return a NumPy array as a tensor on a device, given as itself or by its name; None means the CPU."""
    where = devices.place(device)
    return Tensor(array if where.type == "cpu" else devices.put(array, where), requires_grad)


def beside(input: Tensor, array: Any) -> Tensor:
    """Return a NumPy array as a tensor on the device of `input`, whose function it serves."""
    return placed(array, devices.device_of(input._payload))


def on_device(input: Tensor, device: Any) -> Tensor:
    """Return the tensor on a device, itself if it is there already; gradients go back to where it was.

    Args:
        input: any tensor.
        device: itself or its name; None leaves the tensor where it is.

    Raises:
        DataDependentError: in a function that is being traced, which is for the CPU; the step of a scan is not, and
            runs where its inputs live.
    """
    if device is None:
        return input
    where = devices.place(device)
    if modes.tracer is not None:
        _refuse_to_trace(where, modes.tracer)
        return input
    if where.has(devices.device_of(input._payload)):
        return input
    moved: Tensor = _Move.apply(input, where)
    return moved


def _refuse_to_trace(where: devices.device, tracer: Tracer) -> None:
    if where.type != "cpu" and not tracer.derives_gradients:
        raise DataDependentError(
            f"a traced function cannot move tensors to {where}; move them before it is called"
        )


class _Move(Function):
    """A copy on another device."""

    @staticmethod
    def forward(context: Any, input: Tensor, where: devices.device) -> Tensor:
        context.origin = devices.device_of(input._payload)
        return Tensor(devices.put(input.payload, where))

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return on_device(gradient, context.origin), None
