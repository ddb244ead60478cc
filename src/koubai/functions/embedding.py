"""Tables of vectors that are looked up by number."""

from __future__ import annotations

from koubai.engine.function import composite
from koubai.engine.tensor import Tensor
from koubai.functions.gathering import checked_index
from koubai.ops import elementwise, movement
from koubai.ops import gather as ops
from koubai.ops.op import ShapeError, Symbol

__all__ = ["embedding"]


def embedding(
    weight: Tensor,
    indices: Tensor,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Return the rows of a table.

    Args:
        weight: the table, (number of rows, width).
        indices: integers of any shape (*).
        padding_idx: a row that gets no gradient; -1 for none.
        scale_grad_by_freq: divide the gradient of each row by how often it was looked up.
        sparse: without effect; PyTorch has it.

    Returns:
        (*, width).

    Raises:
        IndexError: if an index is out of range.

    The table comes first, as in `torch.embedding`; `nn.functional.embedding` has the indices first.
    """
    if weight.ndim != 2:
        raise ShapeError(f"embedding: the table must have the shape (rows, width), not {list(weight.shape)}")
    places = checked_index(indices, weight.shape[0], 0, "embedding")
    return _rows(weight, places, padding=padding_idx, by_frequency=scale_grad_by_freq)


def _rows_gradient(
    g: Tensor, weight_like: Symbol, places: Tensor, padding: int, by_frequency: bool
) -> list[Tensor | None]:
    """Add up the gradients of each row, but 0 for the padding row."""
    zero = g.new_zeros(())
    if padding >= 0:
        g = elementwise.where((places == padding).unsqueeze(-1), zero, g)
    if by_frequency:
        counts = ops.index_add(zero.expand(weight_like.shape[0]), places, g.new_ones(()), dim=0)
        g = g / ops.index(counts, places, dim=0).unsqueeze(-1)
    return [ops.index_add(movement.expand(zero, shape=weight_like.shape), places, g, dim=0), None]


@composite(_rows_gradient)
def _rows(weight: Tensor, places: Tensor, *, padding: int, by_frequency: bool) -> Tensor:
    return ops.index(weight, places, dim=0)  # type: ignore[no-any-return]
