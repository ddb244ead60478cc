"""Ops reach arrays only through their namespace: all of them run on a stand-in for CuPy, with NumPy's values."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import numpy as np
import pytest

import koubai
import koubai.ops
from koubai import Tensor
from koubai.ops.op import Kind, Op, Symbol
from koubai.ops.window import Window

from .stand_in import Array

ROOMS = [
    importlib.import_module(f"koubai.ops.{room.name}") for room in pkgutil.iter_modules(koubai.ops.__path__)
]
OPS = {value.name: value for room in ROOMS for value in vars(room).values() if isinstance(value, Op)}
RNG = np.random.default_rng(0)


def real(*shape: int) -> Any:
    """Numbers between -2 and 2, no two of them equal."""
    return RNG.permutation(np.linspace(-2, 2, int(np.prod(shape)))).reshape(shape)


def special(*shape: int) -> Any:
    """Real numbers, with NaN and infinities among them."""
    x = real(*shape)
    x.flat[:4] = np.nan, np.inf, -np.inf, -0.0
    return x


WINDOW = Window((2, 3), (2, 1), ((1, 0), (1, 1)), (1, 2))
SPANS = ((0, 2, 1), (1, 4, 2))
POSITIONS = np.array([[2, 0], [2, 2], [1, 0]])  # with places that occur several times
SYMMETRIC = np.eye(3) * 4 + np.full((2, 3, 3), 0.5)

# for each op that is no map: its inputs and attributes, in one or several samples
BODY = koubai.trace(lambda x, y: (x * y, x + 1.5), koubai.tensor(real(3, 4)), koubai.tensor(real(4))).graph

SAMPLES: dict[str, list[tuple[tuple[Any, ...], dict[str, Any]]]] = {
    "convolution": [((real(2, 4, 4, 6), real(4, 2, 2, 3)), {"window": WINDOW, "groups": 2})],
    "convolution_input": [
        ((real(2, 4, 2, 4), real(4, 2, 2, 3)), {"lengths": (4, 6), "window": WINDOW, "groups": 2})
    ],
    "convolution_weight": [((real(2, 4, 4, 6), real(2, 4, 2, 4)), {"window": WINDOW, "groups": 2})],
    "matmul": [
        ((real(2, 3, 4), real(4, 5)), {}),
        ((real(3, 4).astype("f4"), real(4, 5).astype("f4")), {"precision": "bf16"}),
        ((POSITIONS, POSITIONS.T), {}),
    ],
    "index": [((real(2, 3, 2), POSITIONS), {"dim": 1})],
    "call": [((real(3, 4), real(4)), {"body": BODY})],
    **{
        f"index_{how}": [
            ((real(2, 3, 2), POSITIONS, real(2, 3, 2, 2)), {"dim": 1}),
            ((real(3), POSITIONS[:, 0], real(1)), {"dim": 0}),
            ((np.arange(3), POSITIONS, POSITIONS), {"dim": 0}),
        ]
        for how in ("add", "max", "min", "mul", "put")
    },
    "is_last": [((POSITIONS,), {"size": 3})],
    "window_put": [
        ((real(2, 4, 2, 4), RNG.integers(0, 6, (2, 4, 2, 4)).astype("u1")), {"lengths": (4, 6), "window": WINDOW})
    ],
    "window_take": [
        ((x, RNG.integers(0, 6, (2, 4, 2, 4)).astype("u1")), {"window": WINDOW})
        for x in (real(2, 4, 4, 6), special(2, 4, 4, 6))
    ],
    "assign_slice": [((real(3, 5), real(2)), {"spans": SPANS})],
    "bits": [((real(3, 4),), {"dtype": np.dtype("i4")})],
    "cat": [((real(2, 3), real(2, 1), real(2, 2)), {"dim": 1})],
    "expand": [((real(3, 1),), {"shape": (2, 3, 4)})],
    "flip": [((real(3, 4),), {"dims": (0, 1)})],
    "fold": [((real(2, 3, 4),), {"dim": 1, "length": 8, "step": 2})],
    "permute": [((real(2, 3, 4),), {"dims": (2, 0, 1)})],
    "place": [((real(2, 2),), {"shape": (3, 5), "spans": SPANS, "fill": 7.0})],
    "reshape": [((real(2, 6),), {"shape": (3, 4)})],
    "slice": [((real(3, 5),), {"spans": SPANS})],
    "unfold": [((real(2, 8),), {"dim": 1, "size": 3, "step": 2})],
    "windows": [((real(2, 3, 4, 6),), {"window": WINDOW})],
    "argsort": [((special(3, 5),), {"dim": 1, "descending": d}) for d in (False, True)],
    "cholesky": [((SYMMETRIC,), {})],
    "det": [((SYMMETRIC,), {})],
    "eigh": [((SYMMETRIC,), {"lower": True})],
    "histogram": [((real(20),), {"bins": 4, "low": 0.0, "high": 0.0})],
    "inv": [((SYMMETRIC,), {})],
    "mode_position": [((RNG.integers(0, 3, (4, 7)),), {"dim": 1})],
    "nonzero": [((real(3, 4) > 0,), {})],
    "qr": [((real(2, 3, 3),), {"full": False})],
    "searchsorted": [
        ((np.linspace(-1, 1, 5), real(3, 4)), {"right": True}),
        ((np.sort(real(3, 5), axis=1), real(3, 4)), {"right": False}),
    ],
    "slogdet": [((SYMMETRIC,), {})],
    "solve": [((SYMMETRIC, real(3, 2)), {})],
    "svd": [((real(2, 4, 3),), {"full": False})],
    "permutation": [((np.array([5, 2]),), {"count": 9})],
    "uniform": [((np.array([5, 2]),), {"shape": (3, 7), "dtype": np.dtype(d)}) for d in ("f2", "f4", "f8")],
    "add_windows": [((real(2, 3, 2, 4, 2, 3),), {"lengths": (4, 6), "window": WINDOW})],
    **{n: [((real(2, 3, 4),), {"dims": (0, 2), "keepdim": k}) for k in (False, True)] for n in ("sum", "amax", "amin")},
    **{n: [((real(3, 4) > 0,), {"dims": (1,), "keepdim": False})] for n in ("any", "all")},
    **{n: [((special(3, 4),), {"dim": 1, "keepdim": True})] for n in ("argmax", "argmin")},
    "prod": [((real(3, 4),), {"dims": (1,), "keepdim": False})],
    "window_max": [((x,), {"window": WINDOW}) for x in (real(2, 3, 4, 6), special(2, 3, 4, 6))],
    "window_sum": [((real(2, 3, 4, 6),), {"window": WINDOW})],
    **{n: [((real(3, 5),), {"dim": 1})] for n in ("cumsum", "cumprod", "logcumsumexp")},
    "extreme_position": [
        ((x,), {"dim": 0, "largest": up}) for x in (special(6, 3), real(5, 2)) for up in (True, False)
    ],
    "recurrence": [((real(3, 5), real(3, 5)), {"dim": 1})],
}  # fmt: skip
ATTRIBUTES: dict[str, dict[str, Any]] = {
    "cast": {"dtype": np.dtype("f4")},
    "polygamma": {"n": 1},
    "position": {"size": 5, "dim": 0, "wraps": True, "by": "a test"},
}
FLOATS = dict.fromkeys(("erf", "erfc", "erfinv", "lgamma", "polygamma", "copysign", "nextafter"), "efd")
SORTS = FLOATS | {"bfloat16": "fd"}  # the types of elements that functions give it, where not all


def samples(op: Op) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """What an op is tried on: a map on numbers of every sort, as far as NumPy computes it on them."""
    if (op.kind is not Kind.MAP and op.kind is not Kind.MOVEMENT) or op.name in SAMPLES:
        return SAMPLES[op.name]
    count = len(op.inputs)
    sorts = [
        [special(3, 7), real(3, 7), np.abs(real(1, 7))],
        [abs(real(20)) / 2.1 for _ in range(3)],
        [np.float32(real(5)), np.float32(real(5)), np.float32(1.0)],
        [np.float16(real(5)), np.float16(real(5)), np.float16(0.0)],
        [np.arange(-3, 4), np.array([1, 2, 3, 1, 2, 3, 1]), np.array(2)],
        [np.arange(7, dtype="u1"), np.array([1, 2, 3, 1, 2, 3, 1], "u1"), np.uint8(2)],
        [real(9) > 0, real(9) < 1, np.bool_(True)],
    ]
    sets = [[np.asarray(x) for x in ([sort[0] > 1, *sort] if op.name == "where" else sort)] for sort in sorts]
    return [
        (tuple(given[:count]), ATTRIBUTES.get(op.name, {})) for given in sets if _computes(op, given[:count])
    ]


def _computes(op: Op, arrays: Any) -> bool:
    """Whether NumPy computes a map on such numbers, with results of the type that they are to have."""
    attributes = ATTRIBUTES.get(op.name, {})
    if arrays[0].dtype.char not in SORTS.get(op.name, arrays[0].dtype.char):
        return False
    try:
        result = op(*map(koubai.from_numpy, arrays), **attributes)
        return bool(result.dtype == op.infer(*[Symbol(x.shape, x.dtype) for x in arrays], **attributes).dtype)
    except (RuntimeError, TypeError, IndexError):
        return False


def run(op: Op, arrays: Any, attributes: Any, device: str) -> list[Tensor]:
    """The results of an op, and the gradients of its inputs, computed on a device."""
    inputs = [koubai.from_numpy(array).to(device) for array in arrays]
    differentiable = bool(op.gradients) and attributes.get("precision") is None
    for tensor in inputs:
        tensor.requires_grad = differentiable and tensor.is_floating_point()
    made = op(*inputs, **attributes)
    results = list(made) if isinstance(made, tuple) else [made]
    flowing = [result for result in results if result.requires_grad]
    if flowing:
        sum((result * result).sum() for result in flowing).backward()  # type: ignore[union-attr]
    return [*results, *(tensor.grad for tensor in inputs if tensor.grad is not None)]


@pytest.mark.parametrize("name", [name for name in OPS if name != "scan"])
def test_an_op_runs_on_another_library(name: str) -> None:
    tried = samples(OPS[name])
    assert tried
    for arrays, attributes in tried:
        there, here = (run(OPS[name], arrays, attributes, device) for device in ("stand-in", "cpu"))
        for ours, numpys in zip(there, here, strict=True):
            assert isinstance(ours.payload, Array)
            assert ours.dtype == numpys.dtype
            np.testing.assert_allclose(
                ours.numpy(force=True), numpys.numpy(force=True), 1e-5 if ours.itemsize < 8 else 1e-12
            )
