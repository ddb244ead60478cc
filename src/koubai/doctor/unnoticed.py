"""What else a look would leave behind: attributes that a forward sets, and hooks that were hung on layers to look on.

A user's forward may count its calls, carry a state or keep an output; a hook may record activations. Both belong to the
training, not to a look at it: attributes get their values back, and hooks that only look on are silent. Hooks that may
change what goes through are part of the model, and run.
"""

from __future__ import annotations

import dis
import functools
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any

__all__ = ["only_looks_on", "silence", "unnoticed"]


@contextmanager
def unnoticed(model: Any) -> Iterator[None]:
    """Run the model; afterwards its layers' attributes are as they were, and no hook that only looks on has seen it."""
    attributes = [(layer, _own(layer)) for layer in model.modules()]
    values = [value for _, own in attributes for value in own.values()]
    contents = [(value, value.copy()) for value in values if isinstance(value, _CONTAINERS)]
    hooks = silence(model)
    try:
        yield
    finally:
        for layer, own in attributes:
            for name in vars(layer).keys() - own.keys() - _plumbing(layer):
                del vars(layer)[name]
            vars(layer).update(own)
        for value, copied in contents:
            _put_back(value, copied)
        for shelf, before in hooks:
            shelf.clear()
            shelf.update(before)


def silence(model: Any) -> list[tuple[dict[Any, Any], dict[Any, Any]]]:
    """Take the hooks that only look on off a model's layers, and return each shelf with what was on it."""
    shelves = [shelf for layer in model.modules() for shelf in _shelves(layer) if shelf]
    before = [(shelf, dict(shelf)) for shelf in shelves]
    for shelf, hooks in before:
        for number, hook in hooks.items():
            function: Any = getattr(hook, "function", hook)
            if only_looks_on(function):
                del shelf[number]
    return before


def only_looks_on(hook: Callable[..., Any]) -> bool:
    """Whether a hook is a user's that changes nothing, as far as its code can tell: it returns None, and sets nothing.

    What a library hangs on a layer, such as weight normalisation, is part of the layer.
    """
    function = _function(hook)
    code = getattr(function, "__code__", None)
    library = str(getattr(function, "__module__", "")).partition(".")[0] in ("koubai", "torch")
    if code is None or library:
        return False
    layer = code.co_varnames[min(function is not hook, len(code.co_varnames) - 1)]
    return _returns_nothing(code) and not _changes(code, layer)


def _function(hook: Any) -> Any:
    """Return the function behind a method, a partial or an object that can be called."""
    while isinstance(hook, functools.partial):
        hook = hook.func
    if not hasattr(hook, "__code__") and not hasattr(hook, "__func__"):
        hook = type(hook).__call__
    return getattr(hook, "__func__", hook)


_PUT = {
    "append",
    "add",
    "extend",
    "insert",
    "update",
    "write",
    "put",
    "appendleft",
}  # methods of no useful value


def _returns_nothing(code: CodeType) -> bool:
    """Whether every return gives None; a lambda may put something into a container instead."""
    steps = list(dis.get_instructions(code))
    if code.co_name == "<lambda>" and code.co_names and code.co_names[0] in _PUT:
        return steps[-2].opname.startswith("CALL")
    returned = [steps[n - 1] for n, step in enumerate(steps) if step.opname == "RETURN_VALUE"]
    returned += [step for step in steps if step.opname == "RETURN_CONST"]
    return all("CONST" in step.opname and step.argval is None for step in returned)


def _changes(code: CodeType, layer: str) -> bool:
    """Whether it may set an attribute of its layer, as one that computes a weight does, or writes into tensors."""
    steps = list(dis.get_instructions(code))
    in_place = any(name.endswith("_") and not name.endswith("__") for name in code.co_names)
    sets = any(step.opname == "STORE_ATTR" for step in steps) or "setattr" in code.co_names
    return in_place or (sets and any(step.argval == layer for step in steps))


def _shelves(layer: Any) -> Iterator[dict[Any, Any]]:
    """Yield where a layer of Koubai or PyTorch keeps its hooks."""
    own = getattr(layer, "_hooks", None)
    if own is not None:
        yield from (own.forward_pre, own.forward, own.backward_pre, own.backward)
        return
    for name in ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks"):
        yield getattr(layer, name, {})


def _plumbing(layer: Any) -> set[str]:
    """Return the attributes that are the framework's."""
    base = next(kind for kind in type(layer).__mro__ if kind.__name__ == "Module")
    return _names_of(base)


@functools.cache
def _names_of(base: type) -> set[str]:
    return set(vars(base()))


def _own(layer: Any) -> dict[str, Any]:
    plumbing = _plumbing(layer)
    return {name: value for name, value in vars(layer).items() if name not in plumbing}


_CONTAINERS = (list, dict, set, deque, bytearray)


def _put_back(value: Any, before: Any) -> None:
    value.clear()
    if isinstance(value, dict | set):
        value.update(before)
    else:
        value.extend(before)
