"""How the tests of movements and gathers compare: with NumPy, with a traced replay, with
compiled code, with numerical gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import settings

import koubai

from ..compiler.differential import check_compiled

SETTINGS = settings(max_examples=40, deadline=None, derandomize=True)


def numbers(*shape: int, seed: int = 0) -> Any:
    """Different numbers in float64, in random order."""
    count = int(np.prod(shape))
    return np.random.default_rng([seed, *shape]).permutation(count).reshape(shape) / 8.0 + 0.5


def arrays_of(result: Any) -> list[Any]:
    """Return the arrays of a tensor or of several."""
    return [np.asarray(t.detach()) for t in (result if isinstance(result, tuple | list) else [result])]


def check(function: Callable[..., Any], expected: Any, *arrays: Any, gradients: bool = True) -> None:
    """Check a function of tensors: its results, that it replays to the same bits, and its gradients."""
    tensors = [koubai.from_numpy(array) for array in arrays]
    results = arrays_of(function(*tensors))
    wanted = expected if isinstance(expected, tuple | list) else [expected]
    for ours, theirs in zip(results, wanted, strict=True):
        np.testing.assert_array_equal(ours, theirs, strict=True)
    program = koubai.trace(function, *tensors)
    check_compiled(program, tensors)
    for ours, replayed in zip(results, arrays_of(program(*tensors)), strict=True):
        np.testing.assert_array_equal(ours, replayed, strict=True)
    if gradients and any(result.size for result in results):
        koubai.check_gradients(function, *tensors)
