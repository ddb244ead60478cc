"""Hooks: functions that a user hangs on a layer, to run around its forward or its backward.

A hook may look, or may replace what it sees by returning something else. A layer without hooks pays
nothing for them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

from koubai.nn.backward_hooks import Watch

if TYPE_CHECKING:
    from koubai.nn.module import Module

__all__ = ["Hook", "Hooks", "RemovableHandle"]

_numbers = itertools.count()


@dataclass(frozen=True)
class Hook:
    """A function, and how it wants to be called."""

    function: Callable[..., Any]
    with_kwargs: bool = False
    always_call: bool = False


class RemovableHandle:
    """What registering a hook returns: `remove()` takes the hook off, as does leaving a `with` block."""

    def __init__(self, shelf: dict[int, Hook], number: int) -> None:
        self._shelf = shelf
        self.id = number

    def remove(self) -> None:
        """Take the hook off. Doing so twice does no harm."""
        self._shelf.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


@dataclass
class Hooks:
    """All hooks of one layer, by the moment at which they run, in the order in which they run."""

    forward_pre: dict[int, Hook] = field(default_factory=dict)
    forward: dict[int, Hook] = field(default_factory=dict)
    backward_pre: dict[int, Hook] = field(default_factory=dict)
    backward: dict[int, Hook] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.forward_pre or self.forward or self.backward_pre or self.backward)

    @staticmethod
    def add(shelf: dict[int, Hook], hook: Hook, prepend: bool) -> RemovableHandle:
        """Put `hook` last on the shelf, or first when `prepend`."""
        number = next(_numbers)
        others = dict(shelf) if prepend else {}
        if prepend:
            shelf.clear()
        shelf[number] = hook
        shelf.update(others)
        return RemovableHandle(shelf, number)

    def call(self, layer: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the layer's forward with all its hooks around it."""
        waiting = {number: hook for number, hook in self.forward.items() if hook.always_call}
        try:
            args, kwargs = self._before(layer, args, kwargs)
            if not (self.backward or self.backward_pre):
                output = layer.forward(*args, **kwargs)
                return self._after(layer, args, kwargs, output, waiting)
            watch = Watch(layer, self.backward_pre, self.backward)
            args = watch.inputs(args)
            output = layer.forward(*args, **kwargs)
            return watch.outputs(self._after(layer, args, kwargs, output, waiting))
        except Exception:
            for hook in waiting.values():
                _call_forward(hook, layer, args, kwargs, None)
            raise

    def _before(
        self, layer: Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        for hook in tuple(self.forward_pre.values()):
            if hook.with_kwargs:
                args, kwargs = _checked_pair(hook.function(layer, args, kwargs), args, kwargs)
                continue
            changed = hook.function(layer, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
        return args, kwargs

    def _after(
        self,
        layer: Module,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        output: Any,
        waiting: dict[int, Hook],
    ) -> Any:
        for number, hook in tuple(self.forward.items()):
            waiting.pop(number, None)
            changed = _call_forward(hook, layer, args, kwargs, output)
            output = output if changed is None else changed
        return output


def _call_forward(
    hook: Hook, layer: Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
) -> Any:
    if hook.with_kwargs:
        return hook.function(layer, args, kwargs, output)
    return hook.function(layer, args, output)


def _checked_pair(
    changed: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if changed is None:
        return args, kwargs
    if isinstance(changed, tuple) and len(changed) == 2:
        return changed[0], changed[1]
    raise RuntimeError(
        f"a forward pre-hook with with_kwargs=True must return None or (args, kwargs), got {changed!r}"
    )
