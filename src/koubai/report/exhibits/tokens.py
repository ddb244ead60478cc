"""A text in HTML, with the colour of its weight behind each word."""

from __future__ import annotations

import numpy as np

from koubai.i18n import _
from koubai.recipes.exhibit import Tokens
from koubai.report.html import Html, tag


def coloured(exhibit: Tokens) -> Html:
    """The words in their order, and below them what the colours mean."""
    largest = float(np.abs(exhibit.weights).max(initial=0)) or 1.0
    words = (
        (_word(word, weight, abs(weight) / largest), " ")
        for word, weight in zip(exhibit.words, exhibit.weights.tolist(), strict=True)
    )
    negative = [_word(f"−{largest:.3g}", -largest, 1.0), " "] if exhibit.meanings[1] else []
    legend = tag(
        "p",
        *negative,
        tag("span", "0"),
        " ",
        _word(f"+{largest:.3g}", largest, 1.0),
        aria_label=_("What the colours mean"),
    )
    return tag("div", tag("p", words, class_="tokens"), legend, class_="card")


def _word(word: str, weight: float, share: float) -> Html:
    kind = "token cold" if weight < 0 else "token"
    return tag("span", word, class_=kind, style=f"--share: {share:.3f}", title=f"{weight:.4g}")
