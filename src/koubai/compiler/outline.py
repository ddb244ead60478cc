"""What has to be known of a compiled step to run it, as plain data that can lie beside its code on disk."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np

from koubai.arrays import Array
from koubai.compiler.build import Blueprint
from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.kernel import Host
from koubai.compiler.llvm.driver import between_hosts
from koubai.dtypes import DType


@dataclass(frozen=True)
class Place:
    """Where an array is in the arena.

    Attributes:
        offset: in bytes.
        shape: as the program sees it.
        dtype: of the elements.
        order: the dimensions as they lie in memory.
    """

    offset: int
    shape: tuple[int, ...]
    dtype: DType
    order: tuple[int, ...]

    @classmethod
    def of(cls, blueprint: Blueprint, buffer: Buffer) -> Place:
        """Return the place of a buffer."""
        return cls(blueprint.plan.offsets[buffer], buffer.shape, buffer.dtype, buffer.order)

    def to_json(self) -> list[Any]:
        """Return it as JSON has it."""
        return [self.offset, self.shape, self.dtype.str, self.order]

    @classmethod
    def from_json(cls, data: list[Any]) -> Place:
        """Return what `to_json` gave."""
        offset, shape, dtype, order = data
        return cls(offset, tuple(shape), np.dtype(dtype), tuple(order))


@dataclass(frozen=True)
class Call:
    """An op that NumPy runs between two native parts; `inputs` are places, or the numbers of arguments."""

    host: Host
    inputs: list[Place | int]
    outputs: list[Place]


@dataclass(frozen=True)
class Outline:
    """A step's memory and order.

    Attributes:
        parts: the names of the native parts; "" for one that has nothing to do.
        calls: what NumPy runs behind each part but the last.
        size: of the arena in bytes.
        scratch: bytes behind it for each thread.
        numbers, states, results: the places of these roles.
        flags: (what went wrong if it is false, place) pairs.
        filled: (place, elements) of constants and borders.
        spans: (offset, bytes) of all numbers, and of all results and flags.
        kernels: how many kernels there are, for people.
        flops: multiplications and additions of all products, for people.
    """

    parts: list[str]
    calls: list[list[Call]]
    size: int
    scratch: int
    numbers: list[Place]
    states: list[Place]
    results: list[Place]
    flags: list[tuple[str, Place]]
    filled: list[tuple[Place, Array]]
    spans: tuple[tuple[int, int], tuple[int, int]]
    kernels: int
    flops: int

    @classmethod
    def of(cls, blueprint: Blueprint) -> Outline:
        """Return what is needed of a blueprint."""

        def places(buffers: list[Buffer]) -> list[Place]:
            return [Place.of(blueprint, buffer) for buffer in buffers]

        native = [bool(run) for run in between_hosts(blueprint.phases)]
        filled = [(Place.of(blueprint, b), np.asarray(b.array)) for b in blueprint.constants]
        filled += [(Place.of(blueprint, b), np.asarray(b.border, b.dtype)) for b in blueprint.borders]
        return cls(
            [name if busy else "" for name, busy in zip(blueprint.parts, native)],
            [_calls(blueprint, p.kernels) for p in blueprint.phases if p.is_host],
            blueprint.plan.size,
            blueprint.plan.scratch,
            places(blueprint.numbers),
            places(blueprint.states),
            places(blueprint.results),
            [(name, Place.of(blueprint, buffer)) for name, buffer in blueprint.flags],
            filled,
            blueprint.spans,
            sum(len(phase.kernels) for phase in blueprint.phases),
            blueprint.flops,
        )

    def to_json(self) -> dict[str, Any] | None:
        """Return it as JSON has it; None if NumPy has a part in it, whose ops are not plain data."""
        if self.calls:
            return None
        return {
            "parts": self.parts,
            "size": self.size,
            "scratch": self.scratch,
            "numbers": [p.to_json() for p in self.numbers],
            "states": [p.to_json() for p in self.states],
            "results": [p.to_json() for p in self.results],
            "flags": [[name, p.to_json()] for name, p in self.flags],
            "filled": [[p.to_json(), _packed(array)] for p, array in self.filled],
            "spans": self.spans,
            "kernels": self.kernels,
            "flops": self.flops,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Outline:
        """Return what `to_json` gave."""
        return cls(
            data["parts"],
            [],
            data["size"],
            data["scratch"],
            [Place.from_json(p) for p in data["numbers"]],
            [Place.from_json(p) for p in data["states"]],
            [Place.from_json(p) for p in data["results"]],
            [(name, Place.from_json(p)) for name, p in data["flags"]],
            [(Place.from_json(p), _unpacked(packed)) for p, packed in data["filled"]],
            (tuple(data["spans"][0]), tuple(data["spans"][1])),
            data["kernels"],
            data["flops"],
        )


def _calls(blueprint: Blueprint, kernels: list[Any]) -> list[Call]:
    def known(buffer: Buffer) -> Place | int:
        if buffer in blueprint.arguments:
            return blueprint.arguments.index(buffer)
        return Place.of(blueprint, buffer)

    return [
        Call(k, [known(b) for b in k.inputs], [Place.of(blueprint, b) for b in k.outputs]) for k in kernels
    ]


def _packed(array: Array) -> list[Any]:
    return [array.dtype.str, array.shape, base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()]


def _unpacked(packed: list[Any]) -> Array:
    dtype, shape, text = packed
    return np.frombuffer(base64.b64decode(text), np.dtype(dtype)).reshape(shape)
