"""What makes two graphs the same to the compiler, as text: the name under which a compiled step is kept on disk."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from koubai.compiler.build import Roles
from koubai.dtypes import DType
from koubai.ops.graph import Graph
from koubai.ops.op import Symbol

_PLAIN = {int, bool, float, str, type(None)}  # what is written as Python writes it, as most attributes are


class _Names(dict[Symbol | Graph, str]):
    """Names of what is written out only once, in the order in which they are asked for."""

    def __missing__(self, key: Symbol | Graph) -> str:
        name = self[key] = f"%{len(self)}"
        return name


def text_of(graph: Graph, roles: Roles, threads: int) -> str:
    """Return a text that is equal for equal steps only."""
    names = _Names()
    told = {**vars(roles), "updates": [*zip(*roles.updates)]}
    lines = [*_lines(graph, names), *(f"{name} {_plain(value, names)}" for name, value in told.items())]
    return "\n".join([*lines, f"threads {threads}"])


def _lines(graph: Graph, names: _Names) -> Iterable[str]:
    for symbol in graph.inputs:
        yield f"input {names[symbol]} {_kind(symbol.dtype, symbol.shape)}"
    for symbol, array in graph.constants.items():
        digest = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
        yield f"constant {names[symbol]} {_kind(symbol.dtype, symbol.shape)} {digest}"
    for node in graph.nodes:
        inputs = ",".join([names[s] for s in node.inputs])
        outputs = ",".join([names[s] + _kind(s.dtype, s.shape) for s in node.outputs])
        attributes = _plain(node.attributes, names) if node.attributes else ""
        yield f"{outputs}={node.op.name}({inputs};{attributes})"
    yield f"return {_plain(graph.outputs, names)}"


@functools.lru_cache(1024)
def _kind(dtype: DType, shape: tuple[int, ...]) -> str:
    return f"{dtype.str}{shape}"


def _plain(value: Any, names: _Names) -> str:
    """Write an attribute down: a graph in full when it is met for the first time, symbols by their names."""
    kind = type(value)
    if kind in _PLAIN:
        return repr(value)
    if kind is tuple or kind is list:
        return _several(value, names)
    if isinstance(value, dict):
        return ",".join([f"{key}={_plain(item, names)}" for key, item in value.items()])
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return _several(value, names)
    if isinstance(value, Symbol):
        return names[value]
    if isinstance(value, Graph):
        known = value in names
        return names[value] + ("" if known else "{" + "\n".join(_lines(value, names)) + "}")
    if is_dataclass(value):
        return ",".join(f"{f.name}={_plain(getattr(value, f.name), names)}" for f in fields(value))
    return repr(value)


def _several(values: Sequence[Any], names: _Names) -> str:
    kinds = {*map(type, values)}
    if kinds == {int}:
        return repr(tuple(values))
    if kinds == {Symbol}:
        return f"({','.join([names[symbol] for symbol in values])})"
    return f"({','.join([_plain(value, names) for value in values])})"
