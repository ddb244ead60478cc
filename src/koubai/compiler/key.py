"""What makes two graphs the same to the compiler, as text: the name under which a compiled step is kept on disk."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from koubai.compiler.build import Roles
from koubai.dtypes import DType
from koubai.ops.graph import Graph
from koubai.ops.op import Symbol

Names = dict[Symbol | Graph, str]  # what is written out only once
_PLAIN = {int, bool, float, str, type(None)}  # what is written as Python writes it, as most attributes are


def text_of(graph: Graph, roles: Roles, threads: int) -> str:
    """Return a text that is equal for equal steps only."""
    names: Names = {}
    lines = list(_lines(graph, names))
    for field in fields(roles):
        lines.append(f"{field.name} {_plain(getattr(roles, field.name), names)}")
    return "\n".join([*lines, f"threads {threads}"])


def _lines(graph: Graph, names: Names) -> Iterable[str]:
    for symbol in graph.inputs:
        yield f"input {_name(symbol, names)} {_kind(symbol.dtype, symbol.shape)}"
    for symbol, array in graph.constants.items():
        digest = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
        yield f"constant {_name(symbol, names)} {_kind(symbol.dtype, symbol.shape)} {digest}"
    for node in graph.nodes:
        inputs = ",".join([_name(s, names) for s in node.inputs])
        outputs = ",".join([_name(s, names) + _kind(s.dtype, s.shape) for s in node.outputs])
        attributes = _plain(node.attributes, names) if node.attributes else ""
        yield f"{outputs}={node.op.name}({inputs};{attributes})"
    yield f"return {_plain(graph.outputs, names)}"


def _name(symbol: Symbol | Graph, names: Names) -> str:
    name = names.get(symbol)
    if name is None:
        name = names[symbol] = f"%{len(names)}"
    return name


@functools.lru_cache(1024)
def _kind(dtype: DType, shape: tuple[int, ...]) -> str:
    return f"{dtype.str}{shape}"


def _plain(value: Any, names: Names) -> str:
    """Write an attribute down: a graph in full when it is met for the first time, symbols by their names."""
    if type(value) in _PLAIN:
        return repr(value)
    if isinstance(value, Symbol):
        return _name(value, names)
    if isinstance(value, Graph):
        known = value in names
        return _name(value, names) + ("" if known else "{" + "\n".join(_lines(value, names)) + "}")
    if isinstance(value, dict):
        return ",".join([f"{key}={_plain(item, names)}" for key, item in value.items()])
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        if {*map(type, value)} == {int}:
            return repr(tuple(value))
        return f"({','.join([_plain(item, names) for item in value])})"
    if is_dataclass(value):
        return ",".join(f"{f.name}={_plain(getattr(value, f.name), names)}" for f in fields(value))
    return repr(value)
