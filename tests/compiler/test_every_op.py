"""Every kind of primitive op as native code: all element types, special values, and arrays of odd shapes."""

from __future__ import annotations

import importlib
import pkgutil
import zlib
from typing import Any

import numpy as np
import pytest

import koubai
import koubai.ops
from koubai import Tensor
from koubai.compiler.graph.simplify import _RULES as SIMPLIFIED
from koubai.compiler.llvm import maps
from koubai.compiler.lower.choice import PRODUCTS, REDUCTIONS, RUNNING, SCATTERS
from koubai.compiler.lower.movement import RULES as MOVEMENTS
from koubai.compiler.lower.windows import RULES as WINDOWS
from koubai.compiler.runtime import available
from koubai.nn import functional as F
from koubai.ops.op import Op

from .differential import check_graph

if not available():
    pytest.skip("LLVM makes no code for this machine", allow_module_level=True)

FLOATS = ["float16", "float32", "float64"]
INTEGERS = ["uint8", "int8", "int16", "int32", "int64"]
SHAPES = [(), (1,), (37,), (3, 17), (5, 1, 7), (0, 3)]

# what NumPy runs between two native parts of a step
ON_THE_HOST = {
    "argsort", "searchsorted", "mode_position", "histogram", "permutation",
    "svd", "qr", "eigh", "eig", "cholesky", "solve", "inv", "det", "slogdet",
    "digamma", "polygamma", "gcd", "lcm", "nextafter",
}  # fmt: skip


def special(dtype: str, shape: tuple[int, ...], seed: int = 0) -> Any:
    """Random numbers, among them those that are special for the type."""
    rng = np.random.default_rng([seed, *shape])
    if dtype == "bool":
        return rng.random(shape) < 0.5
    if dtype not in FLOATS:
        low = 0 if dtype == "uint8" else -9
        return rng.integers(low, 10, shape).astype(dtype)
    x = rng.normal(size=shape).astype(dtype)
    odd = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0], dtype)
    return np.where(rng.random(shape) < 0.15, rng.choice(odd, shape), x).astype(dtype)


def threads_for(*what: Any) -> int:
    """One, two or three threads, always the same for the same case."""
    return 1 + zlib.crc32(repr(what).encode()) % 3


def check(function: Any, *arrays: Any) -> None:
    """Compare a function of tensors with its native form; what eager refuses needs no native form."""
    tensors = [koubai.from_numpy(np.asarray(array)) for array in arrays]
    try:
        program = koubai.trace(function, *tensors)
        program(*tensors)
    except (RuntimeError, TypeError, IndexError, ValueError):
        return
    check_graph(program.graph, program._inputs(tensors), threads_for(*[a.shape for a in tensors]))


def both_ways(function: Any, *arrays: Any) -> None:
    """Compare a function, its gradient, and the gradient of that."""

    def all_of_it(*tensors: Tensor) -> list[Tensor]:
        y = function(*tensors)
        first = koubai.grad((y * y).sum(), tensors, create_graph=True, materialize_grads=True)
        total = sum((g * g).sum() for g in first)
        return [y, *first, *koubai.grad(total, tensors, materialize_grads=True)]

    tensors = [koubai.from_numpy(np.asarray(array)).requires_grad_() for array in arrays]
    program = koubai.trace(all_of_it, *tensors)
    check_graph(program.graph, program._inputs(tensors), threads_for(*[a.shape for a in tensors]))


# --- reductions and running ops ---------------------------------------------------------------------------------

REDUCED = {
    "sum": lambda x, d: x.sum(d),
    "prod": lambda x, d: x.prod(d),
    "amax": lambda x, d: x.amax(d),
    "amin": lambda x, d: x.amin(d, keepdim=True),
    "any": lambda x, d: x.any(d),
    "all": lambda x, d: x.all(d, keepdim=True),
    "argmax": lambda x, d: x.argmax(d),
    "argmin": lambda x, d: x.argmin(d, keepdim=True),
    "cumsum": lambda x, d: x.cumsum(d),
    "cumprod": lambda x, d: x.cumprod(d),
    "cummax": lambda x, d: list(x.cummax(d)),
    "cummin": lambda x, d: list(x.cummin(d)),
    "logcumsumexp": lambda x, d: x.logcumsumexp(d),
    "softmax": lambda x, d: x.softmax(d),
    "flip": lambda x, d: x.flip(d) + x,
}


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, "bool"])
@pytest.mark.parametrize("name", REDUCED)
def test_what_goes_along_a_dimension(name: str, dtype: str) -> None:
    for shape in SHAPES:
        x = special(dtype, shape)
        for dim in range(max(1, len(shape))):
            check(lambda x, d=dim: flat(REDUCED[name](x, d)), x)


def flat(value: Any) -> list[Tensor]:
    """A tensor, or a list of them, as a list."""
    return list(value) if isinstance(value, list | tuple) else [value]


@pytest.mark.parametrize("length", [1, 2, 15, 16, 17, 257, 5000, 70000])
def test_sums_of_any_length(length: int) -> None:
    x = special("float32", (length,), 1)
    x[~np.isfinite(x)] = 1
    check(lambda x: [x.sum(), x.mean(), x.amax(), x.argmax(), (x * x).sum(), x.reshape(-1, 1).sum(0)], x)


# --- products ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, "bool"])
def test_products_of_any_type(dtype: str) -> None:
    a, b = special(dtype, (2, 5, 7)), special(dtype, (7, 6), 1)
    check(lambda a, b: [a @ b, a[0, 0] @ b, b.T @ a[1].T, a @ a.mT], a, b)


@pytest.mark.parametrize("shapes", [((0, 3), (3, 2)), ((2, 0), (0, 3)), ((4, 1), (1, 5)), ((1, 33), (33, 1))])
def test_products_of_any_shape(shapes: Any) -> None:
    both_ways(lambda a, b: a @ b, *(np.random.default_rng(0).normal(size=s) for s in shapes))


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1, 4])
def test_convolutions(groups: int, stride: int, padding: int) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 4, 7, 9)).astype("f4"), rng.normal(size=(4, 4 // groups, 3, 2)).astype("f4")
    options = {"stride": stride, "padding": padding, "groups": groups}
    both_ways(lambda x, w: F.conv2d(x, w, dilation=2, **options), x, w)
    both_ways(lambda x, w: F.conv_transpose2d(x, w, output_padding=stride - 1, **options), x, w)


@pytest.mark.parametrize("kernel", [(1, 1), (2, 3), (4, 4), (5, 3)])
@pytest.mark.parametrize("stride", [(2, 2), (1, 3), (3, 4)])
@pytest.mark.parametrize("padding", [0, 2])
def test_convolutions_with_strides(kernel: tuple[int, int], stride: tuple[int, int], padding: int) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 3, 9, 10)), rng.normal(size=(3, 5, *kernel)).astype("f4")
    between = (0, max(stride) - 2)  # rows at the end that no window meets
    both_ways(
        lambda x, w: F.conv2d(x, w, stride=stride, padding=padding),
        x.astype("f4"),
        w.swapaxes(0, 1).copy(),
    )
    both_ways(lambda x, w: F.conv_transpose2d(x, w, None, stride, padding, between), x.astype("f4"), w)
    if stride[0] == 1:
        both_ways(
            lambda x, w: F.conv_transpose2d(x, w, None, stride, padding, 0, 1, (2, 1)), x, w.astype("f8")
        )


@pytest.mark.parametrize("rank", [1, 3])
def test_transposed_convolutions_of_other_ranks(rank: int) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 3, *(5, 4, 3)[:rank])), rng.normal(size=(3, 2, *(4, 3, 2)[:rank]))
    transposed = F.conv_transpose1d if rank == 1 else F.conv_transpose3d
    both_ways(lambda x, w: transposed(x, w, stride=2, padding=1), x.astype("f4"), w.astype("f4"))


def test_a_transposed_convolution_multiplies_no_zeros() -> None:
    layer = koubai.nn.ConvTranspose2d(64, 32, 4, 2, 1)
    native = koubai.compile(layer)
    with koubai.no_grad():
        native(koubai.randn(4, 64, 16, 16))
    assert native.report.flops < 1.2 * 2 * 4 * 64 * 16 * 16 * 32 * 4 * 4


@pytest.mark.parametrize("kernel", [(31,), (3, 3), (5, 5), (1, 13), (2, 3, 3)])
@pytest.mark.parametrize("size", [1, 6])
def test_convolutions_of_single_channels(kernel: tuple[int, ...], size: int) -> None:
    """The weight's gradient sums over so many windows that it is summed in parts, some elements side by side."""
    rng = np.random.default_rng(0)
    lengths = {1: (700,), 2: (16, 40), 3: (6, 12, 12)}[len(kernel)]
    x = rng.normal(size=(size, 18, *lengths)).astype("f4")
    w = rng.normal(size=(18, 1, *kernel)).astype("f4")
    convolution = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[len(kernel)]
    both_ways(lambda x, w: convolution(x, w, padding=1, groups=18) * 0.1, x, w)
    both_ways(lambda x, w: convolution(x, w, stride=2, padding=1, groups=18) * 0.1, x, w)


@pytest.mark.parametrize("padding", [0, 1, 3])
@pytest.mark.parametrize("kernel", [2, 3, 7])
def test_pooling_with_special_values(kernel: int, padding: int) -> None:
    if padding > kernel // 2:
        return
    x = special("float32", (2, 3, 9, 10))
    x[0, 0, :4] = -np.inf

    def pooled(x: Tensor) -> list[Tensor]:
        best, which = F.max_pool2d(x, kernel, 2, padding, return_indices=True)
        return [best, which, F.avg_pool2d(x, kernel, 2, padding), F.unfold(x, kernel, padding=padding)]

    check(pooled, x)
    x[~np.isfinite(x)] = 3
    both_ways(lambda x: F.max_pool2d(x, kernel, 2, padding) * F.avg_pool2d(x, kernel, 2, padding), x)


# --- gathers, scatters and movements ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, "bool"])
def test_reads_and_writes_at_positions(dtype: str) -> None:
    x, v = special(dtype, (6, 5)), special(dtype, (4, 5), 1)
    i = np.array([1, 3, 1, -2])

    def function(x: Tensor, v: Tensor, i: Tensor) -> list[Tensor]:
        put, added = x.clone(), x.clone()
        put[i] = v
        results = [x[i], x[:, i], put, x.gather(0, (i % 5).reshape(4, 1).expand(4, 5))]
        if dtype != "bool":
            added.index_add_(0, i % 6, v)
            results += [
                added,
                x.index_reduce(0, i % 6, v, "amax"),
                x.scatter_reduce(0, (i % 6)[:, None], v, "prod"),
            ]
        return results

    check(function, x, v, i)


@pytest.mark.parametrize("kind", ["uint8", "int16", "int32", "int64"])
def test_positions_of_any_type(kind: str) -> None:
    x, i = special("float32", (7, 3)), np.arange(6).astype(kind)
    check(lambda x, i: [x[i.long()], koubai.index_select(x, 0, i.int())], x, i)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 5), (0, 4), (1, 1)])
def test_movements(shape: tuple[int, ...]) -> None:
    def function(x: Tensor) -> list[Tensor]:
        results = [x.reshape(-1), x.reshape(-1).flip(0), koubai.stack([x, x + 1], -1), x.expand(2, *shape)]
        if shape:
            results += [x.T if x.ndim == 2 else x, x.flip(-1)[..., ::2], x.roll(1, 0)]
            results += [F.pad(x, (2, 1), value=7.0), F.pad(x, (-1, 2)), koubai.cat([x, x[:0], x * 2], 0)]
            results += [x.repeat(2, *[1] * x.ndim), x.unfold(-1, 1, 2), x.movedim(0, -1)]
        return results

    check(function, special("float32", shape))


def test_bits_and_random_numbers() -> None:
    check(
        lambda x: [x.view(koubai.int32), x.view(koubai.int32).view(koubai.float32)],
        special("float32", (4, 9)),
    )
    for dtype in (koubai.float16, koubai.float32, koubai.float64):
        check(lambda x, d=dtype: koubai.rand(5, 7, dtype=d) + koubai.rand(3, 1, 1, dtype=d), np.zeros(1))


def test_loops_over_time() -> None:
    rng = np.random.default_rng(0)
    for length in (1, 2, 5):
        for reverse in (False, True):
            w, xs = rng.normal(size=(4, 4)) / 2, rng.normal(size=(length, 3, 4))

            def function(w: Tensor, xs: Tensor, reverse: bool = reverse) -> Tensor:
                def inner(c: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
                    return (c * 0.5 + x).tanh(), c.sum()

                def body(h: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
                    last, sums = koubai.scan(inner, h, koubai.stack([x, h, x * h]))
                    return (last @ w + x).tanh(), sums.mean() + h

                last, seen = koubai.scan(body, xs[0] * 0, xs, reverse=reverse)
                return last.sum() + seen

            both_ways(function, w, xs)


def test_loops_that_keep_all_that_they_carry() -> None:
    rng = np.random.default_rng(0)
    for length in (1, 2, 5):
        for reverse in (False, True):
            w, xs = rng.normal(size=(4, 4)) / 2, rng.normal(size=(length, 3, 4))

            def function(w: Tensor, xs: Tensor, reverse: bool = reverse) -> Tensor:
                def body(carry: Any, x: Tensor) -> tuple[Any, Any]:
                    h, c = carry
                    new = (h @ w + x).tanh()
                    return (new, c + new), (h, new, h.sum(), c, new @ w, new)

                (h, c), kept = koubai.scan(body, (xs[0] * 0, xs[0]), xs, reverse=reverse)
                padded = F.avg_pool1d(kept[1], 2, padding=1)
                seen = sum(((n + 1) * part).sum() for n, part in enumerate(kept))
                return h.sum() * c.sum() + seen + padded.square().sum()

            both_ways(function, w, xs)


# --- completeness -----------------------------------------------------------------------------------------------


def test_every_primitive_is_native_or_known_to_be_on_the_host() -> None:
    rooms = [
        importlib.import_module(f"koubai.ops.{room.name}")
        for room in pkgutil.iter_modules(koubai.ops.__path__)
    ]
    names = {value.name for room in rooms for value in vars(room).values() if isinstance(value, Op)}
    native = {*maps._TABLE, *MOVEMENTS, *WINDOWS, *REDUCTIONS, *PRODUCTS, *SCATTERS, *RUNNING, *SIMPLIFIED}
    native |= {"index", "uniform", "window_max", "position", "scan"}
    native |= {"convolution", "convolution_input", "convolution_weight", "call"}  # become others
    assert names - native <= ON_THE_HOST | {"nonzero"}


def test_padding_of_what_is_padded() -> None:
    def function(x: Tensor) -> list[Tensor]:
        inner = F.pad(x.tanh(), (0, 1, 2, 0), value=0.5)
        middle = F.pad(inner, (1, 0))
        return [F.pad(middle, (0, 0, 1, 1), value=-1.0).cos(), middle.sin().sum(), inner.sum()]

    both_ways(lambda x: sum(part.sum() for part in function(x)), np.full((3, 4), 0.25))
    both_ways(lambda x: F.pad(F.pad(x, (0, 0)), (1, 0)).cos(), np.ones((1, 1)))
    check(function, special("float32", (3, 4)))
