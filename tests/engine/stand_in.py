"""A stand-in for CuPy on a machine without a GPU: arrays that NumPy cannot touch, and functions as strict as CuPy's.

It has the functions and methods that CuPy has and ops use, and nothing else. It refuses NumPy's arrays, as CuPy does,
and differs from NumPy where CuPy does: an element of an array is an array, of several values assigned to one place the
first stays rather than the last, `take` wraps around, `floor_divide` rounds before it looks for the whole number, most
`ufunc.at` and `accumulate` are missing, `piecewise` takes no functions, `solve` broadcasts nothing, and singular
matrices give rubbish unless `errstate` says otherwise. With the same adapter as the real CuPy in front, it is the
device "stand-in".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np

from koubai.arrays import Library
from koubai.cupy_arrays import CuPy
from koubai.devices import add_device

UFUNCS = [
    "absolute", "abs", "add", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh",
    "bitwise_and", "bitwise_or", "bitwise_xor", "ceil", "copysign", "cos", "cosh", "equal", "exp", "exp2",
    "expm1", "floor", "floor_divide", "fmax", "fmin", "fmod", "gcd", "greater", "greater_equal", "hypot",
    "invert", "isfinite", "isinf", "isnan", "lcm", "left_shift", "less", "less_equal", "log", "log10", "log1p",
    "log2", "logaddexp", "logaddexp2", "maximum", "minimum", "multiply", "negative", "nextafter", "not_equal",
    "power", "remainder", "right_shift", "rint", "signbit", "sin", "sinh", "sqrt", "subtract", "tan", "tanh",
    "true_divide", "trunc",
]  # fmt: skip
FUNCTIONS = [
    "all", "any", "argmax", "argmin", "argsort", "argwhere", "arange", "array", "asarray", "ascontiguousarray",
    "bincount", "broadcast_to", "concatenate", "cumprod", "cumsum", "empty", "empty_like", "flip", "full",
    "matmul", "max", "min", "moveaxis", "ones", "prod", "searchsorted", "sum", "take", "take_along_axis",
    "where", "zeros",
]  # fmt: skip
CONSTANTS = [
    "bool_", "float16", "float32", "float64", "inf", "int64", "nan", "ndindex", "uint32", "uint64", "finfo",
    "iinfo",
]  # fmt: skip
LINALG = ["cholesky", "det", "eig", "eigh", "inv", "qr", "slogdet", "solve", "svd"]
METHODS = [
    "all",
    "any",
    "argmax",
    "argmin",
    "astype",
    "copy",
    "max",
    "min",
    "reshape",
    "sum",
    "transpose",
    "view",
]
VALUES = ["item", "tolist"]
ATTRIBUTES = ["shape", "dtype", "ndim", "size", "itemsize", "strides", "nbytes"]


class Array:
    """An array on the other side. NumPy gets at it only by `values`, which ops do not know."""

    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __array_function__(self, function: Any, *_: Any) -> Any:
        raise TypeError(f"numpy.{function.__name__} was called on an array of another library")

    def __getattr__(self, name: str) -> Any:
        if name in ATTRIBUTES:
            return getattr(self.values, name)
        if name in METHODS:
            return lambda *args, **kwargs: _wrapped(
                getattr(self.values, name)(*_plain(args), **_plain(kwargs))
            )
        if name in VALUES:
            return getattr(self.values, name)
        raise AttributeError(f"CuPy's arrays have no {name!r}, or no op needed it so far")

    def __getitem__(self, index: Any) -> Array:
        return Array(self.values[_plain(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(value, np.ndarray):
            raise TypeError("a NumPy array was assigned to a part of another library's")
        index, value = _plain(index), _plain(value)
        places = np.arange(self.values.size).reshape(self.values.shape)[index]
        values = np.broadcast_to(value, places.shape)
        self.values.flat[places.reshape(-1)[::-1]] = values.reshape(-1)[::-1]

    def __len__(self) -> int:
        return len(self.values)

    def __bool__(self) -> bool:
        return bool(self.values)

    def __int__(self) -> int:
        return int(self.values)

    def __float__(self) -> float:
        return float(self.values)

    def __deepcopy__(self, memo: Any) -> Array:
        return Array(self.values.copy())


def _plain(value: Any) -> Any:
    """What NumPy computes with: the values of our arrays.

    Raises:
        TypeError: for NumPy's own arrays, as CuPy does.
    """
    if isinstance(value, Array):
        return value.values
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return type(value)(map(_plain, value)) if type(value) in (tuple, list) else value


def _wrapped(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_wrapped, value))
    return Array(value) if isinstance(value, np.ndarray | np.generic) else value


def _rounded_quotient(x: Any, y: Any) -> Any:
    """The whole number below x / y, after that was rounded."""
    quotient = np.floor_divide(x, y)
    return np.floor(np.true_divide(x, y)) if np.asarray(quotient).dtype.kind == "f" else quotient


class Ufunc:
    """A function of elements."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.function = _rounded_quotient if name == "floor_divide" else getattr(np, name)

    def __call__(self, *args: Any, out: Array | None = None, **options: Any) -> Array:
        if options.keys() - {"dtype", "casting"}:
            raise TypeError(f"Wrong arguments {options}")
        if not any(isinstance(arg, Array) for arg in args):
            raise TypeError(f"cupy.{self.name} of plain numbers only")
        with np.errstate(all="ignore"):
            if out is None:
                return Array(self.function(*_plain(args), **options))
            self.function(*_plain(args), out=out.values, **options)
            return out

    def at(self, a: Array, places: Any, values: Any) -> None:
        raise NotImplementedError(f"`cupy_{self.name}.at` is not supported yet, or differs from run to run")

    def accumulate(self, x: Array, axis: int = 0) -> Array:
        raise NotImplementedError(f"`cupy_{self.name}.accumulate` is not supported yet")


def _function(name: str) -> Any:
    function = getattr(np, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        with np.errstate(all="ignore"):
            return _wrapped(function(*_plain(args), **_plain(kwargs)))

    return call


def _operator(name: str) -> Any:
    """An operator and its reflection; with NumPy's arrays CuPy refuses both."""
    ufunc = Ufunc(name)

    def apply(self: Array, *other: Any) -> Array:
        return ufunc(self, *other)

    def reflected(self: Array, other: Any) -> Array:
        return ufunc(other, self)

    def in_place(self: Array, other: Any) -> Array:
        return ufunc(self, other, out=self)

    return apply, reflected, in_place


OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "power", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
    "lshift": "left_shift", "rshift": "right_shift",
}  # fmt: skip
for _name, _ufunc in OPERATORS.items():
    for _prefix, _method in zip(("", "r", "i"), _operator(_ufunc)):
        setattr(Array, f"__{_prefix}{_name}__", _method)
COMPARISONS = {
    "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
    "neg": "negative", "abs": "absolute", "invert": "invert",
}  # fmt: skip
for _name, _ufunc in COMPARISONS.items():
    setattr(Array, f"__{_name}__", _operator(_ufunc)[0])


def _take(a: Array, indices: Array, axis: int | None = None) -> Array:
    return Array(np.take(a.values, indices.values, axis, mode="wrap"))


def _piecewise(x: Array, condlist: Any, funclist: Any) -> Array:
    raise NotImplementedError("Callable functions are not supported currently")


_strict = [False]


@contextmanager
def _errstate(linalg: str) -> Iterator[None]:
    before, _strict[0] = _strict[0], linalg == "raise"
    try:
        yield
    finally:
        _strict[0] = before


def _linear(name: str) -> Any:
    function = getattr(np.linalg, name)

    def call(*args: Array, **kwargs: Any) -> Any:
        plain = _plain(args)
        if name == "solve" and plain[0].shape[:-1] != plain[1].shape[:-1]:
            raise ValueError("a must have (..., M, M) shape and b must have (..., M, K)")
        try:
            return _wrapped(tuple(found) if isinstance(found := function(*plain, **kwargs), tuple) else found)
        except np.linalg.LinAlgError:
            if _strict[0]:
                raise np.linalg.LinAlgError(f"Error reported by {name} in cuSOLVER. devInfo = [1].") from None
            return Array(np.full_like(plain[-1], np.nan))

    return call


cupy = SimpleNamespace(
    **{name: Ufunc(name) for name in UFUNCS},
    **{name: _function(name) for name in FUNCTIONS if name != "take"},
    **{name: getattr(np, name) for name in CONSTANTS},
    take=_take,
    piecewise=_piecewise,
    linalg=SimpleNamespace(
        LinAlgError=np.linalg.LinAlgError, **{name: _linear(name) for name in LINALG}
    ),
    lib=SimpleNamespace(
        stride_tricks=SimpleNamespace(
            as_strided=lambda x, shape, strides: Array(np.lib.stride_tricks.as_strided(x.values, shape, strides)),
            sliding_window_view=lambda x, size, axis: Array(
                np.lib.stride_tricks.sliding_window_view(x.values, size, axis=axis, writeable=True)
            ),
        )
    ),
)  # fmt: skip

LIBRARY = Library(
    "stand-in",
    CuPy(cupy, SimpleNamespace(errstate=_errstate)),
    Array,
    put=lambda array, number: Array(array.copy()),
    fetch=lambda array: array.values.copy(),
)
add_device(LIBRARY)
