"""Rounding to bfloat16, a float32 without its last 16 bits, which is what products in reduced precision do first.

There is no array of that type: a rounded number is kept in the type that it had.
"""

from __future__ import annotations

from typing import Any

from koubai.arrays import Array
from koubai.ops.elementwise import elementwise
from koubai.ops.op import Op

BF16 = "bf16"  # the attribute `precision` of a product whose factors are rounded

_DROPPED = {4: 16, 8: 45}  # bits that bfloat16 does not have, by the bytes of the type


def to_bfloat16(xp: Any, x: Array) -> Array:
    """Return `x` rounded to the nearest bfloat16, ties to even; NaN and infinities stay.

    Numbers beyond the largest become infinite. In float64 the smallest ones of float32 keep all of their 8 bits.
    """
    dropped = _DROPPED[x.dtype.itemsize]
    bits = x.view(f"u{x.dtype.itemsize}")
    one = bits.dtype.type(1)
    odd = (bits >> bits.dtype.type(dropped)) & one
    half = (one << bits.dtype.type(dropped - 1)) - one
    found = ((bits + half + odd) & ~((one << bits.dtype.type(dropped)) - one)).view(x.dtype)
    found = xp.where(abs(found) <= float(xp.finfo("f4").max), found, xp.copysign(x.dtype.type(xp.inf), x))
    return xp.where(xp.isfinite(x), found, x)


bfloat16: Op = elementwise("bfloat16", to_bfloat16)


def factors(xp: Any, precision: str | None, *arrays: Array) -> tuple[Array, ...]:
    """Return the factors of a product as it takes them: rounded, if its precision says so."""
    if precision is None:
        return arrays
    return tuple(to_bfloat16(xp, array) for array in arrays)
