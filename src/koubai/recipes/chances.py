"""Whether probabilities of classes can be relied on: by how sure the model was, and by where the line is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from koubai.i18n import N_, _
from koubai.recipes.exhibit import Table

_EDGES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
_LINES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def calibration(chances: NDArray[Any], truth: NDArray[Any]) -> Table:
    """How often it was right when it was so sure (Guo et al. 2017).

    Args:
        chances: probabilities (N, classes).
        truth: classes (N,).
    """
    certainty, right = chances.max(axis=1), chances.argmax(axis=1) == truth
    bins = np.clip(np.searchsorted(_EDGES, certainty, side="right") - 1, 0, len(_EDGES) - 2)
    rows, off = [], 0.0
    for k in np.unique(bins).tolist():
        own = bins == k
        sure, hit = float(certainty[own].mean()), float(right[own].mean())
        off += abs(sure - hit) * float(own.mean())
        interval = f"{100 * _EDGES[k]:.0f}–{100 * _EDGES[k + 1]:.0f} %"
        rows.append((interval, int(own.sum()), f"{100 * sure:.1f} %", f"{100 * hit:.1f} %"))
    return Table(
        title=N_("How sure it was, and how often right"),
        header=(N_("certainty"), N_("samples"), N_("mean certainty"), N_("right")),
        rows=tuple(rows),
        note=_("Expected calibration error: {error:.1f} %.").format(error=100 * off),
    )


def thresholds(chances: NDArray[Any], truth: NDArray[Any], name: str) -> Table:
    """What becomes of the answers when a class is answered from another probability on than one half.

    Args:
        chances: probabilities of that class (N,).
        truth: whether it is that class (N,).
        name: of the class.
    """
    rows = []
    for line in _LINES:
        said = chances >= line
        hits = int((said & truth).sum())
        precision, recall = hits / max(1, int(said.sum())), hits / max(1, int(truth.sum()))
        f1 = 2 * hits / max(1, int(said.sum()) + int(truth.sum()))
        accuracy = float((said == truth).mean())
        shares = (float(said.mean()), precision, recall, accuracy)
        rows.append((f"{line:.1f}", *(f"{100 * share:.1f} %" for share in shares), f"{f1:.3f}"))
    header = (
        N_("threshold"),
        N_("answered"),
        N_("precision"),
        N_("recall"),
        N_("accuracy"),
        N_("F1 score"),
    )
    title = _("Answering {name} from which probability on").format(name=name)
    return Table(title=title, header=header, rows=tuple(rows))
