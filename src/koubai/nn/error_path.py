"""Which layer an error came from: a note on the exception with the layer's path, class and what it received.

The innermost layer writes the note; every layer around it lengthens the path on the way out, so that
at the top it starts at the model the user called.
"""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from koubai.engine.tensor import Tensor

if TYPE_CHECKING:
    from koubai.nn.module import Module

__all__ = ["name_layer"]

_KEY = "koubai_layer_note"


@dataclass(frozen=True)
class _Origin:
    """The layer that raised, what it received, and the note as it stands."""

    layer: Module
    received: str
    note: str


def name_layer(error: Exception, layer: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Note on `error`, once, which layer raised it, seen from `layer`.

    Args:
        error: the exception on its way out of `layer`.
        layer: the layer being left, the innermost one first.
        args: positional arguments that `layer` received.
        kwargs: keyword arguments that `layer` received.
    """
    origin: _Origin | None = error.__dict__.get(_KEY)
    source, received = (origin.layer, origin.received) if origin else (layer, _describe(args, kwargs))
    note = f"in layer {_path(layer, source)}, which received {received}"
    if origin is None:
        error.add_note(note)
    else:
        error.__notes__ = [note if old is origin.note else old for old in error.__notes__]
    error.__dict__[_KEY] = _Origin(source, received, note)


def _path(outer: Module, inner: Module) -> str:
    """`inner`'s name as `outer` knows it, with its class: `0.conv1 (Conv2d)`."""
    kind = type(inner).__name__
    path = next((name for name, layer in outer.named_modules() if layer is inner), "")
    return f"{path} ({kind})" if path else kind


def _describe(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    named = [f"{name}={_show(value)}" for name, value in kwargs.items()]
    return ", ".join([_show(value) for value in args] + named) or "no arguments"


def _show(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{value.dtype}{list(value.shape)}"
    if isinstance(value, (tuple, list)):
        return "(" + ", ".join(_show(item) for item in value) + ")"
    return reprlib.repr(value)
