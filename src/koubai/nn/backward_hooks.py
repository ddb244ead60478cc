"""How backward hooks see a layer's gradients: its inputs and its outputs pass through one node each.

On the way back the outputs' node sees all gradients of the outputs, the inputs' node all gradients of the
inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from koubai.engine.function import Function
from koubai.engine.tensor import Tensor

if TYPE_CHECKING:
    from koubai.nn.hooks import Hook
    from koubai.nn.module import Module

__all__ = ["Watch"]

Gradients = tuple[Tensor | None, ...]


class _Gate(Function):
    """Pass tensors through; on the way back, let `look` see their gradients and replace them."""

    @staticmethod
    def forward(ctx: Any, look: Callable[[Gradients], Gradients], *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.look = look
        return tensors

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Any, ...]:
        return (None, *ctx.look(gradients))


class Watch:
    """Calls a layer's backward hooks for one forward.

    Args:
        layer: the layer.
        before: hooks for the gradients of the outputs.
        after: hooks for the gradients of the inputs.
    """

    def __init__(self, layer: Module, before: Mapping[int, Hook], after: Mapping[int, Hook]) -> None:
        self._layer = layer
        self._before = before
        self._after = after
        self._grad_output: Gradients = ()
        self._watched_inputs: list[int] = []
        self._input_count = 0

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the layer's arguments, with the tensors that want a gradient passed through the node."""
        self._input_count = len(args)
        self._watched_inputs = _wanting_gradient(args)
        return _pass_through(args, self._watched_inputs, self._leave)

    def outputs(self, result: Any) -> Any:
        """Return the layer's result likewise."""
        several = isinstance(result, (tuple, list))
        values = tuple(result) if several else (result,)
        watched = _wanting_gradient(values)

        def look(gradients: Gradients) -> Gradients:
            return self._enter(gradients, watched, len(values))

        passed = _pass_through(values, watched, look)
        return type(result)(passed) if several else passed[0]

    def _enter(self, gradients: Gradients, watched: Sequence[int], count: int) -> Gradients:
        """The gradients of the outputs have arrived."""
        grad_output = _spread(gradients, watched, count)
        for hook in tuple(self._before.values()):
            grad_output = _replaced(hook.function(self._layer, grad_output), grad_output)
        self._grad_output = grad_output
        if not self._watched_inputs:
            self._leave(())
        return tuple(grad_output[position] for position in watched)

    def _leave(self, gradients: Gradients) -> Gradients:
        """The gradients of the inputs have arrived."""
        grad_input = _spread(gradients, self._watched_inputs, self._input_count)
        for hook in tuple(self._after.values()):
            changed = hook.function(self._layer, grad_input, self._grad_output)
            grad_input = _replaced(changed, grad_input)
        return tuple(grad_input[position] for position in self._watched_inputs)


def _wanting_gradient(values: Sequence[Any]) -> list[int]:
    return [at for at, value in enumerate(values) if isinstance(value, Tensor) and value.requires_grad]


def _pass_through(values: tuple[Any, ...], watched: list[int], look: Callable[..., Any]) -> tuple[Any, ...]:
    if not watched:
        return values
    passed = dict(zip(watched, _Gate.apply(look, *(values[at] for at in watched))))
    return tuple(passed.get(at, value) for at, value in enumerate(values))


def _spread(gradients: Gradients, watched: Sequence[int], count: int) -> Gradients:
    """One gradient for each of `count` values, None for those that are not watched."""
    known = dict(zip(watched, gradients))
    return tuple(known.get(at) for at in range(count))


def _replaced(changed: Any, old: Gradients) -> Gradients:
    """What a hook returned, if anything.

    Raises:
        RuntimeError: it returned another number of gradients.
    """
    if changed is None:
        return old
    new = tuple(changed) if isinstance(changed, (tuple, list)) else (changed,)
    if len(new) != len(old):
        raise RuntimeError(f"a backward hook must return {len(old)} gradients (or None), got {len(new)}")
    return new
