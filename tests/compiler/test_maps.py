"""Every native map against the eager op's own forward, and the accuracy of the functions behind them."""

import ctypes
import math
from functools import cache

import llvmlite.binding as llvm
import numpy as np
import pytest

from koubai import dtypes
from koubai.compiler.llvm import maps
from koubai.compiler.llvm.module import Module
from koubai.compiler.llvm.writer import Writer
from koubai.compiler.runtime.target import host
from koubai.ops import elementwise, special
from koubai.ops.op import Kind, Op, Symbol

OPS = {
    op.name: op
    for room in (elementwise, special)
    for op in vars(room).values()
    if isinstance(op, Op) and op.kind is Kind.MAP
}
# For these an eager error, an attribute or rarity leaves the work to NumPy.
LEFT_TO_NUMPY = {"gcd", "lcm", "nextafter", "polygamma"}
WIDE = '"min-legal-vector-width"="512" "prefer-vector-width"="512"'
llvm.initialize_native_target()
llvm.initialize_native_asmprinter()


# Units in the last place that an error may have, and the ranges where it is looked at.
ACCURACY = {
    "exp": (2, np.exp, (-87, 88)),
    "exp2": (2, np.exp2, (-120, 120)),
    "expm1": (2, np.expm1, (-20, 20), (-1e-3, 1e-3)),
    "log": (2, np.log, (0.5, 2), (1e-30, 1e30)),
    "log2": (3, np.log2, (0.5, 2), (1e-30, 1e30)),
    "log10": (3, np.log10, (0.5, 2), (1e-30, 1e30)),
    "log1p": (2, np.log1p, (-0.99, 2), (-1e-3, 1e-3), (1, 1e30)),
    "sigmoid": (2, lambda x: 1 / (1 + np.exp(-x)), (-30, 30)),
    "tanh": (2.5, np.tanh, (-10, 10), (-1, 1), (-1e-3, 1e-3)),
    "sinh": (3, np.sinh, (-80, 80), (-1, 1)),
    "cosh": (2, np.cosh, (-80, 80)),
    "sin": (2, np.sin, (-10, 10), (-1e5, 1e5)),
    "cos": (2, np.cos, (-10, 10), (-1e5, 1e5)),
    "tan": (3, np.tan, (-10, 10)),
    "asin": (3, np.arcsin, (-1, 1)),
    "acos": (3, np.arccos, (-1, 1), (0.99, 1)),
    "atan": (2, np.arctan, (-5, 5), (-1e3, 1e3)),
    "asinh": (3, np.arcsinh, (-5, 5), (-1e20, 1e20)),
    "acosh": (3, np.arccosh, (1, 3), (1, 1e20)),
    "atanh": (3, np.arctanh, (-1, 1)),
    "sqrt": (1, np.sqrt, (0, 1e10)),
    "erf": (2, np.vectorize(math.erf), (-6, 6), (0.9, 1.1), (-1e-3, 1e-3)),
    "erfc": (5, np.vectorize(math.erfc), (-6, 9), (0.4, 1.2)),
    "lgamma": (8, np.vectorize(math.lgamma), (4, 30)),
}


def write_loop(name, op, operands, attributes, result, lanes):
    """A function that applies the map to arrays: pointers to operands, result, and the length."""
    pointers = [("ptr", f"%p{k}") for k in range(len(operands) + 1)]
    w = Writer(name, [*pointers, ("i64", "%n")], avx512=host().has_avx512)

    def body(i, _):
        arguments = [w.load(p, dtype, lanes, i) for (_, p), dtype in zip(pointers, operands)]
        w.store(maps.write_map(w, op, arguments, attributes, result), pointers[-1][1], i)
        return []

    w.loop(0, "%n", lanes, body)
    return w


class Library:
    """Compiled loops by name."""

    def __init__(self, writers):
        target = llvm.Target.from_triple(llvm.get_process_triple())
        machine = target.create_target_machine(
            cpu=llvm.get_host_cpu_name(),
            features=llvm.get_host_cpu_features().flatten(),
            opt=2,
            reloc="default",
            codemodel="jitdefault",
        )
        compiled = machine.emit_object(llvm.parse_assembly(Module(writers, WIDE).text))
        self.engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        self.engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(compiled))
        self.engine.finalize_object()

    def run(self, name, arrays, result):
        out = np.empty(arrays[0].shape, result)
        call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (len(arrays) + 1), ctypes.c_int64)
        call(self.engine.get_function_address(name))(*(a.ctypes.data for a in [*arrays, out]), out.size)
        return out


def cases(dtype):
    """(op, operand types, attributes, result type) of the native maps of this type that NumPy has too."""
    for op in OPS.values():
        operands = [dtype] * len(op.inputs)
        if op.name == "where":
            operands[0] = dtypes.bool_
        for attributes in [{"dtype": d} for d in dtypes.ALL] if op.name == "cast" else [{}]:
            if maps.has_native(op.name, operands) and _eager_has(op, operands, attributes):
                result = op.infer(*(Symbol((1,), d) for d in operands), **attributes).dtype
                yield op, operands, attributes, result


def _eager_has(op, operands, attributes):
    try:
        found = eager(op, [np.ones(1, d) for d in operands], attributes)
    except TypeError:
        return False
    return found.dtype == op.infer(*(Symbol((1,), d) for d in operands), **attributes).dtype


def eager(op, arrays, attributes):
    with np.errstate(all="ignore"):
        return np.asarray(op.forward(np, *arrays, **attributes))


@cache
def library(dtype, lanes):
    names = [(f"{op.name}_{r}", op.name, o, a, r, lanes) for op, o, a, r in cases(dtype)]
    return Library([write_loop(*n) for n in names])


def samples(dtype):
    """Special values and ordinary ones of all sizes."""
    rng = np.random.default_rng(3)
    if dtype == dtypes.bool_:
        return np.asarray([False, True])
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return np.asarray(
            [
                0,
                1,
                2,
                3,
                7,
                100,
                limits.min,
                limits.max,
                limits.max - 1,
                *([-1, -2, -77] if limits.min else []),
            ],
            dtype,
        )
    info = np.finfo(dtype)
    edges = [
        0.0,
        1.0,
        0.5,
        2.0,
        3.0,
        1.5,
        2.5,
        info.tiny,
        info.smallest_subnormal * 5,
        info.max,
        np.inf,
        info.eps,
    ]
    sizes = np.exp(rng.uniform(np.log(float(info.tiny)), np.log(float(info.max)), 40))
    usual = [*rng.uniform(0, 1, 12), *rng.uniform(0, 20, 16), *rng.uniform(20, 1000, 10)]
    found = np.asarray([*edges, *usual, *sizes]).astype(dtype)
    return np.concatenate([found, -found, [np.nan]]).astype(dtype)


def operands_of(types):
    """All combinations of samples, filled up to whole vectors."""
    pools = [samples(d) for d in types]
    if len(types) == 3 and types[-1].kind == "f":
        pools = [pools[0], pools[1][::5], pools[2][::7]]
    columns = [column.ravel() for column in np.meshgrid(*pools, indexing="ij")]
    return [np.resize(column, -(-column.size // 16) * 16) for column in columns]


def undefined(name, arrays, expected):
    """Where NumPy has no answer to compare with, or one that differs between processors."""
    if name == "cast" and arrays[0].dtype.kind == "f" and expected.dtype.kind in "iu":
        bound = 2.0 ** (63 if expected.dtype == dtypes.int64 else 31)
        return ~(np.abs(arrays[0].astype(float)) < bound)
    if name in ("erf", "erfc"):  # the eager ones overflow on the way
        return np.abs(arrays[0]) > np.sqrt(np.finfo(expected.dtype).max)
    return np.zeros(expected.shape, bool)


def sizes(name, arrays, expected):
    """What an error is to be compared with: of a sum that cancels, its larger part."""
    if name.startswith("logaddexp"):
        return np.abs(np.asarray([*arrays, expected], float)).max(axis=0)
    if name == "lgamma":  # a difference of terms that are larger than it
        return np.maximum(np.abs(expected.astype(float)), 30 * (np.abs(arrays[0].astype(float)) >= 2.5))
    if name == "sigmoid" and expected.dtype == dtypes.float16:  # the eager one overflows on the way
        return np.maximum(expected.astype(float), 2e-5 / np.finfo(expected.dtype).eps)
    return np.abs(expected.astype(float))


def check(found, expected, arrays, name):
    if expected.dtype.kind != "f":
        wrong = found != expected
    else:
        with np.errstate(all="ignore"):
            info = np.finfo(expected.dtype)
            slack = 8 * float(info.eps) * sizes(name, arrays, expected) + 3 * float(info.smallest_subnormal)
            near = np.abs(found.astype(float) - expected.astype(float)) <= slack
        wrong = ~(near | (found == expected) | (np.isnan(found) & np.isnan(expected)))
    wrong &= ~undefined(name, arrays, expected)
    rows = [(*(a[k] for a in arrays), found[k], expected[k]) for k in np.flatnonzero(wrong)[:8]]
    assert not wrong.any(), f"{name}: {wrong.sum()} differ; (operands, found, expected): {rows}"


@pytest.mark.parametrize("lanes", [1, 4, 8, 16])
@pytest.mark.parametrize("dtype", dtypes.ALL, ids=str)
def test_native_maps_agree_with_the_eager_ops(dtype, lanes):
    compiled = library(dtype, lanes)
    for op, operands, attributes, result in cases(dtype):
        arrays = operands_of(operands)
        found = compiled.run(f"{op.name}_{result}", arrays, result)
        check(found, eager(op, arrays, attributes), arrays, op.name)


def test_every_map_is_native_unless_it_is_listed_here():
    native = {op.name for dtype in dtypes.ALL for op, *_ in cases(dtype)}
    assert OPS.keys() - native == LEFT_TO_NUMPY
    assert all(maps.cost(name) >= 0 for name in native)


@pytest.mark.parametrize("name", ["floor_divide", "trunc_divide", "remainder", "fmod"])
def test_division_of_integers_is_left_to_numpy_which_refuses_zero(name):
    assert not maps.has_native(name, [dtypes.int32, dtypes.int32])


@pytest.mark.parametrize("name", ACCURACY)
@pytest.mark.parametrize("dtype", [dtypes.float32, dtypes.float64], ids=str)
def test_errors_are_a_few_units_in_the_last_place(name, dtype):
    units, reference, *ranges = ACCURACY[name]
    rng = np.random.default_rng(11)
    x = np.concatenate([rng.uniform(*r, 4096) for r in ranges]).astype(dtype)
    x = x[np.isfinite(x) & (np.abs(x) != 1)]
    x = x[: x.size // 16 * 16]
    exact = reference(x.astype(np.longdouble))
    found = library(dtype, 16).run(f"{name}_{dtype}", [x], dtype)
    error = np.abs(found - exact) / np.spacing(np.abs(exact).astype(dtype))
    assert error.max() <= units, f"{error.max()} units at {x[error.argmax()]!r}"


def test_a_power_is_exact_however_large():
    rng = np.random.default_rng(5)
    x, y = np.exp(rng.uniform(-3, 3, 4096)), rng.uniform(-220, 220, 4096)
    exact = x.astype(np.longdouble) ** y.astype(np.longdouble)
    found = library(dtypes.float64, 8).run("pow_float64", [x, y], dtypes.float64)
    assert (np.abs(found - exact) / np.spacing(exact.astype(float))).max() <= 2


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_angles_of_any_size_are_reduced_and_leave_their_neighbours_alone(name):
    x = np.asarray([0.5, 1e5, 1e12, -3e15, 2.5e20, -1e30, 3e38, 7.0] * 2, dtypes.float32)
    found = library(dtypes.float32, 16).run(f"{name}_float32", [x], dtypes.float32)
    exact = getattr(np, name)(x.astype(float))
    np.testing.assert_array_equal(found, exact.astype(np.float32))
    alone = library(dtypes.float32, 1).run(f"{name}_float32", [x], dtypes.float32)
    np.testing.assert_array_equal(found, alone)


def test_float64_is_rounded_to_float16_once():
    halves = np.arange(0x7C00, dtype=np.uint16).view(np.float16)
    middles = (halves[:-1].astype(float) + halves[1:].astype(float)) / 2
    x = np.concatenate([middles, np.nextafter(middles, 0), np.nextafter(middles, np.inf), -middles])
    x = np.resize(x, x.size // 16 * 16)
    found = library(dtypes.float64, 16).run("cast_float16", [x], dtypes.float16)
    np.testing.assert_array_equal(found, x.astype(np.float16))


@pytest.mark.parametrize(
    "name", ["expm1", "log1p", "tanh", "sinh", "sin", "tan", "atan", "asinh", "erf", "sqrt"]
)
@pytest.mark.parametrize("dtype", [dtypes.float32, dtypes.float64], ids=str)
def test_zero_keeps_its_sign(name, dtype):
    x = np.asarray([0.0, -0.0] * 8, dtype)
    found = library(dtype, 16).run(f"{name}_{dtype}", [x], dtype)
    assert not found.any()
    np.testing.assert_array_equal(np.signbit(found), np.signbit(x))
