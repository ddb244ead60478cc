"""The recipe "text-classify": who wrote a text, what it is about, or whether it is for or against; and what tells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

import koubai
from koubai import nn
from koubai.data import (
    LabelledTexts,
    RandomDeletion,
    RandomSwap,
    TensorDataset,
    ag_news,
    imdb,
    language_identification,
    name_origins,
    texts_from_csv,
)
from koubai.data.text import TextTransform
from koubai.i18n import N_, _
from koubai.models import Neighbours, SelfAttention, TextClassifier
from koubai.recipes.characters import given_text
from koubai.recipes.classes import confusion, likeliest
from koubai.recipes.exhibit import Bars, Exhibit, Table, Texts
from koubai.recipes.measuring import measured
from koubai.recipes.outcome import Outcome
from koubai.recipes.predictor import AnswerOptions, Predictor
from koubai.recipes.recipe import Recipe
from koubai.recipes.settings import Settings
from koubai.recipes.task import Task
from koubai.recipes.tokens import TOKENIZERS, ChangedTokens, Cut, TextCoder

_BATCH = 256  # texts per forward pass
_METRICS = ("accuracy", "f1")
_LOADERS: dict[str, Callable[[], LabelledTexts]] = {
    "languages": language_identification,
    "names": name_origins,
    "ag-news": ag_news,
    "imdb": imdb,
}
_SPELT = ("languages", "names")  # data whose characters tell
_SHOWN = 12  # worst texts, and pieces of a class
_GRAMS = 3  # characters in a row that the baseline counts
_HEAVY = 2.0  # times the mean weight, above which a token is marked

Answers = dict[str, NDArray[Any]]


class TextClassifySettings(Settings):
    """Settings of a classifier of texts."""

    data: Literal["languages", "names", "ag-news", "imdb"] = Field(
        "languages",
        description=N_(
            "who wrote a snippet, where a surname is from, the topic of news, or opinions of films"
        ),
    )
    file: Annotated[Path, AfterValidator(Path.absolute)] | None = Field(
        None,
        description=N_("your own texts: a CSV file with a column of texts and one of classes"),
        json_schema_extra={"unset": N_("none")},
    )
    text_column: str = Field("text", description=N_("the column of the texts"))
    target_column: str = Field("label", description=N_("the column of the classes"))
    tokens: Cut | None = Field(
        None,
        description=N_("cut texts into words, or into characters as for Japanese"),
        json_schema_extra={"unset": N_("characters for languages and names, else words")},
    )
    length: int = Field(128, ge=1, description=N_("tokens that are read; the rest of a longer text is not"))
    vocabulary: int = Field(20_000, ge=1, description=N_("how many tokens it knows, at most"))
    model: Literal["attention", "transformer"] = Field(
        "attention",
        description=N_("tokens with their neighbours, or a Transformer's encoder; attention pools both"),
    )
    features: int = Field(64, ge=4, description=N_("numbers that describe a token"))
    runs: int = Field(
        4, ge=1, description=N_("tokens of the longest run that has a vector of its own, as in fastText")
    )
    width: int = Field(5, ge=1, description=N_("tokens read together by the model attention, an odd number"))
    heads: int = Field(
        4, ge=1, description=N_("attention heads of the transformer; features is a multiple of it")
    )
    layers: int = Field(2, ge=1, description=N_("layers of the transformer"))
    dropout: float = Field(
        0.5, ge=0, lt=1, description=N_("share of numbers left out at random while training")
    )
    deletion: float = Field(
        0.05, ge=0, lt=1, description=N_("share of tokens left out at random while training, as augmentation")
    )
    swaps: int = Field(0, ge=0, description=N_("pairs of tokens that change places while training"))


class TextClassPredictor(Predictor):
    """Answers for a sentence or a .txt file.

    Attributes:
        class_names: of the classes.
        coder: makes rows of tokens.
    """

    baseline: ClassVar[float] = 0.0
    continues: ClassVar[bool] = False

    class_names: tuple[str, ...]
    coder: TextCoder

    @property
    def output_names(self) -> tuple[str, ...]:
        """The classes."""
        return self.class_names

    def model_inputs(self, source: str) -> NDArray[np.int64]:
        """The tokens of a sentence or a .txt file, as a row of numbers (1, T)."""
        text = given_text(source)
        if not self.coder.known(text):
            raise ValueError(_("The model knows no word or character of this text."))
        return self.coder.ids([text])

    def as_given(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """The numbers themselves: a text has no scale."""
        return inputs

    def part_names(self, inputs: NDArray[Any]) -> list[list[str]]:
        """The tokens of each row; those of padding are empty."""
        rows = map(self.coder.row, inputs)
        return [[*row, *[""] * (inputs.shape[1] - len(row))] for row in rows]

    def answer(self, model: TextClassifier, source: str, options: AnswerOptions) -> tuple[Table, Bars]:  # type: ignore[override]
        """The classes with their probabilities, and the tokens that counted most."""
        ids = self.model_inputs(source)
        chances, weights = self.attended(model, ids)
        rows = tuple(likeliest(self.class_names, chances[0], len(self.class_names)))
        return Table(rows=rows), self._heaviest(ids[0], weights[0])

    def _heaviest(self, ids: NDArray[np.int64], weights: NDArray[Any], count: int = 10) -> Bars:
        """The tokens that counted most, in the order of the text."""
        row = self.coder.row(ids)
        places = np.sort(np.argsort(-weights[: len(row)], kind="stable")[:count])
        names = tuple(f"{place + 1} {row[place].replace(' ', '␣')}" for place in places)
        return Bars(title=N_("The tokens that count most"), names=names, values=weights[places])

    def attended(self, model: TextClassifier, ids: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Probabilities (N, classes), and how much each token counts (N, T)."""
        model.eval()
        parts = []
        with koubai.no_grad():
            for start in range(0, len(ids), _BATCH):
                scores, weights = model.attended(koubai.from_numpy(ids[start : start + _BATCH]))
                parts.append((scores.softmax(dim=1).numpy(), weights.numpy()))
        chances, weighed = zip(*parts)
        return np.concatenate(chances), np.concatenate(weighed)


def text_classify_task(settings: TextClassifySettings) -> Task:
    """Texts in three parts, as rows of tokens of the training texts' vocabulary."""
    data = _load(settings)
    spelt = settings.file is None and settings.data in _SPELT
    cut = settings.tokens or ("characters" if spelt else "words")
    rows = data.parts(settings.seed)
    texts = {name: [data.texts[k] for k in own] for name, own in rows.items()}
    coder = TextCoder.of(texts["train"], cut, settings.vocabulary, settings.length)
    parts: dict[str, Any] = {
        name: TensorDataset(coder.ids(texts[name]), data.labels[rows[name]]) for name in rows
    }
    predictor = TextClassPredictor(class_names=data.class_names, coder=coder)
    return Task(
        **parts,
        loss=nn.CrossEntropyLoss(),
        judge=partial(_judged, predictor, parts["train"], texts["test"]),
        predictor=predictor,
        headline="accuracy",
        metrics=("accuracy",),
        augment=_augmentation(settings, coder),
    )


def _augmentation(settings: TextClassifySettings, coder: TextCoder) -> ChangedTokens | None:
    changes: list[TextTransform] = []
    if settings.deletion:
        changes.append(RandomDeletion(settings.deletion))
    if settings.swaps:
        changes.append(RandomSwap(settings.swaps))
    return ChangedTokens(coder, changes) if changes else None


def text_classify_model(settings: TextClassifySettings, predictor: TextClassPredictor) -> TextClassifier:
    """The model that the settings ask for."""
    features, coder = settings.features, predictor.coder
    if settings.model == "attention" and settings.width % 2 == 0:
        raise ValueError(_("width has to be odd, but it is {width}").format(width=settings.width))
    reader: nn.Module = (
        Neighbours(features, settings.width)
        if settings.model == "attention"
        else SelfAttention(features, settings.heads, settings.layers, coder.length, settings.dropout)
    )
    classes = len(predictor.class_names)
    return TextClassifier(len(coder.tokens), reader, features, classes, settings.dropout, settings.runs)


def _load(settings: TextClassifySettings) -> LabelledTexts:
    if settings.file is not None:
        return texts_from_csv(settings.file, settings.text_column, settings.target_column)
    return _LOADERS[settings.data]()


def _judged(
    predictor: TextClassPredictor,
    train: TensorDataset,
    texts: list[str],
    model: TextClassifier,
    test: TensorDataset,
) -> Outcome:
    """Beside a logistic regression on how often each token occurs, which knows nothing of their order."""
    ids, truth = (np.asarray(tensor.numpy()) for tensor in test.tensors)
    chances, weights = predictor.attended(model, ids)
    name, counted = _by_counts(train, ids, predictor)
    answers = {"truth": truth, "predicted": chances.argmax(axis=1), "certainty": chances.max(axis=1)}
    whole = dict(zip((row.tobytes() for row in predictor.coder.ids(texts)), texts))
    shown = [whole[row.tobytes()] for row in ids]
    return Outcome(
        headline="accuracy",
        metrics=measured(_METRICS, chances, truth),
        baseline=measured(_METRICS, counted, truth),
        baseline_name=name,
        samples=len(truth),
        exhibits=(
            confusion(predictor.class_names, answers["truth"], answers["predicted"]),
            _by_length(ids, truth, answers["predicted"], counted.argmax(axis=1)),
            _pieces(predictor, ids, weights, answers),
            _looked(predictor, ids, weights, answers),
            *_worst(predictor, shown, chances, answers),
        ),
        answers=answers,
    )


def _by_counts(
    train: TensorDataset, ids: NDArray[np.int64], predictor: TextClassPredictor
) -> tuple[str, NDArray[Any]]:
    """Probabilities (N, classes) by counting tokens; without scikit-learn, the classes' shares."""
    known, labels = (np.asarray(tensor.numpy()) for tensor in train.tensors)
    chances = np.zeros((len(ids), len(predictor.class_names)))
    try:
        from sklearn.feature_extraction.text import CountVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
    except ImportError:
        chances[:] = np.bincount(labels, minlength=chances.shape[1]) / len(labels)
        return N_("always answering the most frequent class"), chances
    spelt = predictor.coder.cut == "characters"
    counting = CountVectorizer(analyzer=partial(_grams, predictor.coder, _GRAMS if spelt else 1))
    fitted = make_pipeline(counting, LogisticRegression(max_iter=2000)).fit(known, labels)
    chances[:, fitted.classes_] = fitted.predict_proba(ids)
    if spelt:
        return N_("logistic regression on counts of up to three characters in a row"), chances
    return N_("logistic regression on counts of the words"), chances


def _grams(coder: TextCoder, most: int, ids: NDArray[np.int64]) -> list[str]:
    """The tokens of a row, and all runs of up to `most` of them."""
    row = coder.row(ids)
    return [
        "".join(row[start : start + count])
        for count in range(1, most + 1)
        for start in range(len(row) - count + 1)
    ]


def _by_length(
    ids: NDArray[Any], truth: NDArray[Any], predicted: NDArray[Any], counted: NDArray[Any]
) -> Table:
    """Accuracy of the shortest quarter of the texts, of the next, and so on."""
    lengths = (ids > 0).sum(axis=1)
    bounds = np.unique(np.quantile(lengths, [0, 0.25, 0.5, 0.75, 1]).astype(int))
    bounds[-1] += 1
    rows: list[tuple[str | int | float, ...]] = []
    for low, high in pairwise(bounds.tolist()):
        own = (low <= lengths) & (lengths < high)
        right = ((answer[own] == truth[own]).mean() for answer in (predicted, counted))
        shares = tuple(f"{100 * share:.1f} %" for share in right)
        rows.append((f"{low}–{high - 1}", int(own.sum()), *shares))
    header = (N_("tokens"), N_("samples"), N_("accuracy"), N_("accuracy by counting"))
    return Table(title=N_("Accuracy by length"), header=header, rows=tuple(rows))


def _pieces(
    predictor: TextClassPredictor, ids: NDArray[Any], weights: NDArray[Any], answers: Answers
) -> Table:
    """For each class what got most weight where the answer was right, and little in other classes."""
    found: list[Counter[str]] = [Counter() for _name in predictor.class_names]
    for row, worth, true, told in zip(ids, weights, answers["truth"], answers["predicted"]):
        if true == told:
            for piece, weight in zip(_around(predictor.coder, row), worth.tolist()):
                found[true][piece] += weight
    everywhere = sum(found, Counter[str]())
    rows = []
    for name, own in zip(predictor.class_names, found):
        best = sorted(own, key=lambda piece: (-(own[piece] ** 2) / everywhere[piece], piece))[:_SHOWN]
        rows.append((name, "  ".join(best)))
    return Table(title=N_("What it looks at"), header=(N_("class"), N_("what counts most")), rows=tuple(rows))


def _around(coder: TextCoder, ids: NDArray[Any]) -> list[str]:
    """Each word of a row; each character with those beside it, for one says little."""
    row = [token.replace(" ", "␣") for token in coder.row(ids)]
    if coder.cut == "words":
        return row
    return ["".join(row[max(place - 1, 0) : place + 2]) for place in range(len(row))]


def _looked(
    predictor: TextClassPredictor, ids: NDArray[Any], weights: NDArray[Any], answers: Answers
) -> Texts:
    """The first right answers of each class, with the tokens that counted in brackets."""
    passages = []
    for number, name in enumerate(predictor.class_names):
        right = np.flatnonzero((answers["truth"] == number) & (answers["predicted"] == number))[:2]
        passages += [
            (f"{name}, {100 * answers['certainty'][k]:.0f} %", _marked(predictor.coder, ids[k], weights[k]))
            for k in right
        ]
    note = N_("Brackets hold the tokens that counted more than twice as much as the mean.")
    return Texts(title=N_("Where it looks"), passages=tuple(passages), note=note)


def _marked(coder: TextCoder, ids: NDArray[Any], weights: NDArray[Any]) -> str:
    row = coder.row(ids)
    heavy = weights[: len(row)] > _HEAVY / len(row)
    tokens = [f"【{token}】" if yes else token for token, yes in zip(row, heavy)]
    joined = TOKENIZERS[coder.cut].join(tokens)
    return joined.replace("】【", "").replace("】 【", " ")


def _worst(
    predictor: TextClassPredictor, texts: list[str], chances: NDArray[Any], answers: Answers
) -> list[Exhibit]:
    """The wrong answers with the least belief in the truth, worst first."""
    truth, predicted, names = answers["truth"], answers["predicted"], predictor.class_names
    belief = chances[np.arange(len(truth)), truth]
    wrong = np.flatnonzero(predicted != truth)
    worst = wrong[np.argsort(belief[wrong], kind="stable")][:_SHOWN]
    told = _("true {true}, predicted {predicted}, {certainty:.1f} %")
    passages = tuple(
        (
            told.format(
                true=names[truth[k]], predicted=names[predicted[k]], certainty=100 * chances[k].max()
            ),
            texts[k],
        )
        for k in worst
    )
    return [Texts(title=N_("Samples it got most wrong"), passages=passages)] if passages else []


TEXT_CLASSIFY = Recipe(
    "text-classify",
    N_("who wrote a snippet, where a surname is from, news, opinions, or your own texts"),
    text_classify_task,
    text_classify_model,
    TextClassPredictor,
    TextClassifySettings,
    {"epochs": 8, "lr": 0.005, "weight_decay": 1e-4, "schedule": "cosine"},
)
