"""What else a look would leave behind: attributes that a forward, or a hook, sets on its layer.

A user's forward may count its calls, carry a state or keep an output. That belongs to the training, not to a look at
it, so afterwards attributes have their values back. Hooks run as in any pass, for they may be part of the model; one
that keeps records elsewhere asks `is_looking`.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from koubai.doctor.looking import looking

__all__ = ["unnoticed"]


@contextmanager
def unnoticed(model: Any) -> Iterator[None]:
    """Run the model; afterwards its layers' attributes are as they were."""
    attributes = [(layer, _own(layer)) for layer in model.modules()]
    values = [value for _, own in attributes for value in own.values()]
    contents = [(value, value.copy()) for value in values if isinstance(value, _CONTAINERS)]
    try:
        with looking():
            yield
    finally:
        for layer, own in attributes:
            for name in vars(layer).keys() - own.keys() - _plumbing(layer):
                del vars(layer)[name]
            vars(layer).update(own)
        for value, copied in contents:
            _put_back(value, copied)


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
