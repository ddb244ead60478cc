"""How good translations are: BLEU beside what any model has to beat, the best and the worst, where the model looks."""

from __future__ import annotations

from collections.abc import Sequence

from koubai.data import TensorDataset
from koubai.i18n import N_, _
from koubai.models import Translator
from koubai.recipes.best_and_worst import best_and_worst
from koubai.recipes.exhibit import Table
from koubai.recipes.outcome import Outcome
from koubai.recipes.special_tokens import Words
from koubai.recipes.translation.bleu import scores, sentence_scores, signature
from koubai.recipes.translation.predictor import TranslationPredictor
from koubai.recipes.writing import SearchOptions

__all__ = ["Pairs", "judged"]

_MAPS = 4  # sentences whose attention is shown

Pairs = tuple[Sequence[Words], Sequence[Words]]
"""Sentences of the source, and their translations."""


def judged(
    predictor: TranslationPredictor, known: Pairs, pairs: Pairs, model: Translator, test: TensorDataset
) -> Outcome:
    """BLEU beside that of the source itself and of the most similar training sentence's translation."""
    model.eval()
    sources, references = pairs[0][: len(test)], [" ".join(words) for words in pairs[1][: len(test)]]
    found = predictor.translated(model, sources, SearchOptions())  # type: ignore[call-arg]
    own = [" ".join(predictor.words_of(best)) for best, *_others in found]
    answers = {
        N_("copying the source"): [" ".join(words) for words in sources],
        N_("the translation of the most similar training sentence"): _most_similar(known, sources),
        N_("this model"): own,
    }
    reached = {name: scores(translations, references) for name, translations in answers.items()}
    *baselines, model_name = reached
    listed = {
        N_("source"): answers[N_("copying the source")],
        N_("translation"): own,
        N_("reference"): references,
    }
    hardest = max(baselines, key=lambda name: reached[name]["bleu"])
    return Outcome(
        headline="bleu",
        metrics=reached[model_name],
        baseline=reached[hardest],
        baseline_name=hardest,
        samples=len(test),
        exhibits=(
            _reached(reached),
            best_and_worst(
                N_("Best and worst translations"), "chrF", sentence_scores(own, references), listed
            ),
            *(
                predictor.map_of(model, sources[place], found[place][0])
                for place in range(min(_MAPS, len(test)))
            ),
        ),
    )


def _most_similar(known: Pairs, sources: Sequence[Words]) -> list[str]:
    """The translations of the training sentences whose words are most like each source's, rare ones counting more."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    tfidf = TfidfVectorizer(analyzer=list)
    table = tfidf.fit_transform(known[0])  # (training sentences, words)
    nearest = (tfidf.transform(sources) @ table.T).tocsr()  # (N, training sentences)
    return [" ".join(known[1][int(row.argmax())]) for row in nearest]


def _reached(reached: dict[str, dict[str, float]]) -> Table:
    rows = ((_(name), f"{each['bleu']:.2f}", f"{each['chrf']:.2f}") for name, each in reached.items())
    return Table(
        title=N_("Translations of the test sentences, compared with the references"),
        header=(N_("what translates"), "BLEU", "chrF"),
        rows=tuple(rows),
        note=signature(),
    )
