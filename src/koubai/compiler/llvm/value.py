"""What a function computes with: scalars and vectors, their types and how numbers are written."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from koubai import dtypes
from koubai.dtypes import DType

_TYPES = {
    "b1": "i1",
    "u1": "i8",
    "i1": "i8",
    "i2": "i16",
    "u2": "i16",
    "i4": "i32",
    "u4": "i32",
    "i8": "i64",
    "u8": "i64",
    "f2": "half",
    "f4": "float",
    "f8": "double",
}
_SUFFIXES = {"half": "f16", "float": "f32", "double": "f64"}


@dataclass(frozen=True)
class Value:
    """A value in registers.

    Attributes:
        name: as it stands in the text: `%v7`, or a constant.
        dtype: of each lane; bool is i1 here and a byte in memory.
        lanes: 1 for a scalar.
    """

    name: str
    dtype: DType
    lanes: int = 1

    @property
    def type(self) -> str:
        """The LLVM type."""
        return type_of(self.dtype, self.lanes)

    def __str__(self) -> str:
        return f"{self.type} {self.name}"


@cache
def type_of(dtype: DType, lanes: int = 1) -> str:
    """Return the LLVM type of `lanes` elements of `dtype`."""
    scalar = _TYPES[dtype.str[1:]]
    return scalar if lanes == 1 else f"<{lanes} x {scalar}>"


def suffix(dtype: DType, lanes: int) -> str:
    """Return how intrinsics name a type: `v16f32`, `i64`."""
    scalar = type_of(dtype)
    short = _SUFFIXES.get(scalar, scalar)
    return short if lanes == 1 else f"v{lanes}{short}"


@cache
def in_memory(dtype: DType, lanes: int = 1) -> str:
    """The type in memory: a bool is a byte there."""
    return type_of(dtypes.uint8 if dtype == dtypes.bool_ else dtype, lanes)


def suffix_in_memory(dtype: DType) -> str:
    """Return how intrinsics name the type of an element in memory."""
    return suffix(dtypes.uint8 if dtype == dtypes.bool_ else dtype, 1)


def literal(number: Any, dtype: DType) -> str:
    """Write a number as a constant of LLVM: floating ones by the bits of their double."""
    if dtype == dtypes.bool_:
        return "true" if number else "false"
    if dtype.kind != "f":
        return str(int(number))
    exact = float(np.asarray(number).astype(dtype))
    if dtype == dtypes.float16:
        return f"0xH{np.asarray(number).astype(np.float16).view(np.uint16).item():04X}"
    return f"0x{struct.unpack('<Q', struct.pack('<d', exact))[0]:016X}"
