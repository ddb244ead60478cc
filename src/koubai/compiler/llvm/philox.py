"""Random numbers in native code: the same bits as `koubai.ops.random`.

Philox makes four words at a time, a block. Where lanes are neighbours, two lanes make a block: one has its words 0 and
1, the other one its words 2 and 3. Elsewhere each lane makes a block of its own and takes one word of it.
"""

from __future__ import annotations

from koubai import dtypes
from koubai.compiler.llvm.value import Value
from koubai.compiler.llvm.whole_numbers import Int
from koubai.compiler.llvm.writer import Writer
from koubai.dtypes import DType
from koubai.ops.random import _KEY_STEPS, _MULTIPLIERS

_I64 = dtypes.int64
_LOW = 0xFFFFFFFF
_ROUNDS = 10
BLOCK = 4  # words that are made together


def write_draw(w: Writer, seed: Value, count: Value, position: Value, dtype: DType) -> Value:
    """Return the random number in [0, 1) at `position` of the draw `count` from `seed`."""
    lanes = position.lanes
    seed, count = w.splat(seed, lanes), w.splat(count, lanes)
    if dtype == dtypes.float64:  # two words make one number
        first = _shifted(w, "shl", position, 1)
        high, low = (_word(w, seed, count, w.binary("or", first, _number(w, i, lanes))) for i in (0, 1))
        return _of_two(w, high, low)
    return _of_one(w, w.convert("trunc", _word(w, seed, count, position), dtypes.int32), dtype)


def write_draws(w: Writer, seed: Value, count: Value, first: Int, lanes: int, dtype: DType) -> Value:
    """Return the random numbers at neighbouring positions, of which two share the work for a block.

    Args:
        w: the function.
        seed, count: as for `write_draw`, each one number.
        first: the first position, at which a block begins.
        lanes: how many positions.
        dtype: of the numbers.
    """
    words = words_of(dtype)
    even, odd = _blocks(w, seed, count, w.div(w.mul(first, words), BLOCK), lanes * words // 2)
    if dtype == dtypes.float64:
        return _of_two(w, even, odd)
    pairs = w.binary("or", even, _shifted(w, "shl", odd, 32))
    return _of_one(w, Value(w.let(f"bitcast {pairs} to <{lanes} x i32>"), dtypes.int32, lanes), dtype)


def words_of(dtype: DType) -> int:
    """Return how many words of 32 random bits make one number; a block has four."""
    return 2 if dtype == dtypes.float64 else 1


def _of_two(w: Writer, high: Value, low: Value) -> Value:
    """Return the numbers in [0, 1) that two words make, of which each has 64 bits."""
    bits = _shifted(w, "shl", _shifted(w, "lshr", high, 6), 27)
    return _fraction(w, w.binary("or", bits, _shifted(w, "lshr", low, 5)), 53, dtypes.float64)


def _of_one(w: Writer, word: Value, dtype: DType) -> Value:
    """Return the numbers in [0, 1) that one word makes."""
    digits = 24 if dtype == dtypes.float32 else 11
    return _fraction(w, _shifted(w, "lshr", word, 32 - digits), digits, dtype)


def _fraction(w: Writer, bits: Value, digits: int, dtype: DType) -> Value:
    scale = w.constant(2.0**-digits, dtype, bits.lanes)
    return w.binary("fmul", w.convert("sitofp", bits, dtype), scale)


def _number(w: Writer, number: int, lanes: int) -> Value:
    return w.constant(number - (1 << 64) if number >= 1 << 63 else number, _I64, lanes)


def _shifted(w: Writer, instruction: str, value: Value, by: int) -> Value:
    return w.binary(instruction, value, w.constant(by, value.dtype, value.lanes))


def _word(w: Writer, seed: Value, count: Value, position: Value) -> Value:
    """Return the 32 random bits at a position, in 64: word `position % 4` of block `position // 4`."""
    lanes = position.lanes
    low = _number(w, _LOW, lanes)
    block = _shifted(w, "lshr", position, 2)
    words = [w.binary("and", block, low), _shifted(w, "lshr", block, 32)]
    words += [w.binary("and", count, low), _shifted(w, "lshr", count, 32)]
    keys = [w.binary("and", seed, low), _shifted(w, "lshr", seed, 32)]
    for _ in range(_ROUNDS):
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


def _blocks(w: Writer, seed: Value, count: Value, first: Int, lanes: int) -> tuple[Value, Value]:
    """Return the words 0 and 2 of blocks that follow each other, in two lanes for each block, and the words 1 and 3."""
    low = _number(w, _LOW, lanes)
    is_left = w.lanes_of([lane % 2 == 0 for lane in range(lanes)], dtypes.bool_)
    swapped = [lane ^ 1 for lane in range(lanes)]
    block = w.binary("add", w.splat(w.index(first), lanes), w.lanes_of([n // 2 for n in range(lanes)], _I64))
    counter = w.select(is_left, block, w.splat(count, lanes))
    even, odd = w.binary("and", counter, low), _shifted(w, "lshr", counter, 32)
    seed = w.splat(seed, lanes)
    keys = w.select(is_left, w.binary("and", seed, low), _shifted(w, "lshr", seed, 32))
    factors, steps = (
        w.lanes_of([pair[n % 2] for n in range(lanes)], _I64) for pair in (_MULTIPLIERS, _KEY_STEPS)
    )
    for _ in range(_ROUNDS):
        product = w.binary("mul", even, factors)
        product = w.shuffle(product, product, swapped)
        even = w.binary("xor", w.binary("xor", _shifted(w, "lshr", product, 32), odd), keys)
        odd = w.binary("and", product, low)
        keys = w.binary("and", w.binary("add", keys, steps), low)
    return even, odd
