"""Types of mixed operations: every pair of dtypes, as tensors with dimensions, without, and as Python numbers."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import koubai  # noqa: E402

from .translation import DTYPES  # noqa: E402

OPERATIONS = {
    "add": lambda library, x, y: library.add(x, y),
    "div": lambda library, x, y: library.div(x, y),
    "floor_divide": lambda library, x, y: library.floor_divide(x, y),
    "pow": lambda library, x, y: library.pow(x, y),
    "maximum": lambda library, x, y: library.maximum(x, y),
    "where": lambda library, x, y: library.where(library.tensor([True, False]), x, y),
    "eq": lambda library, x, y: library.eq(x, y),
    "atan2": lambda library, x, y: library.atan2(x, y),
    "remainder": lambda library, x, y: library.remainder(x, y),
    "logical_and": lambda library, x, y: library.logical_and(x, y),
    "hypot": lambda library, x, y: library.hypot(x, y),
    "clamp": lambda library, x, y: library.clamp(x, y),
    "addcmul": lambda library, x, y: library.addcmul(x, y, y),
    "lerp": lambda library, x, y: library.lerp(x, y, 0.5),
    "xlogy": lambda library, x, y: library.xlogy(x, y),
}
NUMBERS = (True, 2, 2.5)


def outcome(library: Any, operation: Any, *operands: Any) -> Any:
    """Return the result, or None where the library refuses the types."""
    try:
        return operation(library, *operands)
    except (RuntimeError, TypeError, NotImplementedError):
        return None


def agree(name: str, ours: tuple[Any, ...], theirs: tuple[Any, ...]) -> str | None:
    """Return what differs, or None."""
    mine, other = outcome(koubai, OPERATIONS[name], *ours), outcome(torch, OPERATIONS[name], *theirs)
    if other is None:  # Koubai may be more generous
        return None
    if mine is None or mine.dtype != DTYPES[other.dtype] or mine.shape != tuple(other.shape):
        return f"{name}{theirs}: {mine} instead of {other}"
    return None


def both(dtype: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Return ones of a type and shape in both libraries."""
    return koubai.ones(shape, dtype=DTYPES[dtype]), torch.ones(shape, dtype=dtype)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OPERATIONS)
def test_mixed_types_give_pytorchs_type(name: str) -> None:
    tensors = [both(dtype, shape) for dtype in DTYPES for shape in ((2,), ())]
    operands = tensors + [(number, number) for number in NUMBERS]
    pairs = [(x, y) for x, y in itertools.product(tensors, operands)]
    differing = [found for (x, u), (y, v) in pairs if (found := agree(name, (x, y), (u, v)))]
    assert not differing, "\n".join(differing[:10])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name", ["add_", "mul_", "div_", "pow_", "sub_", "copy_", "clamp_", "eq_", "floor_divide_"]
)
def test_what_may_be_stored_in_place(name: str) -> None:
    for dtype, other in itertools.product(DTYPES, repeat=2):
        (x, u), (y, v) = both(dtype, (2,)), both(other, (2,))
        try:
            expected = getattr(u, name)(v)
        except (RuntimeError, NotImplementedError):
            continue
        result = getattr(x, name)(y)
        assert result is x, f"{name} of {dtype} and {other}"
        assert x.dtype == DTYPES[expected.dtype], f"{name} of {dtype} and {other}"


def test_an_integer_cell_takes_no_fraction() -> None:
    x = koubai.ones(2, dtype=koubai.int64)
    for change in (lambda: x.add_(0.5), lambda: x.div_(2), lambda: x.exp_()):
        with pytest.raises(RuntimeError, match="cannot be stored in a tensor of type int64"):
            change()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_default_type_decides_what_integers_become(dtype: Any) -> None:
    ours, theirs = koubai.get_default_dtype(), torch.get_default_dtype()
    try:
        koubai.set_default_dtype(DTYPES[dtype])
        torch.set_default_dtype(dtype)
        made = [koubai.tensor(1.5), koubai.tensor([1, 2]).sqrt(), koubai.zeros(2), koubai.arange(3) / 2]
        others = [torch.tensor(1.5), torch.tensor([1, 2]).sqrt(), torch.zeros(2), torch.arange(3) / 2]
        assert [x.dtype for x in made] == [DTYPES[x.dtype] for x in others]
    finally:
        koubai.set_default_dtype(ours)
        torch.set_default_dtype(theirs)


def test_result_type_and_promote_types() -> None:
    for first, second in itertools.product(DTYPES, repeat=2):
        expected = DTYPES[torch.promote_types(first, second)]
        assert koubai.promote_types(DTYPES[first], DTYPES[second]) == expected
        (x, u), (y, v) = both(first, (2,)), both(second, ())
        assert koubai.result_type(x, y) == DTYPES[torch.result_type(u, v)]
