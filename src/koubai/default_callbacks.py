"""The callbacks that a `Trainer` has without being asked: a name for each, and what makes it.

Rooms above `train` hang theirs in here, so that the Trainer has them and knows none of them; `Trainer(..., name=False)`
leaves one out. What makes one imports its room only when a Trainer wants it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["DEFAULT_CALLBACKS", "choose"]

DEFAULT_CALLBACKS: dict[str, Callable[[], Any]] = {}


def choose(wishes: Mapping[str, Any], present: Sequence[Any] = ()) -> list[Any]:
    """Return the default callbacks of a Trainer.

    Args:
        wishes: By name: False leaves one out, a callback takes its place.
        present: Callbacks that are there already; a default of the same class is not added to them.

    Raises:
        TypeError: No default has such a name.
    """
    for name in wishes:
        if name not in DEFAULT_CALLBACKS:
            raise TypeError(f"Trainer.__init__() got an unexpected keyword argument {name!r}")
    chosen = [_chosen(wishes.get(name, True), make) for name, make in DEFAULT_CALLBACKS.items()]
    kinds = {type(callback) for callback in present}
    return [callback for callback in chosen if callback is not None and type(callback) not in kinds]


def _chosen(wish: Any, make: Callable[[], Any]) -> Any:
    if isinstance(wish, bool):
        return make() if wish else None
    return wish
