"""A confusion matrix in HTML; with many classes, the pairs that were confused most often."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from koubai.i18n import _
from koubai.recipes.exhibit import Confusion
from koubai.report.html import Html, table, tag

LARGEST_MATRIX = 30
"""With more classes than this the most frequent confusions are listed instead."""


def confusion_matrix(exhibit: Confusion) -> Html:
    """True classes as rows, predicted classes as columns; each row shaded by its shares."""
    counts, names = exhibit.counts, exhibit.names
    if len(counts) > LARGEST_MATRIX:
        return most_confused(exhibit)
    head = tag("tr", tag("th"), (tag("th", name, scope="col") for name in names))
    rows = (
        tag("tr", tag("th", name, scope="row"), (_cell(row, i, j) for j in range(len(names))))
        for i, (name, row) in enumerate(zip(names, counts, strict=True))
    )
    grid = tag("table", tag("thead", head), tag("tbody", rows), class_="confusion")
    note = tag("p", _("Rows: true class. Columns: predicted class."), class_="soft")
    return tag("div", tag("div", grid, class_="scroll"), note, class_="card")


def most_confused(exhibit: Confusion, limit: int = 15) -> Html:
    """The pairs of classes that were mistaken for each other most often."""
    counts, names = exhibit.counts.copy(), exhibit.names
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[:limit]
    pairs = [(int(i), int(j)) for i, j in zip(*np.unravel_index(order, counts.shape), strict=True)]
    rows = ((names[i], names[j], counts[i, j]) for i, j in pairs if counts[i, j])
    return tag("div", table([_("true"), _("predicted"), _("samples")], rows), class_="card")


def _cell(row: NDArray[np.int64], true: int, predicted: int) -> Html:
    """One cell, shaded by the root of its share, so that one mistake in many is seen; dark cells get light figures."""
    count, shade = int(row[predicted]), (row[predicted] / max(row.sum(), 1)) ** 0.5
    kinds = ["right"] * (true == predicted) + ["strong"] * bool(shade > 0.7) + ["zero"] * (count == 0)
    return tag("td", count if count else "·", class_=" ".join(kinds) or None, style=f"--shade: {shade:.3f}")
