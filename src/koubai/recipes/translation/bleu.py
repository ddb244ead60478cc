"""How near translations come to a reference, by sacreBLEU, an extra."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from koubai.i18n import _

__all__ = ["require_sacrebleu", "scores", "sentence_scores", "signature"]

Sentences = Sequence[str]


def require_sacrebleu() -> None:
    """See that sacreBLEU is there, before a training that will be judged by it.

    Raises:
        ImportError: with what to install.
    """
    _metrics()


def scores(translations: Sentences, references: Sentences) -> dict[str, float]:
    """BLEU (Papineni et al. 2002) and chrF (Popović 2015) of all sentences together, 0 to 100.

    Args:
        translations: words joined by spaces, compared as they are.
        references: likewise.
    """
    return {name: float(m.corpus_score(translations, [references]).score) for name, m in _metrics().items()}


def sentence_scores(translations: Sentences, references: Sentences) -> list[float]:
    """chrF of each sentence, 0 to 100: BLEU says little of a single one."""
    chrf = _metrics()["chrf"]
    return [
        float(chrf.sentence_score(own, [reference]).score) for own, reference in zip(translations, references)
    ]


def signature() -> str:
    """How BLEU was computed, so that others can compute the same (Post 2018)."""
    bleu = _metrics()["bleu"]
    bleu.corpus_score(["a"], [["a"]])
    return str(bleu.get_signature())


@functools.cache
def _metrics() -> dict[str, Any]:
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ImportError as error:
        problem = _("Translations are judged by sacreBLEU, which is not installed: {command}")
        raise ImportError(problem.format(command="pip install 'koubai[text]'")) from error
    return {"bleu": BLEU(tokenize="none", force=True), "chrf": CHRF()}
