"""Random numbers in native code: the same bits as `koubai.ops.random`, one element in each lane."""

from __future__ import annotations

from koubai import dtypes
from koubai.compiler.llvm.writer import Value, Writer
from koubai.dtypes import DType
from koubai.ops.random import _KEY_STEPS, _MULTIPLIERS

_I64 = dtypes.int64
_LOW = 0xFFFFFFFF


def write_draw(w: Writer, seed: Value, count: Value, position: Value, dtype: DType) -> Value:
    """Return the random number in [0, 1) at `position` of the draw `count` from `seed`."""
    lanes = position.lanes
    seed, count = w.splat(seed, lanes), w.splat(count, lanes)
    if dtype == dtypes.float64:  # two words make one number
        first = _shifted(w, "shl", position, 1)
        high, low = (_word(w, seed, count, w.binary("or", first, _number(w, i, lanes))) for i in (0, 1))
        bits = _shifted(w, "shl", _shifted(w, "lshr", high, 6), 27)
        bits = w.binary("or", bits, _shifted(w, "lshr", low, 5))
        return w.binary("fmul", w.convert("uitofp", bits, dtype), w.constant(2.0**-53, dtype, lanes))
    drop = 8 if dtype == dtypes.float32 else 21
    bits = _shifted(w, "lshr", _word(w, seed, count, position), drop)
    return w.binary("fmul", w.convert("uitofp", bits, dtype), w.constant(2.0 ** (drop - 32), dtype, lanes))


def _number(w: Writer, number: int, lanes: int) -> Value:
    return w.constant(number - (1 << 64) if number >= 1 << 63 else number, _I64, lanes)


def _shifted(w: Writer, instruction: str, value: Value, by: int) -> Value:
    return w.binary(instruction, value, w.constant(by, _I64, value.lanes))


def _word(w: Writer, seed: Value, count: Value, position: Value) -> Value:
    """Return the 32 random bits at a position, in 64: word `position % 4` of block `position // 4`."""
    lanes = position.lanes
    low = _number(w, _LOW, lanes)
    block = _shifted(w, "lshr", position, 2)
    words = [w.binary("and", block, low), _shifted(w, "lshr", block, 32)]
    words += [w.binary("and", count, low), _shifted(w, "lshr", count, 32)]
    keys = [w.binary("and", seed, low), _shifted(w, "lshr", seed, 32)]
    for _ in range(10):
        words = _round(w, words, keys, low)
        keys = [
            w.binary("and", w.binary("add", key, _number(w, step, lanes)), low)
            for key, step in zip(keys, _KEY_STEPS)
        ]
    return _chosen(w, words, w.binary("and", position, _number(w, 3, lanes)))


def _round(w: Writer, words: list[Value], keys: list[Value], low: Value) -> list[Value]:
    c0, c1, c2, c3 = words
    p0, p1 = (w.binary("mul", c, _number(w, m, c.lanes)) for c, m in zip((c0, c2), _MULTIPLIERS))
    left = w.binary("xor", w.binary("xor", _shifted(w, "lshr", p1, 32), c1), keys[0])
    right = w.binary("xor", w.binary("xor", _shifted(w, "lshr", p0, 32), c3), keys[1])
    return [left, w.binary("and", p1, low), right, w.binary("and", p0, low)]


def _chosen(w: Writer, words: list[Value], which: Value) -> Value:
    found = words[3]
    for number in (2, 1, 0):
        hit = w.compare("icmp eq", which, _number(w, number, which.lanes))
        found = w.select(hit, words[number], found)
    return found
