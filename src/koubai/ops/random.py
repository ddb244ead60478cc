"""Random numbers from a counter: the bits of every element follow from the seed, the draw and the element's position.

The generator is Philox 4x32 with 10 rounds (Salmon, Moraes, Dror and Shaw 2011, "Parallel Random Numbers: As Easy as
1, 2, 3"). The key is the seed; the counter is the draw in its upper half and the block of four elements in its lower.
"""

from __future__ import annotations

import math
from typing import Any

from koubai import dtypes
from koubai.ops.op import Array, Kind, Op, Shape, Symbol

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_LOW = 0xFFFFFFFF
_CHUNK = 1 << 14  # blocks at a time, so that the working set stays in cache


def philox(xp: Any, key: int, draw: int, count: int) -> Array:
    """Return `count` random words of 32 bits for one draw."""
    blocks = -(-count // 4)
    words = xp.empty((blocks, 4), xp.uint32)
    for start in range(0, blocks, _CHUNK):
        positions = xp.arange(start, min(start + _CHUNK, blocks), dtype=xp.uint64)
        for column, word in enumerate(_rounds(xp, positions, key, draw)):
            words[start : start + len(positions), column] = word
    return words.reshape(-1)[:count]


def _rounds(xp: Any, positions: Array, key: int, draw: int) -> tuple[Array, ...]:
    """Apply the ten rounds to the counters (position, draw)."""
    thirty_two, low = xp.uint64(32), xp.uint64(_LOW)
    c0, c1 = positions & low, positions >> thirty_two
    c2, c3 = xp.uint64(draw & _LOW), xp.uint64(draw >> 32)
    k0, k1 = key & _LOW, (key >> 32) & _LOW
    for _ in range(10):
        p0, p1 = c0 * xp.uint64(_MULTIPLIERS[0]), c2 * xp.uint64(_MULTIPLIERS[1])
        c0, c2 = (p1 >> thirty_two) ^ c1 ^ xp.uint64(k0), (p0 >> thirty_two) ^ c3 ^ xp.uint64(k1)
        c1, c3 = p1 & low, p0 & low
        k0, k1 = (k0 + _KEY_STEPS[0]) & _LOW, (k1 + _KEY_STEPS[1]) & _LOW
    return c0, c1, c2, c3


def _seed_and_draw(state: Array) -> tuple[int, int]:
    seed, draw = (int(number) for number in state.tolist())
    return seed & 0xFFFFFFFFFFFFFFFF, draw


def _uniform(xp: Any, state: Array, *, shape: Shape, dtype: dtypes.DType) -> Array:
    """Numbers in [0, 1): 24 random bits for float32, 53 for float64."""
    count = math.prod(shape)
    if dtype == dtypes.float64:
        words = philox(xp, *_seed_and_draw(state), 2 * count).astype(xp.uint64)
        bits = ((words[0::2] >> xp.uint64(6)) << xp.uint64(27)) | (words[1::2] >> xp.uint64(5))
        return (bits * 2.0**-53).reshape(shape)
    words = philox(xp, *_seed_and_draw(state), count)
    drop = 8 if dtype == dtypes.float32 else 21
    scale = dtype.type(2.0 ** (drop - 32))
    return ((words >> xp.uint32(drop)).astype(dtype) * scale).reshape(shape)


def _permutation(xp: Any, state: Array, *, count: int) -> Array:
    """The order of `count` random numbers."""
    keys = _uniform(xp, state, shape=(count,), dtype=dtypes.float64)
    return xp.argsort(keys, kind="stable").astype(dtypes.int64)


def _uniform_rule(state: Symbol, *, shape: Shape, dtype: dtypes.DType) -> Symbol:
    return Symbol(tuple(shape), dtype)


uniform = Op("uniform", Kind.RANDOM, _uniform, _uniform_rule)
permutation = Op(
    "permutation", Kind.RANDOM, _permutation, lambda state, *, count: Symbol((count,), dtypes.int64)
)
