"""How good headlines are: ROUGE beside the text's own beginning, the best and the worst, what was copied."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

import numpy as np

from koubai.data import Headlines, TensorDataset
from koubai.i18n import N_, _
from koubai.models import PointerGenerator
from koubai.recipes.beam_search import Hypothesis
from koubai.recipes.best_and_worst import best_and_worst
from koubai.recipes.exhibit import Exhibit, Table
from koubai.recipes.outcome import Outcome
from koubai.recipes.special_tokens import Words
from koubai.recipes.summarise.predictor import SummaryPredictor
from koubai.recipes.summarise.rouge import METRICS, rouge
from koubai.recipes.summarise.words import CUTS, ENDS, cut_text
from koubai.recipes.writing import SearchOptions

__all__ = ["judged"]

_SHOWN = 4  # headlines whose copied words are shown


def judged(
    predictor: SummaryPredictor, usual: int, articles: Headlines, model: PointerGenerator, test: TensorDataset
) -> Outcome:
    """ROUGE beside that of each text's first sentence, cut to the usual length of a headline.

    Args:
        predictor: of the model.
        usual: words of a headline.
        articles: to be judged by.
        model: to be judged.
        test: the same articles as numbers; a trial has fewer.
    """
    model.eval()
    articles = articles.first(len(test))
    texts = [predictor.words(text) for text in articles.texts]
    references = [cut_text(headline, predictor.cut) for headline in articles.headlines]
    found = [best for best, *_others in predictor.headlines(model, texts, SearchOptions())]  # type: ignore[call-arg]
    own = [predictor.headline(words, one) for words, one in zip(texts, found)]
    lead = [_lead(words, usual) for words in texts]
    scores = _compared(own, references)
    reached, baseline = (
        {name: float(np.mean(values)) for name, values in each.items()}
        for each in (scores, _compared(lead, references))
    )
    rare = _rare(predictor, texts, references)
    reached["rare_words"], baseline["rare_words"] = (_recall(rare, told) for told in (own, lead))
    name = N_("the first sentence, cut to the length of a headline")
    return Outcome(
        headline="rougeL",
        metrics=reached,
        baseline=baseline,
        baseline_name=name,
        samples=len(test),
        exhibits=(
            _reached({name: baseline, N_("this model"): reached}),
            _listed(predictor, scores["rougeL"], articles, own),
            *_copied(predictor, model, texts, found),
        ),
    )


def _lead(words: Words, most: int) -> list[str]:
    return list(takewhile(lambda word: word not in ENDS, words))[:most]


def _compared(headlines: Sequence[Words], references: Sequence[Words]) -> dict[str, list[float]]:
    return rouge([" ".join(words) for words in headlines], [" ".join(words) for words in references])


def _rare(
    predictor: SummaryPredictor, texts: Sequence[Words], references: Sequence[Words]
) -> list[frozenset[str]]:
    """The words of each reference that are in its text, but not in the vocabulary."""
    return [
        frozenset(word for word in reference if word in text and word not in predictor.vocabulary)
        for text, reference in zip(texts, references)
    ]


def _recall(rare: Sequence[frozenset[str]], headlines: Sequence[Words]) -> float:
    found = sum(len(wanted.intersection(words)) for wanted, words in zip(rare, headlines))
    return found / max(1, sum(map(len, rare)))


def _reached(reached: dict[str, dict[str, float]]) -> Table:
    rows = (
        (_(name), *(f"{each[metric]:.1f}" for metric in METRICS), f"{100 * each['rare_words']:.1f} %")
        for name, each in reached.items()
    )
    return Table(
        title=N_("Headlines of the test texts, compared with the references"),
        header=(N_("who writes"), *METRICS.values(), N_("words outside the vocabulary")),
        rows=tuple(rows),
        note=N_(
            "Last column: of the references' words that only their text has, how many the headline has too."
        ),
    )


def _listed(
    predictor: SummaryPredictor, scores: Sequence[float], articles: Headlines, own: Sequence[list[str]]
) -> Table:
    columns = {
        N_("text"): articles.texts,
        N_("headline"): [CUTS[predictor.cut].join(words) for words in own],
        N_("reference headline"): articles.headlines,
    }
    return best_and_worst(N_("Best and worst headlines"), "ROUGE-L", scores, columns)


def _copied(
    predictor: SummaryPredictor, model: PointerGenerator, texts: Sequence[Words], found: Sequence[Hypothesis]
) -> list[Exhibit]:
    """Of the first headlines, what was copied, and from where."""
    return [
        exhibit
        for words, one in list(zip(texts, found))[:_SHOWN]
        if one.tokens
        for exhibit in predictor.copied(model, words, one)
    ]
