"""Sums of products over named dimensions: `einsum`, and `tensordot` written in it.

Each operand is a tensor with one label per dimension. Two operands are multiplied as (batches of) matrices:
shared labels that stay are the batch, shared labels that go are the inner dimension. More operands are taken
pair by pair, the pair with the smallest product first.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from koubai.engine.tensor import Tensor
from koubai.functions.products import check_same_type, matmul
from koubai.ops import movement
from koubai.ops.op import Shape, ShapeError, describe

__all__ = ["einsum", "tensordot"]

Label = str | int  # a letter, or -1, -2, ... for the dimensions of an ellipsis, counted from the last
Labels = tuple[Label, ...]
_ELLIPSIS = "..."
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Named(NamedTuple):
    """A tensor whose dimensions have labels."""

    tensor: Tensor
    labels: Labels

    def size(self, label: Label) -> int:
        """Return the length of a dimension; 1 for a label that the tensor does not have."""
        return self.tensor.shape[self.labels.index(label)] if label in self.labels else 1


def einsum(equation: Any, *operands: Any) -> Tensor:
    """Return the sum of products that an equation describes, by Einstein's convention.

    Args:
        equation: a label (a letter) for each dimension of each operand, "->", and the labels of the result. A
            label that the result lacks is summed over; one repeated in an operand takes its diagonal; "..."
            stands for any further dimensions, which broadcast. Without "->" the result has the labels that
            occur once, in alphabetical order, after those of "...".
        operands: the tensors. Or, instead of an equation: tensors and lists of numbers below 52 in turn.

    Raises:
        RuntimeError: if the equation does not parse, or does not fit the operands.

    Example:
        >>> koubai.einsum("bij,bjk->bik", a, b)   # a batch of matrix products
        >>> koubai.einsum(a, [0, 1], b, [1, 2], [0, 2])
    """
    terms, output, tensors = _read(equation, operands)
    check_same_type("einsum", *tensors)
    named = [_name_dimensions(tensor, term) for tensor, term in zip(tensors, terms)]
    dots = max((sum(isinstance(label, int) for label in item.labels) for item in named), default=0)
    wanted = _output_labels(terms, output, dots)
    _check_sizes(named)
    return _contract(named, wanted)


# --- reading the equation


def _read(equation: Any, operands: Sequence[Any]) -> tuple[list[list[str]], list[str] | None, list[Tensor]]:
    """Return the labels of each operand, those of the result (None if left out), and the operands."""
    if isinstance(equation, Tensor):
        return _read_lists((equation, *operands))
    tensors = (
        list(operands[0]) if len(operands) == 1 and isinstance(operands[0], list | tuple) else list(operands)
    )
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = [_split_labels(term) for term in left.split(",")]
    if len(terms) != len(tensors):
        raise RuntimeError(f"einsum: {equation!r} names {len(terms)} operands, but there are {len(tensors)}")
    return terms, _split_labels(right) if arrow else None, tensors


def _read_lists(arguments: Sequence[Any]) -> tuple[list[list[str]], list[str] | None, list[Tensor]]:
    tensors, lists = list(arguments[0::2]), list(arguments[1::2])
    output = None
    if len(arguments) % 2:
        output = _letters(tensors.pop())
    return [_letters(labels) for labels in lists], output, tensors


def _letters(numbers: Iterable[Any]) -> list[str]:
    """Write numbers as letters."""
    labels = list(numbers)
    if any(number is not Ellipsis and not 0 <= number < len(_LETTERS) for number in labels):
        raise RuntimeError(f"einsum: the numbers of dimensions must be in 0 to 51, got {labels}")
    return [_ELLIPSIS if number is Ellipsis else _LETTERS[number] for number in labels]


def _split_labels(term: str) -> list[str]:
    """Cut "a...b" into "a", "...", "b"."""
    before, dots, after = term.partition(_ELLIPSIS)
    labels = [*before, *([_ELLIPSIS] if dots else []), *after]
    strange = [label for label in labels if label != _ELLIPSIS and label not in _LETTERS]
    if strange:
        raise RuntimeError(
            f"einsum: {term!r} may hold letters and one ellipsis '...' only, not {strange[0]!r}"
        )
    return labels


def _name_dimensions(tensor: Tensor, term: list[str]) -> Named:
    """Give every dimension of a tensor its label, and take diagonals where a label is repeated."""
    letters = [label for label in term if label != _ELLIPSIS]
    hidden = tensor.ndim - len(letters)
    if hidden < 0 or (hidden and _ELLIPSIS not in term):
        raise ShapeError(f"einsum: {''.join(term)!r} names {len(letters)} dimensions of {describe([tensor])}")
    at = term.index(_ELLIPSIS) if _ELLIPSIS in term else len(term)
    named = Named(tensor, (*term[:at], *range(-hidden, 0), *term[at + 1 :]))
    while len(set(named.labels)) < len(named.labels):
        named = _take_diagonal(named)
    return named


def _take_diagonal(named: Named) -> Named:
    """Merge the first two dimensions that share a label into one, their diagonal, put last."""
    label = next(label for label, count in Counter(named.labels).items() if count > 1)
    first, second = [axis for axis, other in enumerate(named.labels) if other == label][:2]
    rest = [axis for axis in range(len(named.labels)) if axis not in (first, second)]
    length = named.tensor.shape[first]
    if named.tensor.shape[second] != length:
        raise ShapeError(
            f"einsum: label {label!r} is repeated on dimensions of different size in {list(named.tensor.shape)}"
        )
    square = movement.permute(named.tensor, dims=(*rest, first, second))
    flat = movement.reshape(square, shape=(*square.shape[:-2], length * length))
    spans = (*((0, size, 1) for size in flat.shape[:-1]), (0, length * length, length + 1))
    return Named(movement.slice_(flat, spans=spans), (*(named.labels[axis] for axis in rest), label))


def _output_labels(terms: Sequence[Sequence[str]], output: list[str] | None, dots: int) -> Labels:
    """Return the labels of the result."""
    hidden = tuple(range(-dots, 0))
    counts = Counter(label for term in terms for label in term if label != _ELLIPSIS)
    if output is None:
        return (*hidden, *sorted(label for label, count in counts.items() if count == 1))
    for label in output:
        if label != _ELLIPSIS and label not in counts:
            raise RuntimeError(f"einsum: the result's label {label!r} appears in no operand")
    if len(set(output)) < len(output):
        raise RuntimeError(f"einsum: a label appears twice in the result {''.join(output)!r}")
    return tuple(
        itertools.chain.from_iterable(hidden if label == _ELLIPSIS else (label,) for label in output)
    )


def _check_sizes(named: Sequence[Named]) -> None:
    sizes: dict[Label, int] = {}
    for item in named:
        for label, size in zip(item.labels, item.tensor.shape):
            known = sizes.get(label, 1)
            if known != size and 1 not in (known, size):
                shapes = describe([other.tensor for other in named])
                raise ShapeError(
                    f"einsum: label {label!r} is {known} in one operand and {size} in another: {shapes}"
                )
            sizes[label] = size if known == 1 else known


# --- computing


def _contract(named: list[Named], wanted: Labels) -> Tensor:
    """Multiply all, two at a time, sum over what is not wanted, and return the dimensions in the wanted order."""
    while len(named) > 1:
        first, second = _cheapest_pair(named, wanted)
        others = [item for at, item in enumerate(named) if at not in (first, second)]
        needed = {*wanted, *(label for item in others for label in item.labels)}
        named = [*others, _multiply(named[first], named[second], needed)]
    result = _sum_out(named[0], set(wanted))
    return _permuted(result.tensor, tuple(map(result.labels.index, wanted)))


def _cheapest_pair(named: Sequence[Named], wanted: Labels) -> tuple[int, int]:
    """Return the two operands whose product adds least to what has to be held."""

    def growth(pair: tuple[int, int]) -> int:
        a, b = (named[at] for at in pair)
        outside = {
            *wanted,
            *(label for at, item in enumerate(named) if at not in pair for label in item.labels),
        }
        kept = [label for label in {*a.labels, *b.labels} if label in outside]
        product = math.prod(max(a.size(label), b.size(label)) for label in kept)
        return product - math.prod(a.tensor.shape) - math.prod(b.tensor.shape)

    return min(itertools.combinations(range(len(named)), 2), key=growth)


def _sum_out(named: Named, kept: set[Label]) -> Named:
    """Sum over the labels that nobody needs any more."""
    gone = tuple(axis for axis, label in enumerate(named.labels) if label not in kept)
    if not gone:
        return named
    return Named(named.tensor.sum(gone), tuple(label for label in named.labels if label in kept))


def _multiply(a: Named, b: Named, needed: set[Label]) -> Named:
    """Multiply two operands and sum over their shared labels that are not needed, as a product of matrices."""
    a = _sum_out(_without_stretched(a, b), needed | set(b.labels))
    b = _sum_out(_without_stretched(b, a), needed | set(a.labels))
    shared = [label for label in a.labels if label in b.labels]
    batch = [label for label in shared if label in needed]
    inner = [label for label in shared if label not in needed]
    rows = [label for label in a.labels if label not in shared]
    columns = [label for label in b.labels if label not in shared]
    sizes = {label: max(a.size(label), b.size(label)) for label in (*a.labels, *b.labels)}
    left, right = _arrange(a, (batch, rows, inner), sizes), _arrange(b, (batch, inner, columns), sizes)
    product = matmul(left, right) if inner else left * right
    labels = (*batch, *rows, *columns)
    return Named(_reshaped(product, tuple(sizes[label] for label in labels)), labels)


def _without_stretched(a: Named, b: Named) -> Named:
    """Drop from `a` the dimensions of size 1 that are stretched to fit `b`: they change nothing there."""
    kept = [not (label in b.labels and a.size(label) == 1 and b.size(label) != 1) for label in a.labels]
    shape = tuple(itertools.compress(a.tensor.shape, kept))
    return Named(_reshaped(a.tensor, shape), tuple(itertools.compress(a.labels, kept)))


def _arrange(named: Named, groups: Sequence[Sequence[Label]], sizes: dict[Label, int]) -> Tensor:
    """Return the tensor with one dimension for each group of labels."""
    order = tuple(named.labels.index(label) for group in groups for label in group)
    shape = tuple(math.prod(sizes[label] for label in group) for group in groups)
    return _reshaped(_permuted(named.tensor, order), shape)


def _permuted(x: Tensor, dims: Shape) -> Tensor:
    return x if dims == tuple(range(x.ndim)) else movement.permute(x, dims=dims)


def _reshaped(x: Tensor, shape: Shape) -> Tensor:
    return x if shape == x.shape else movement.reshape(x, shape=shape)


def tensordot(a: Tensor, b: Tensor, dims: int | Sequence[Sequence[int]] = 2) -> Tensor:
    """Return the sums of products over chosen dimensions of two tensors.

    Args:
        a: any tensor.
        b: any tensor.
        dims: how many of the last dimensions of `a` are paired with as many of the first of `b`, or two
            lists: the dimensions of `a` and those of `b` to pair.

    Returns:
        the other dimensions of `a`, then those of `b`.

    Raises:
        RuntimeError: if the paired dimensions differ in number or in size.
    """
    check_same_type("tensordot", a, b)
    if isinstance(dims, int):
        if not 0 <= dims <= min(a.ndim, b.ndim):
            raise RuntimeError(f"tensordot: dims must be in 0 to {min(a.ndim, b.ndim)}, got {dims}")
        dims = (range(a.ndim - dims, a.ndim), range(dims))
    first, second = ([dim % max(tensor.ndim, 1) for dim in pair] for tensor, pair in zip((a, b), dims))
    if len(first) != len(second):
        raise RuntimeError(f"tensordot pairs as many dimensions of both tensors, got {dims}")
    names: dict[int, Label] = dict(zip(second, [f"a{dim}" for dim in first]))
    left = Named(a, tuple(f"a{dim}" for dim in range(a.ndim)))
    right = Named(b, tuple(names.get(dim, f"b{dim}") for dim in range(b.ndim)))
    wanted = tuple(label for label in (*left.labels, *right.labels) if label not in names.values())
    _check_sizes([left, right])
    return _contract([left, right], wanted)
