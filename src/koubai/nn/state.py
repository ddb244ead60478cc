"""A module's state as a dictionary, and putting one back in: all of it or, on any mistake, nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import koubai
from koubai import dtypes
from koubai.engine.tensor import Tensor
from koubai.nn.parameter import Parameter

if TYPE_CHECKING:
    from koubai.nn.module import Module

__all__ = ["IncompatibleKeys", "load_state", "state_of"]


class IncompatibleKeys(NamedTuple):
    """The keys that did not match in a load with `strict=False`."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class _Place(NamedTuple):
    """Where one entry of the state lives."""

    key: str
    owner: Module
    name: str
    tensor: Tensor


def _places(module: Module, prefix: str = "") -> Iterator[_Place]:
    """All entries of the state, a shared tensor under each of its names."""
    for path, owner in module.named_modules(remove_duplicate=False):
        stem = f"{prefix}{path}." if path else prefix
        kept = {k: v for k, v in owner._buffers.items() if k not in owner._non_persistent_buffers}
        for name, tensor in {**owner._parameters, **kept}.items():
            if tensor is not None:
                yield _Place(stem + name, owner, name, tensor)


def _category(dtype: Any) -> int:
    return dtypes.category(dtypes.as_dtype(dtype))


def state_of(module: Module, destination: dict[str, Any], prefix: str, keep_vars: bool) -> dict[str, Any]:
    """Add parameters and persistent buffers of `module` and all below it to `destination`."""
    for place in _places(module, prefix):
        destination[place.key] = place.tensor if keep_vars else place.tensor.detach()
    return destination


def load_state(module: Module, state: Mapping[str, Any], strict: bool, assign: bool) -> IncompatibleKeys:
    """Put `state` into `module`; see `Module.load_state_dict`."""
    places = list(_places(module))
    keys = {place.key for place in places}
    result = IncompatibleKeys(
        [p.key for p in places if p.key not in state], [k for k in state if k not in keys]
    )
    mistakes = _list_mistakes(places, state, result if strict else None)
    if mistakes:
        listed = "".join(f"\n  {mistake}" for mistake in mistakes)
        raise RuntimeError(f"this state does not fit {type(module).__name__}; nothing was loaded:{listed}")
    found = [(place, _as_tensor(state[place.key])) for place in places if place.key in state]
    with koubai.no_grad():
        for place, value in found:
            (_assign if assign else _copy)(place, value)
    return result


def _list_mistakes(
    places: list[_Place], state: Mapping[str, Any], keys: IncompatibleKeys | None
) -> list[str]:
    mistakes = []
    if keys is not None and keys.missing_keys:
        mistakes.append(f"Missing key(s) in state_dict: {_quoted(keys.missing_keys)}")
    if keys is not None and keys.unexpected_keys:
        mistakes.append(f"Unexpected key(s) in state_dict: {_quoted(keys.unexpected_keys)}")
    return mistakes + [
        m for place in places if place.key in state and (m := _mistake(place, state[place.key]))
    ]


def _quoted(keys: list[str]) -> str:
    return ", ".join(f'"{key}"' for key in keys)


def _mistake(place: _Place, value: Any) -> str:
    """What is wrong with `value` for `place`, or nothing."""
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is None or dtype is None:
        return f"not a tensor: {place.key} is a {type(value).__name__}"
    if tuple(shape) != tuple(place.tensor.shape):
        wanted = list(place.tensor.shape)
        return f"size mismatch for {place.key}: {list(shape)} in the state, {wanted} in the module"
    if _category(dtype) != _category(place.tensor.dtype):
        return f"dtype: {place.key} is {dtype} in the state, {place.tensor.dtype} in the module"
    return ""


def _as_tensor(value: Any) -> Tensor:
    """A tensor as it is, an array copied: its owner may change it later."""
    return value if isinstance(value, Tensor) else koubai.tensor(value)


def _copy(place: _Place, value: Tensor) -> None:
    place.tensor.copy_(value)


def _assign(place: _Place, value: Tensor) -> None:
    """Put the tensor itself in place of the old one, as a parameter where it was one."""
    if place.name in place.owner._buffers:
        place.owner._buffers[place.name] = value
        return
    if not isinstance(value, Parameter):
        value = Parameter(value, place.tensor.requires_grad)
    place.owner._parameters[place.name] = value
