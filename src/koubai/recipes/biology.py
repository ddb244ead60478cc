"""The recipe "biology": what class a DNA sequence is of, and which letters say so."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

import koubai
from koubai import nn
from koubai.data import Sequences, TensorDataset, planted_motif, sequences_from_csv
from koubai.data.sequences import LETTERS, encode, one_hot
from koubai.data.split import stratified_indices
from koubai.engine.tensor import Tensor
from koubai.i18n import N_, _
from koubai.recipes.classes import confusion, likeliest
from koubai.recipes.exhibit import Bars, Exhibit, HeatMap, Table
from koubai.recipes.outcome import Outcome
from koubai.recipes.predictor import AnswerOptions, Predictor
from koubai.recipes.recipe import Recipe
from koubai.recipes.settings import Settings
from koubai.recipes.task import Task

_WORD = 4  # letters whose counts the baseline knows
_NEAR = 2  # letters by which a place may be missed and still be called found


class BiologySettings(Settings):
    """Settings of a network for sequences."""

    file: Annotated[Path, AfterValidator(Path.absolute)] | None = Field(
        None,
        description=N_("your own sequences: a CSV file with the columns sequence and label"),
        json_schema_extra={"unset": N_("made-up sequences with a hidden motif")},
    )
    motif: str = Field("TATAAAAG", description=N_("what is hidden in the made-up sequences"))
    filters: int = Field(32, ge=1, description=N_("patterns that the network looks for"))
    width: int = Field(12, ge=3, description=N_("letters that a pattern spans"))
    dropout: float = Field(
        0.2, ge=0, lt=1, description=N_("share of patterns left out at random while training")
    )


class MotifNet(nn.Module):
    """Patterns slide over the sequence, and what counts is how well each fits anywhere (Alipanahi et al. 2015).

    Args:
        filters: patterns.
        width: letters that each spans.
        classes: to tell apart.
        dropout: before the last layer.

    Shape:
        letters (N, 4, length), output (N, classes).
    """

    def __init__(self, filters: int, width: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.patterns = nn.Conv1d(4, filters, width, padding=width // 2)
        self.dropout, self.hidden = nn.Dropout(dropout), nn.Linear(filters, filters)
        self.head = nn.Linear(filters, classes)
        nn.init.match_activations(nn.Sequential(self.patterns, nn.ReLU(), self.hidden, nn.ReLU(), self.head))

    def forward(self, letters: Tensor) -> Tensor:
        """The scores of the classes."""
        best = self.patterns(letters).relu().amax(dim=2)  # (N, filters)
        return self.head(self.hidden(self.dropout(best)).relu())  # type: ignore[no-any-return]


class SequencePredictor(Predictor):
    """Answers for a sequence, and marks the letters that speak for the answer.

    Attributes:
        class_names: of the classes.
        length: letters of the sequences it was trained on.
    """

    class_names: tuple[str, ...]
    length: int

    def answer(self, model: nn.Module, source: str, options: AnswerOptions) -> tuple[Exhibit, ...]:
        """The classes with their probabilities, then the weight of each letter; shorter sequences may do."""
        path = Path(source)
        text = path.read_text("utf-8") if path.suffix in (".txt", ".fa", ".fasta") else source
        lines = [line for line in text.splitlines() if not line.startswith(">")]
        codes = encode("".join(lines))
        if len(codes) > self.length:
            problem = _("The sequence has {count} letters; this run takes up to {length}.")
            raise ValueError(problem.format(count=len(codes), length=self.length))
        padded = np.pad(codes, (0, self.length - len(codes)), constant_values=-1)[None]
        chances, weights = explained(model, one_hot(padded))
        return Table(rows=tuple(likeliest(self.class_names, chances[0]))), _heaviest(
            codes, weights[0, : len(codes)]
        )


def _heaviest(codes: NDArray[np.int64], weights: NDArray[Any], width: int = 8) -> Bars:
    """The letters of the window that counts most, each with its weight."""
    place = int(_windows(weights, min(width, len(codes))).argmax())
    window = range(place, min(place + width, len(codes)))
    names = tuple(f"{k + 1} {(LETTERS + 'N')[codes[k]]}" for k in window)
    return Bars(title=N_("The letters that count most"), names=names, values=weights[list(window)])


def explained(model: nn.Module, inputs: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Probabilities (N, classes), and each letter's gradient times input for the likeliest class (N, length)."""
    model.eval()
    letters = koubai.from_numpy(inputs).requires_grad_()
    scores = model(letters)
    chances = np.asarray(nn.functional.softmax(scores.detach(), dim=1).numpy())
    likeliest = koubai.from_numpy(chances.argmax(axis=1))
    (found,) = koubai.autograd.grad(scores.gather(1, likeliest.unsqueeze(1)).sum(), [letters])
    gradient = np.asarray(found.numpy()) if found is not None else np.zeros_like(inputs)
    centred = gradient - gradient.mean(axis=1, keepdims=True)  # against any other letter
    return chances, np.asarray((centred * inputs).sum(axis=1))


def biology_task(settings: BiologySettings) -> Task:
    """Sequences in three parts; classes keep their shares."""
    data = (
        planted_motif(motif=settings.motif.upper())
        if settings.file is None
        else sequences_from_csv(settings.file)
    )
    generator = koubai.Generator().manual_seed(settings.seed)
    train, validation, test = stratified_indices(data.labels, [0.7, 0.1, 0.2], generator)
    predictor = SequencePredictor(class_names=data.class_names, length=data.codes.shape[1])
    return Task(
        train=_part(data, train),
        validation=_part(data, validation),
        test=_part(data, test),
        loss=nn.CrossEntropyLoss(),
        judge=partial(_judged, data, train, test),
        predictor=predictor,
        headline="accuracy",
        metrics=("accuracy",),
    )


def biology_model(settings: BiologySettings, predictor: SequencePredictor) -> MotifNet:
    """The network that the settings ask for."""
    return MotifNet(settings.filters, settings.width, len(predictor.class_names), settings.dropout)


def _part(data: Sequences, rows: NDArray[Any]) -> TensorDataset:
    return TensorDataset(one_hot(data.codes[rows]), data.labels[rows])


def _judged(
    data: Sequences, train: NDArray[Any], test: NDArray[Any], model: nn.Module, part: TensorDataset
) -> Outcome:
    """Beside naive Bayes on counts of short words; where a motif was planted, whether it was found."""
    inputs, truth = (np.asarray(tensor.numpy()) for tensor in part.tensors)
    chances, weights = explained(model, inputs)
    predicted = chances.argmax(axis=1)
    guessed = _naive_bayes(_counts(data.codes[train]), data.labels[train], _counts(inputs.argmax(axis=1)))
    metrics = {"accuracy": float((predicted == truth).mean())}
    exhibits: list[Exhibit] = [confusion(data.class_names, truth, predicted)]
    if data.motif:
        found, motif = _motif(inputs, weights, (truth == 1) & (predicted == 1), len(data.motif))
        metrics |= {"motif_letters": _agreement(motif, data.motif)}
        exhibits += [_logo(motif, data.motif), _examples(inputs, found, (truth == 1) & (predicted == 1))]
    return Outcome(
        headline="accuracy",
        metrics=metrics,
        baseline={"accuracy": float((guessed == truth).mean())},
        baseline_name=N_("naive Bayes on counts of four letters"),
        samples=len(truth),
        exhibits=tuple(exhibits),
        answers={"truth": truth, "predicted": predicted, "weights": weights},
    )


def _counts(codes: NDArray[np.int64]) -> NDArray[np.float64]:
    """How often each word of four letters occurs (N, 256)."""
    known = np.maximum(codes, 0)
    words = sum(known[:, k : known.shape[1] - _WORD + 1 + k] * 4 ** (_WORD - 1 - k) for k in range(_WORD))
    counts = np.zeros((len(codes), 4**_WORD))
    np.add.at(counts, (np.arange(len(codes))[:, None], words), 1)
    return counts


def _naive_bayes(known: NDArray[Any], labels: NDArray[Any], asked: NDArray[Any]) -> NDArray[np.int64]:
    sums = np.stack([known[labels == k].sum(axis=0) + 1 for k in range(labels.max() + 1)])  # (classes, words)
    prior = np.log(np.bincount(labels) / len(labels))
    return np.asarray((asked @ np.log(sums / sums.sum(axis=1, keepdims=True)).T + prior).argmax(axis=1))


def _windows(weights: NDArray[Any], width: int) -> NDArray[Any]:
    """Sums over all windows of a row, or of rows (…, length - width + 1)."""
    return np.asarray(np.lib.stride_tricks.sliding_window_view(weights, width, axis=-1).sum(axis=-1))


def _motif(
    inputs: NDArray[Any], weights: NDArray[Any], chosen: NDArray[np.bool_], width: int
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Where the heaviest window of each sequence lies (N,), and how often each letter stands there (4, width)."""
    places = _windows(weights, width).argmax(axis=1)
    columns = places[chosen, None] + np.arange(width)
    letters = inputs[chosen][np.arange(int(chosen.sum()))[:, None], :, columns]  # (n, width, 4)
    return places, letters.mean(axis=0).T if len(letters) else np.full((4, width), 0.25)


def _consensus(motif: NDArray[Any]) -> str:
    return "".join(LETTERS[k] for k in motif.argmax(axis=0))


def _agreement(motif: NDArray[Any], planted: str) -> float:
    """The share of the planted letters that are the most frequent, with the best shift of a few letters."""
    found = _consensus(motif)
    shifts = range(-_NEAR, _NEAR + 1)
    same = (sum(a == b for a, b in zip(planted[max(s, 0) :], found[max(-s, 0) :])) for s in shifts)
    return max(same) / len(planted)


def _logo(motif: NDArray[Any], planted: str) -> HeatMap:
    return HeatMap(
        title=N_("The motif that it found"),
        values=motif,
        rows=tuple(LETTERS),
        columns=tuple(_consensus(motif)),
        note=_("Planted: {motif}. Found: {found}.").format(motif=planted, found=_consensus(motif)),
    )


def _examples(inputs: NDArray[Any], places: NDArray[Any], chosen: NDArray[np.bool_]) -> Table:
    """Where the letters lie that speak for the motif, in some sequences."""
    rows = []
    for k in np.flatnonzero(chosen)[:10]:
        text = "".join(LETTERS[code] for code in inputs[k].argmax(axis=0))
        start = max(0, int(places[k]) - 12)
        rows.append((int(places[k]) + 1, text[start : start + 40]))
    header = (N_("place"), N_("sequence around it"))
    return Table(title=N_("Where it looks"), header=header, rows=tuple(rows))


BIOLOGY = Recipe(
    "biology",
    N_("DNA with a hidden motif, found by gradients; or your own sequences"),
    biology_task,
    biology_model,
    SequencePredictor,
    BiologySettings,
    {"epochs": 20, "lr": 0.003, "weight_decay": 1e-4},
)
