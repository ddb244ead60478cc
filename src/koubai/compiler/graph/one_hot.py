"""One number put into each row of zeros, as the gradient of a loss puts one at each row's class.

It stands where the number of the column is the class: this is computed wherever an element is needed, while a scatter
needs memory full of zeros, which is as large as all of a language model's predictions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from koubai import dtypes
from koubai.compiler.graph.simplify import Rebuilder, Rule, is_zero
from koubai.ops.elementwise import add, cast, eq, where
from koubai.ops.gather import position
from koubai.ops.movement import reshape
from koubai.ops.op import Op, Symbol

MOST_COLUMNS = np.iinfo(np.int32).max  # which are compared in 32 bits, as many at once as numbers of float32


def _one_in_each_row(
    new: Rebuilder, op: Op, inputs: Sequence[Symbol], attributes: dict[str, Any]
) -> Symbol | None:
    """0 + value at (row, class) = value where the column is the row's class, and 0 elsewhere."""
    target, places, values = inputs
    found = _classes(new, places) if is_zero(new.graph, new.maker, target) else None
    if found is None or target.shape != (places.size * found[1],):
        return None
    classes, columns = found
    rows = places.size
    number = new.constant(np.arange(columns, dtype=np.int32))
    own = new.one(eq, [_column(new, new.one(cast, [classes], dtype=dtypes.int32), rows), number])
    zero = new.constant(np.zeros((), values.dtype))
    chosen = new.one(where, [own, _column(new, values, rows), zero])
    return new.one(reshape, [chosen], shape=target.shape)


def _classes(new: Rebuilder, places: Symbol) -> tuple[Symbol, int] | None:
    """Return (class of each row, number of columns) if places are one in each row of a matrix, row after row."""
    node = new.maker.get(places)
    if node is None or node.op is not add:
        return None
    classes, starts = node.inputs
    made, array = new.maker.get(classes), new.graph.constants.get(starts)
    if made is None or made.op is not position or array is None or classes.shape != starts.shape:
        return None
    columns = made.attributes["size"]
    follow = np.array_equal(array.reshape(-1), np.arange(classes.size) * columns)
    return (classes, columns) if follow and columns <= MOST_COLUMNS else None


def _column(new: Rebuilder, symbol: Symbol, rows: int) -> Symbol:
    return new.one(reshape, [symbol], shape=(rows, 1))


RULES: dict[str, Rule] = {"index_add": _one_in_each_row}
