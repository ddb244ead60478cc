"""Taps: measurements that anyone may hang on a tensor or a gradient, without the code below knowing who listens.

Nothing is computed while nobody collects. A measurement runs without recording gradients and never changes what it
measures, so a training gives the same bits with taps and without.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Self

from koubai.engine.modes import modes, no_grad
from koubai.engine.recipe import HookHandle
from koubai.engine.tensor import Tensor

__all__ = ["TapRecord", "Taps", "tap", "tap_gradient"]

Statistic = Callable[[Tensor], Tensor]


class TapRecord(NamedTuple):
    """One measurement: the tap's name, the step it was taken in, and the value."""

    name: str
    step: int
    value: Tensor


class Taps:
    """Collects what taps measure, while it is used as a context manager.

    Args:
        step: the number of the step that is about to run.

    Attributes:
        step: the present step; taps that measure every n-th step look at it.
        records: the measurements so far, in order.

    Example:
        >>> with koubai.Taps() as taps:
        ...     koubai.tap("hidden", koubai.ones(3), koubai.sum)
        >>> taps.records
        [TapRecord(name='hidden', step=0, value=tensor(3.))]
    """

    def __init__(self, step: int = 0) -> None:
        self.step = step
        self.records: list[TapRecord] = []

    def __enter__(self) -> Self:
        self._outer, modes.taps = modes.taps, self
        return self

    def __exit__(self, *_: Any) -> None:
        modes.taps = self._outer

    def wants(self, every: int) -> bool:
        """Tell whether a tap that measures every `every`-th step measures in this one."""
        return self.step % every == 0

    def add(self, name: str, value: Tensor) -> None:
        """Note a measurement of this step."""
        self.records.append(TapRecord(name, self.step, value))


def tap(name: str, tensor: Tensor, statistic: Statistic, every: int = 1) -> None:
    """Measure `statistic(tensor)` and hand it to whoever collects.

    Eagerly it is computed at once. In a traced program it becomes a further result, which does not depend on whether
    anyone collects while the function is traced, but only on whether anyone does when the program runs.

    Args:
        name: under which the measurement is recorded, such as "layer 2.output.norm".
        tensor: what is measured.
        statistic: a function of the tensor, written in ops; mostly it returns one number.
        every: measure only in steps that are multiples of this.

    Raises:
        ValueError: if `every` is not at least 1.
    """
    if every < 1:
        raise ValueError(f"tap {name!r}: every is at least 1, got {every}")
    taps = modes.taps
    if modes.tracer is not None:
        with no_grad():
            modes.tracer.add_tap(name, every, statistic(tensor))
    elif taps is not None and taps.wants(every):
        with no_grad():
            taps.add(name, Tensor(statistic(tensor).payload))


def tap_gradient(name: str, tensor: Tensor, statistic: Statistic, every: int = 1) -> HookHandle:
    """Measure the gradient of `tensor` whenever a backward pass computes it; arguments as `tap`.

    Returns:
        a handle whose `remove()` takes the tap away.
    """

    def measure(gradient: Tensor) -> None:
        tap(name, gradient, statistic, every)

    return tensor.register_hook(measure)
