"""The report's view of what went wrong on the test part: the confusion matrix and the most wrong samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from koubai.i18n import _
from koubai.recipes.outcome import Outcome
from koubai.report.html import Html, table, tag
from koubai.report.pictures import data_uri, looks_like_picture, png

LARGEST_MATRIX = 30
"""With more classes than this the most frequent confusions are listed instead."""


def confusion_matrix(outcome: Outcome) -> Html:
    """True classes as rows, predicted classes as columns; each row shaded by its shares."""
    counts = outcome.confusion()
    if len(counts) > LARGEST_MATRIX:
        return most_confused(outcome)
    names = outcome.class_names
    head = tag("tr", tag("th"), (tag("th", name, scope="col") for name in names))
    rows = (
        tag("tr", tag("th", name, scope="row"), (_cell(row, i, j) for j in range(len(names))))
        for i, (name, row) in enumerate(zip(names, counts, strict=True))
    )
    grid = tag("table", tag("thead", head), tag("tbody", rows), class_="confusion")
    note = tag("p", _("Rows: true class. Columns: predicted class."), class_="soft")
    return tag("div", tag("div", grid, class_="scroll"), note, class_="card")


def most_confused(outcome: Outcome, limit: int = 15) -> Html:
    """The pairs of classes that were mistaken for each other most often."""
    counts = outcome.confusion()
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[:limit]
    pairs = [(int(i), int(j)) for i, j in zip(*np.unravel_index(order, counts.shape), strict=True)]
    names = outcome.class_names
    rows = ((names[i], names[j], counts[i, j]) for i, j in pairs if counts[i, j])
    return tag("div", table([_("true"), _("predicted"), _("samples")], rows), class_="card")


def worst_samples(outcome: Outcome) -> Html:
    """The most wrong samples: as pictures where the inputs are pictures, else as a table."""
    inputs = outcome.worst_inputs
    if looks_like_picture(inputs.shape[1:]):
        return tag("div", (_figure(outcome, k) for k in range(len(inputs))), class_="samples")
    return tag("div", _sample_table(outcome), class_="card")


def _cell(row: NDArray[np.int64], true: int, predicted: int) -> Html:
    """One cell, shaded by the root of its share, so that one mistake in many is seen; dark cells get light figures."""
    count, shade = int(row[predicted]), (row[predicted] / max(row.sum(), 1)) ** 0.5
    kinds = ["right"] * (true == predicted) + ["strong"] * bool(shade > 0.7) + ["zero"] * (count == 0)
    return tag("td", count if count else "·", class_=" ".join(kinds) or None, style=f"--shade: {shade:.3f}")


def _figure(outcome: Outcome, k: int) -> Html:
    """One sample's picture with its true and predicted class."""
    true, predicted = _answers(outcome, k)
    picture = tag("img", src=data_uri(png(outcome.worst_inputs[k])), alt=f"{_('true')}: {true}")
    caption = (
        tag("div", _("true"), " ", tag("b", true)),
        tag("div", _("predicted"), " ", tag("b", predicted)),
        tag("div", _("certainty"), " ", _certainty(outcome, k), class_="soft"),
    )
    return tag("figure", picture, tag("figcaption", caption))


def _sample_table(outcome: Outcome) -> Html:
    """One row per sample: number, true and predicted answer, certainty, then the input columns."""
    classified = outcome.task == "classification"
    header = [_("sample"), _("true"), _("predicted"), *([_("certainty")] if classified else [])]
    rows = (_sample_row(outcome, k, classified) for k in range(len(outcome.worst)))
    return table([*header, *outcome.feature_names], rows, class_="numbers wide")


def _sample_row(outcome: Outcome, k: int, classified: bool) -> list[object]:
    """The input columns are shown only where they have names."""
    values = outcome.worst_inputs[k].ravel()[: len(outcome.feature_names)]
    certainty = [_certainty(outcome, k)] if classified else []
    return [
        int(outcome.worst[k]) + 1,
        *_answers(outcome, k),
        *certainty,
        *(f"{value:.4g}" for value in values),
    ]


def _answers(outcome: Outcome, k: int) -> tuple[str, str]:
    """The true and the predicted answer of the k-th worst sample, in words."""
    index = outcome.worst[k]
    true, predicted = outcome.truth[index], outcome.predicted[index]
    if outcome.task == "regression":
        return f"{true:.4g}", f"{predicted:.4g}"
    return outcome.class_names[true], outcome.class_names[predicted]


def _certainty(outcome: Outcome, k: int) -> str:
    return f"{100 * outcome.certainty[outcome.worst[k]]:.1f} %"
