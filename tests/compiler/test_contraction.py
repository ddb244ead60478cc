"""Contractions of many shapes and strides, compared with the same sum in NumPy."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from itertools import product as every
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest

from koubai import dtypes
from koubai.compiler.llvm.contraction import (
    Axis,
    Product,
    Tiling,
    scratch_size,
    tiling,
    units,
    write_contraction,
)
from koubai.compiler.llvm.module import Module
from koubai.compiler.llvm.value import Value
from koubai.compiler.llvm.whole_numbers import Int
from koubai.compiler.llvm.writer import Writer

PARAMETERS = [
    ("ptr", "%left"),
    ("ptr", "%right"),
    ("ptr", "%out"),
    ("ptr", "%scratch"),
    ("i64", "%a"),
    ("i64", "%b"),
]


def compiled(text: str) -> tuple[Any, Callable[..., None]]:
    """Return the function `kernel` of a module, and what must stay alive for it."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    features = llvm.get_host_cpu_features().flatten()
    machine = target.create_target_machine(cpu=llvm.get_host_cpu_name(), features=features, opt=2)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(text), machine)
    engine.finalize_object()
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4, ctypes.c_int64, ctypes.c_int64)
    return engine, kind(engine.get_function_address("kernel"))


def kernel(p: Product, cut: Tiling, split: str, scratch: bool = True) -> str:
    """Write a product whose epilogue stores to a dense output."""
    w = Writer("kernel", PARAMETERS)

    def offset(outer: list[Int], row: Int, column: Int) -> Int:
        place: Int = 0
        for axis, index in zip([*p.outer, p.row], [*outer, row]):
            place = w.add(w.mul(place, axis.size), index)
        return w.add(w.mul(place, p.column.size), column)

    def store(outer: list[Int], row: Int, column: Int, values: list[Value], mask: Value | None) -> None:
        w.store(values[0], "%out", offset(outer, row, column), mask)

    first, end = ("%a", "%b") if split else (0, 1)
    memory = "%scratch" if scratch else None
    write_contraction(w, p, cut, "%left", "%right", split, first, end, store, memory)
    return Module([w], '"prefer-vector-width"="512" "min-legal-vector-width"="512"').text


def span_of(axes: list[Axis], side: str) -> tuple[int, int]:
    """Return the lowest and the highest offset that the axes reach."""
    ends = [(axis.size - 1) * getattr(axis, side) for axis in axes]
    return sum(min(e, 0) for e in ends), sum(max(e, 0) for e in ends)


def operand(axes: list[Axis], side: str, dtype: Any, random: np.random.Generator) -> tuple[np.ndarray, int]:
    """Return a buffer that holds just the elements that the axes reach, and where index 0 is in it."""
    low, high = span_of(axes, side)
    return random.uniform(-1, 1, high - low + 1).astype(dtype), -low


def gathered(buffer: np.ndarray, origin: int, axes: list[Axis], side: str) -> np.ndarray:
    """Return one factor as a full array over all indices."""
    offsets = np.full([1] * len(axes), origin)
    for number, axis in enumerate(axes):
        steps = np.arange(axis.size) * getattr(axis, side)
        offsets = offsets + steps.reshape([-1 if i == number else 1 for i in range(len(axes))])
    return buffer[offsets].astype(np.float64)


def expected(p: Product, left: tuple[np.ndarray, int], right: tuple[np.ndarray, int]) -> np.ndarray:
    axes = [*p.outer, p.row, p.column, *p.depth]
    terms = gathered(*left, axes, "left") * gathered(*right, axes, "right")
    return terms.sum(axis=tuple(range(len(p.outer) + 2, len(axes))))


def check(p: Product, cut: Tiling, split: str = "", parts: int = 1, seed: int = 0, **how: bool) -> None:
    random = np.random.default_rng(seed)
    axes = [*p.outer, p.row, p.column, *p.depth]
    dtype = np.dtype(p.dtype)
    left, right = operand(axes, "left", dtype, random), operand(axes, "right", dtype, random)
    sums = expected(p, left, right)
    out = np.full(sums.shape, np.nan, dtype)
    guard = 7.0
    scratch = np.full(scratch_size(p, cut) + 1, guard, dtype)
    alive, run = compiled(kernel(p, cut, split, **how))
    count = units(p, cut, split)
    total = np.zeros(sums.shape)
    for a, b in pairwise(borders(count, parts, random)):
        starts = [array[0].ctypes.data + array[1] * dtype.itemsize for array in (left, right)]
        run(*starts, out.ctypes.data, scratch.ctypes.data, a, b)
        total += np.nan_to_num(out)
    del alive
    result = total if split == "depth" else out
    tolerance = 2e-6 if dtype.itemsize == 4 else 1e-14
    depth = np.prod([axis.size for axis in p.depth])
    np.testing.assert_allclose(result, sums, rtol=0, atol=tolerance * (4 + depth))
    assert scratch[-1] == guard


def borders(count: int, parts: int, random: np.random.Generator) -> list[int]:
    """Return the uneven ranges of `parts` threads, some of them empty."""
    return [0, *np.sort(random.integers(0, count + 1, parts - 1)).tolist(), count]


def matrices(m: int, n: int, k: int, dtype: Any = dtypes.float32) -> Product:
    return Product((), Axis(m, k, 0), Axis(n, 0, 1), (Axis(k, 1, n),), dtype)


def convolution(
    images: int, size: int, channels: int, outputs: int, kernel_size: int = 3, stride: int = 1
) -> Product:
    """A convolution over an array with a border, channels last."""
    side = (size - 1) * stride + kernel_size
    return Product(
        (Axis(images, side * side * channels, 0), Axis(size, stride * side * channels, 0)),
        Axis(size, stride * channels, 0),
        Axis(outputs, 0, 1),
        (
            Axis(kernel_size, side * channels, kernel_size * channels * outputs),
            Axis(kernel_size * channels, 1, outputs),
        ),
        dtypes.float32,
    )


def weight_gradient(images: int, size: int, channels: int, outputs: int, kernel_size: int = 3) -> Product:
    side = size + kernel_size - 1
    return Product(
        (Axis(kernel_size, side * channels, 0),),
        Axis(kernel_size * channels, 1, 0),
        Axis(outputs, 0, 1),
        (
            Axis(images, side * side * channels, size * size * outputs),
            Axis(size, side * channels, size * outputs),
            Axis(size, channels, outputs),
        ),
        dtypes.float32,
    )


@pytest.mark.parametrize("dtype", [dtypes.float32, dtypes.float64])
@pytest.mark.parametrize(("lanes", "registers"), [(4, 16), (8, 16), (16, 32), (4, 32)])
@pytest.mark.parametrize(
    ("m", "n", "k"),
    [(1, 1, 1), (32, 10, 28), (100, 65, 7), (7, 100, 3), (1, 37, 5), (13, 1, 9), (29, 130, 2), (48, 64, 1)],
)
def test_matrix_products(m: int, n: int, k: int, lanes: int, registers: int, dtype: Any) -> None:
    p = matrices(m, n, k, dtype)
    check(p, tiling(p, lanes, registers))


@pytest.mark.parametrize("split", ["outer", "row", "column", "depth"])
@pytest.mark.parametrize("seed", range(24))
def test_any_strides_and_uneven_shares(seed: int, split: str) -> None:
    random = np.random.default_rng(seed)

    def axis(left: int = 1, right: int = 1, size: int = 7) -> Axis:
        steps = random.integers(-40, 41, 2)
        return Axis(int(random.integers(1, size)), int(steps[0]) * left, int(steps[1]) * right)

    p = Product(
        tuple(axis(right=int(random.integers(0, 2))) for _ in range(random.integers(0, 4))),
        axis(right=0, size=40),
        Axis(int(random.integers(1, 90)), 0, 1),
        tuple(axis() for _ in range(random.integers(1, 4))),
        dtypes.float64 if seed % 2 else dtypes.float32,
    )
    lanes = int(random.choice([4, 8, 16]))
    cut = tiling(p, lanes, int(random.choice([16, 32])), split, 3)
    cut = replace(cut, rolled=bool(seed & 2), packed=bool(seed & 4), ahead=seed % 3)
    if all(outer.size == 1 for outer in p.outer):
        cut = replace(cut, packed_left=True)
    if seed & 1 and split != "depth":
        cut = replace(cut, block=2 * cut.unroll)
    check(p, cut, split, 3, seed)


@pytest.mark.parametrize("how", ["plain", "rolled", "packed", "blocked"])
@pytest.mark.parametrize(
    "p",
    [
        convolution(2, 8, 4, 16),
        convolution(3, 5, 1, 32),
        convolution(1, 14, 2, 20, 5, 2),
        convolution(4, 1, 6, 9, 1),
        weight_gradient(3, 6, 4, 16),
        weight_gradient(2, 5, 1, 40),
    ],
)
def test_convolutions(p: Product, how: str) -> None:
    cut = replace(tiling(p, 16, 32), rolled=how == "rolled", packed=how != "plain")
    if how == "blocked":
        cut = replace(cut, block=2)
    check(p, cut)
    check(p, cut, "outer", 3)


def test_a_tile_covers_several_steps_of_a_short_outer_axis() -> None:
    p = convolution(2, 4, 8, 16)
    cut = tiling(p, 16, 32)
    assert cut.span > 1
    assert units(p, cut, "outer") == 2 * 4 // cut.span
    check(p, cut, "outer", 3)


@pytest.mark.parametrize("depth", [(Axis(1300, 1, 610),), (Axis(9, 150, 150 * 610), Axis(150, 1, 610))])
@pytest.mark.parametrize("how", ["plain", "rolled", "blocked"])
def test_a_long_depth_is_summed_in_pieces(how: str, depth: tuple[Axis, ...]) -> None:
    p = Product((), Axis(7, 1350, 0), Axis(35, 0, 1), depth, dtypes.float32)
    cut = replace(tiling(p, 16, 32), rolled=how == "rolled")
    if how == "blocked":
        cut = replace(cut, block=depth[0].size // 2 // cut.unroll * cut.unroll)
    check(p, cut)
    check(p, cut, "row", 2)


def test_without_scratch_memory_the_tiling_does_what_needs_none() -> None:
    p = matrices(21, 35, 12)
    cut = replace(tiling(p, 16, 32), rolled=True, packed=True, block=4)
    assert scratch_size(p, cut) > 0
    check(p, cut, scratch=False)


@pytest.mark.parametrize("split", ["row", "column", "depth"])
def test_a_scattered_left_side_is_copied_where_many_panels_read_it(split: str) -> None:
    p = Product((), Axis(21, 1, 0), Axis(610, 0, 1), (Axis(208, 21, 610),), dtypes.float32)
    cut = tiling(p, 16, 32)
    assert cut.packed_left
    check(p, cut, split, 3)


@pytest.mark.parametrize("split", ["outer", "row", "column"])
def test_a_left_side_is_copied_for_each_right_side(split: str) -> None:
    outer = (Axis(3, 21 * 208, 610 * 208),)
    p = Product(outer, Axis(21, 1, 0), Axis(610, 0, 1), (Axis(208, 21, 610),), dtypes.float32)
    cut = tiling(p, 16, 32)
    assert cut.packed_left
    check(p, cut, split, 2)


@pytest.mark.parametrize("packed", [False, True])
def test_lanes_beyond_the_last_column_read_nothing(packed: bool) -> None:
    p = matrices(1, 10, 3)
    cut = replace(tiling(p, 16, 32), packed=packed)
    w = Writer("kernel", PARAMETERS)
    write_contraction(
        w, p, cut, "%left", "%right", "", 0, 1, lambda o, r, c, v, m: w.store(v[0], "%out", c), "%scratch"
    )
    alive, run = compiled(Module([w]).text)
    left, right, out, scratch = (np.ones(100, np.float32) for _ in range(4))
    run(*(array.ctypes.data for array in (left, right, out, scratch)), 0, 1)
    del alive
    assert out.tolist() == [3.0] * 10 + [0.0] * 6 + [1.0] * 84


def test_an_empty_depth_is_a_single_product() -> None:
    p = Product((), Axis(5, 3, 0), Axis(19, 0, 1), (), dtypes.float32)
    check(p, tiling(p, 8, 16))


def test_long_depths_are_summed_in_passes_and_distant_rows_are_copied() -> None:
    assert tiling(weight_gradient(64, 28, 32, 64), 16, 32).block < 64
    assert tiling(matrices(1024, 3072, 768), 16, 32).packed
    assert not tiling(matrices(1024, 128, 768), 16, 32).packed


def test_a_panel_of_short_vectors_is_copied_where_its_rows_do_not_fit_the_nearest_cache() -> None:
    """Rows of one line each, 512 bytes apart: 64 of them fall on all the places that there are for such rows."""
    assert tiling(matrices(128, 128, 784), 8, 16).packed
    assert not tiling(matrices(784, 128, 32), 8, 16).packed
    assert not tiling(matrices(128, 16, 784), 8, 16).packed  # they lie side by side


@pytest.mark.parametrize(
    ("m", "n"), [(m, n) for m, n in every([1, 28, 32, 100, 128, 784], [10, 64, 65, 100, 128, 512])]
)
def test_tiles_fit_the_registers_and_are_nearly_equal(m: int, n: int) -> None:
    p = matrices(m, n, 64)
    for registers in (16, 32):
        cut = tiling(p, 16, registers)
        assert cut.rows * cut.vectors + cut.vectors + 1 <= registers
        assert m // units(p, cut, "row") >= cut.rows - 1


def test_threads_get_equal_shares_where_possible() -> None:
    p = matrices(32, 128, 784)
    assert units(p, tiling(p, 16, 32, "row", 2), "row") % 2 == 0
    assert units(p, tiling(p, 16, 32, "column", 2), "column") % 2 == 0


def test_rows_must_not_move_in_the_right_side() -> None:
    with pytest.raises(ValueError, match="row and column"):
        Product((), Axis(5, 3, 1), Axis(19, 0, 1), (), dtypes.float32)
