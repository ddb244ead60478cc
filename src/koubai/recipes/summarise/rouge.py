"""How near headlines come to a reference, by Google's rouge-score, an extra."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from koubai.i18n import _

__all__ = ["METRICS", "require_rouge", "rouge"]

METRICS = {"rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L"}


def require_rouge() -> None:
    """See that rouge-score is there, before a training that will be judged by it.

    Raises:
        ImportError: with what to install.
    """
    _scorer()


def rouge(headlines: Sequence[str], references: Sequence[str]) -> dict[str, list[float]]:
    """F1 of ROUGE-1, ROUGE-2 and ROUGE-L (Lin 2004) of each headline, 0 to 100.

    Args:
        headlines: tokens joined by spaces, compared as they are.
        references: likewise.
    """
    pairs = [_scorer().score(reference, own) for own, reference in zip(headlines, references)]
    return {name: [100 * float(pair[name].fmeasure) for pair in pairs] for name in METRICS}


class _Spaces:
    """Cuts at spaces: rouge-score's own tokenizer knows Latin letters only."""

    def tokenize(self, text: str) -> list[str]:
        return text.split()


@functools.cache
def _scorer() -> Any:
    try:
        from rouge_score.rouge_scorer import RougeScorer
    except ImportError as error:
        problem = _("Headlines are judged by rouge-score, which is not installed: {command}")
        raise ImportError(problem.format(command="pip install 'koubai[text]'")) from error
    return RougeScorer(list(METRICS), tokenizer=_Spaces())
