"""CuPy as the array library of the device "cuda": its own functions, and others where they are missing or differ.

What is here for want of a function of CuPy's is written with those it has, and gives the same bits every time: CuPy's
`ufunc.at` adds in the order in which threads happen to come, takes few element types, and cannot multiply.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import numpy as np

from koubai.arrays import Array, Library

_INSTALL = (
    "pip install cupy-cuda13x (or cupy-cuda12x, for drivers of CUDA 12); see "
    "https://docs.cupy.dev/en/stable/install.html. Without an NVIDIA GPU use 'cpu'"
)
_WITH_METHODS = ("add", "multiply", "maximum", "minimum", "logaddexp")  # whose `at` or `accumulate` ops use


@cache
def library() -> Library:
    """Return CuPy.

    Raises:
        RuntimeError: if it is not installed, or there is no GPU.
    """
    try:
        import cupy
        import cupyx
    except ImportError as error:
        raise RuntimeError(
            f"the device 'cuda' needs CuPy, which cannot be imported ({error}): {_INSTALL}"
        ) from error
    try:
        count = int(cupy.cuda.runtime.getDeviceCount())
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise RuntimeError(
            f"CuPy is installed, but finds no GPU to compute on: {error}; check what `nvidia-smi` says, or use 'cpu'"
        ) from error

    def on(number: int | None) -> AbstractContextManager[Any]:
        if number is not None and number >= count:
            raise RuntimeError(
                f"there is no device 'cuda:{number}': this machine has {count}, counted from 0"
            )
        return nullcontext() if number is None else cupy.cuda.Device(number)

    def put(array: Array, number: int | None) -> Array:
        with on(number):
            return cupy.array(array)

    return Library(
        "cuda", CuPy(cupy, cupyx), cupy.ndarray, put, cupy.asnumpy, lambda array: int(array.device.id), on
    )


class CuPy:
    """NumPy's functions on CuPy's arrays.

    Args:
        cupy, cupyx: the modules.
    """

    unordered_writes = True  # of several values assigned to one place any may stay, not the last as in NumPy
    copied_elements = 2**27  # in a block of windows: many threads want large ones

    def __init__(self, cupy: Any, cupyx: Any) -> None:
        self._cupy = cupy
        self.linalg = _LinearAlgebra(cupy, cupyx)
        for name in _WITH_METHODS:
            setattr(self, name, _Function(cupy, getattr(cupy, name)))

    def __getattr__(self, name: str) -> Any:
        """Return a function that CuPy has."""
        return getattr(self._cupy, name)

    def piecewise(
        self, x: Array, conditions: Sequence[Array], functions: Sequence[Callable[..., Array]]
    ) -> Array:
        """Return of each element what the function of its condition says; CuPy's takes numbers only."""
        out = self._cupy.zeros(x.shape, x.dtype)
        for condition, function in zip(conditions, functions):
            out = self._cupy.where(condition, function(x), out)
        return out

    def floor_divide(self, x: Array, y: Array) -> Array:
        """Return the whole quotient; CuPy's rounds x / y first, which may be the next whole number already."""
        cupy = self._cupy
        quotient = cupy.floor_divide(x, y)
        if quotient.dtype.kind != "f":
            return quotient
        rest = cupy.fmod(x, y)
        whole = cupy.rint((x - rest) / y) - ((rest != 0) & ((rest < 0) != (y < 0)))
        return cupy.where(y != 0, whole, quotient).astype(quotient.dtype)


class _Function:
    """A function of two arrays, with methods in the place of those that CuPy's has not."""

    def __init__(self, cupy: Any, function: Any) -> None:
        self._cupy = cupy
        self._function = function

    def __call__(self, *arrays: Array, **options: Any) -> Array:
        """Apply it element by element."""
        return self._function(*arrays, **options)

    def accumulate(self, x: Array, axis: int = 0) -> Array:
        """Return the running results, in steps that double (Hillis and Steele 1986)."""
        y = self._cupy.moveaxis(x, axis, 0).copy()
        step = 1
        while step < len(y):
            y[step:] = self._function(y[:-step], y[step:])
            step *= 2
        return self._cupy.moveaxis(y, 0, axis)

    def at(self, x: Array, places: Array, values: Array) -> None:
        """Combine `values` with the elements of `x` at `places`, all one-dimensional, as often as a place occurs.

        Values for one place are brought together and combined in steps that double; each place is written once.
        """
        order = self._cupy.argsort(places, kind="stable")
        places, values = places[order], values[order]
        step = 1
        while step < len(places) and bool((same := places[step:] == places[:-step]).any()):
            combined = self._function(values[:-step], values[step:])
            values[step:] = self._cupy.where(same, combined, values[step:])
            step *= 2
        last = self._cupy.ones(len(places), bool)
        last[:-1] = places[1:] != places[:-1]
        places, values = places[last], values[last]
        x[places] = self._function(x[places], values)


class _LinearAlgebra:
    """CuPy's `linalg`, which says as NumPy's does that a matrix is singular, rather than return anything."""

    def __init__(self, cupy: Any, cupyx: Any) -> None:
        self._cupy = cupy
        self._cupyx = cupyx

    def __getattr__(self, name: str) -> Any:
        """Return a function that CuPy has."""
        return getattr(self._cupy.linalg, name)

    def solve(self, a: Array, b: Array) -> Array:
        """Solve linear systems, whose leading dimensions are broadcast."""
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a, b = (
            self._cupy.ascontiguousarray(self._cupy.broadcast_to(x, (*batch, *x.shape[-2:]))) for x in (a, b)
        )
        return self._checked(self._cupy.linalg.solve, a, b)

    def inv(self, x: Array) -> Array:
        """Invert matrices."""
        return self._checked(self._cupy.linalg.inv, x)

    def cholesky(self, x: Array) -> Array:
        """Return Cholesky's lower factors."""
        return self._checked(self._cupy.linalg.cholesky, x)

    def _checked(self, function: Callable[..., Array], *arrays: Array) -> Array:
        try:
            with self._cupyx.errstate(linalg="raise"):
                return function(*arrays)
        except self.LinAlgError as error:
            raise self.LinAlgError(f"Singular matrix: {error}") from error
