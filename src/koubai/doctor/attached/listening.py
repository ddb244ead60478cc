"""Who hears of what happens in a hand-written loop: by hooks, and of `backward()`, which has none, by a wrap.

The method is wrapped while somebody listens, once for all who do, so they may come and go in any order.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any

from koubai.doctor.looking import is_looking

__all__ = ["Ear", "deaf", "leave", "listen"]


class Ear:
    """A hook that belongs to its listener, not to the model it hangs on: whoever copies or saves the model has none.

    Args:
        hear: what to call, unless a doctor is looking.
        failed: is told what went wrong there; the training goes on.
    """

    def __init__(self, hear: Callable[..., None], failed: Callable[[Exception], None]) -> None:
        self.hear = hear
        self.failed = failed

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        """Hear what happened."""
        if is_looking():
            return
        try:
            self.hear(*args, **kwargs)
        except Exception as problem:
            self.failed(problem)

    def __deepcopy__(self, memo: dict[int, Any]) -> Callable[..., None]:
        return deaf

    def __reduce__(self) -> tuple[Callable[[], Any], tuple[()]]:
        return _deaf, ()


def deaf(*_: Any, **__: Any) -> None:
    """Hear nothing."""


def _deaf() -> Callable[..., None]:
    return deaf


class _Wrap:
    """The method `backward` of a class of tensors, while somebody listens."""

    def __init__(self, tensors: Any) -> None:
        self.tensors = tensors
        self.original: Callable[..., Any] = self.tensors.backward
        self.listeners: list[weakref.ref[Ear]] = []
        self.tensors.backward = self.method = self._wrapped()

    def _wrapped(self) -> Callable[..., Any]:
        original, listeners = self.original, self.listeners

        @functools.wraps(original)
        def backward(tensor: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(tensor, *args, **kwargs)
            for reference in tuple(listeners):
                ear = reference()
                if ear is not None:
                    ear(tensor)
            return result

        return backward

    def remove(self, reference: weakref.ref[Ear]) -> None:
        """Take a listener out, and with the last one the wrap, unless somebody else has wrapped it since."""
        if reference in self.listeners:
            self.listeners.remove(reference)
        if not self.listeners and _wraps.get(self.tensors) is self:
            del _wraps[self.tensors]
            if self.tensors.backward is self.method:
                self.tensors.backward = self.original


_wraps: dict[type, _Wrap] = {}


def listen(tensors: type, ear: Ear) -> None:
    """Call `ear(tensor)` after each `tensor.backward()`, until it leaves or is no more."""
    wrap = _wraps.get(tensors)
    if wrap is None:
        wrap = _wraps[tensors] = _Wrap(tensors)
    wrap.listeners.append(weakref.ref(ear, wrap.remove))


def leave(tensors: type, ear: Ear) -> None:
    """Call it no more."""
    if tensors in _wraps:
        _wraps[tensors].remove(weakref.ref(ear))
