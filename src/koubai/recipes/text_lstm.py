"""Learns how names are made, character by character, and makes new ones: an LSTM or a GRU."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

import koubai
from koubai.data import TensorDataset, Vocabulary, names
from koubai.i18n import N_, _
from koubai.models import CharacterRNN
from koubai.nn import CrossEntropyLoss
from koubai.recipes.characters import GRAMS, by_counting, in_units, losses, require_known, surprise, text_of
from koubai.recipes.exhibit import HeatMap, Lines, Table
from koubai.recipes.outcome import Outcome
from koubai.recipes.predictor import Predictor
from koubai.recipes.recipe import Recipe
from koubai.recipes.sampling import SamplingOptions, drawn
from koubai.recipes.settings import Settings
from koubai.recipes.task import Task

_EDGE = "\n"  # stands before a name and after it
_HELD_OUT = 0.1  # the share of the names that is for validation; as much again is for the test
_IGNORED = -100  # the target behind a name's end, which no loss counts
_ORDER = 4  # of the n-grams to beat
_MADE, _LISTED, _SPELT = (
    1000,
    16,
    10,
)  # names made to judge by, those listed, and test names shown letter by letter
_LONGEST = 40  # characters of a name that does not end


class NameSettings(Settings):
    """Settings of a recurrent network for words."""

    corpus: str = Field("names", description=N_("names, or a file of your own with one word on each line"))
    cell: Literal["lstm", "gru"] = Field("lstm", description=N_("the recurrent layer"))
    hidden: int = Field(256, ge=1, description=N_("numbers that the network remembers"))
    features: int = Field(64, ge=1, description=N_("numbers that describe a character"))
    layers: int = Field(1, ge=1, description=N_("recurrent layers on top of one another"))
    dropout: float = Field(
        0.3, ge=0, lt=1, description=N_("share of activations left out at random while training")
    )


class NamingOptions(SamplingOptions):
    """How names are made."""

    count: int = Field(10, ge=1, le=10_000, description=N_("names to make"))


class NamePredictor(Predictor):
    """Makes names.

    Attributes:
        vocabulary: the characters; number 0 is the edge of a name.
        known: the names it learnt from.
    """

    options = NamingOptions
    vocabulary: Vocabulary
    known: tuple[str, ...]

    def answer(self, model: CharacterRNN, source: str, options: NamingOptions) -> tuple[Table]:  # type: ignore[override]
        """Names that begin with what the user gave, and what of them is new."""
        return (self.compared(self.made(model, source.strip(), options)),)

    def made(self, model: CharacterRNN, beginning: str, options: NamingOptions) -> list[str]:
        """Make names.

        Raises:
            ValueError: no name it learnt from has these characters.
        """
        require_known(beginning, self.vocabulary)
        generator = koubai.Generator().manual_seed(options.seed)
        rows = np.repeat(self.vocabulary.ids(_EDGE + beginning)[None], options.count, axis=0)  # (N, T)
        with koubai.no_grad():
            state: Any = None
            for place in range(max(_LONGEST, rows.shape[1])):
                read, state = model.step(koubai.tensor(rows[:, place]), state)
                if place + 1 == rows.shape[1]:
                    scores = np.array(read.numpy())
                    scores[:, 0] += 0.0 if place else -np.inf  # a name has one character at least
                    rows = np.column_stack([rows, drawn(scores, options, generator)])
        return ["".join(self.vocabulary.words(row[1:])).partition(_EDGE)[0] for row in rows]

    def compared(self, made: Sequence[str]) -> Table:
        """Names beside the ones most like them among those it learnt from."""
        known = set(self.known)
        rows = (
            (name, _("known") if name in known else _("new"), _nearest(name, self.known)) for name in made
        )
        return Table(header=(N_("made up"), "", N_("most like it")), rows=tuple(rows))


def _nearest(name: str, known: Sequence[str]) -> str:
    return next(iter(get_close_matches(name, known, 1)), "–")


def _words(name: str) -> list[str]:
    """The different words that the setting `corpus` names, in their order.

    Raises:
        FileNotFoundError: it is no file.
        ValueError: it is not UTF-8, or has too few words.
    """
    if name == "names":
        return list(dict.fromkeys(names()))
    path = Path(name)
    if not path.is_file():
        problem = _("There is no list {name!r}: give names, or a file with one word on each line.")
        raise FileNotFoundError(problem.format(name=name))
    words = list(dict.fromkeys(filter(None, map(str.strip, text_of(path).splitlines()))))
    if len(words) < 30:
        problem = _("{path} has {count} different words; at least 30 are needed.")
        raise ValueError(problem.format(path=path, count=len(words)))
    return words


def name_data(vocabulary: Vocabulary, words: Sequence[str]) -> TensorDataset:
    """Inputs (N, T) that begin with the edge, lengths (N,), and targets (N, T) that end with it."""
    ids = [vocabulary.ids(word) for word in words]
    lengths = np.array([len(row) + 1 for row in ids])
    inputs = np.zeros((len(ids), lengths.max()), np.int64)
    targets = np.full_like(inputs, _IGNORED)
    for number, row in enumerate(ids):
        inputs[number, 1 : len(row) + 1] = row
        targets[number, : len(row) + 1] = (*row, 0)
    return TensorDataset(inputs, lengths, targets)


def _task(settings: NameSettings) -> Task:
    words = _words(settings.corpus)
    order = koubai.randperm(len(words), generator=koubai.Generator().manual_seed(0)).tolist()
    held_out = int(_HELD_OUT * len(words))
    vocabulary = Vocabulary.of("".join(words), [_EDGE])
    parts = (order[2 * held_out :], order[:held_out], order[held_out : 2 * held_out])
    known, watched, unseen = ([words[place] for place in part] for part in parts)
    train, validation, test = (name_data(vocabulary, part) for part in (known, watched, unseen))
    predictor = NamePredictor(vocabulary=vocabulary, known=tuple(known))
    return Task(
        train=train,
        validation=validation,
        test=test,
        loss=CrossEntropyLoss(ignore_index=_IGNORED),
        judge=partial(_judged, predictor, train),
        predictor=predictor,
        headline="loss",
    )


def _model(settings: NameSettings, predictor: NamePredictor) -> CharacterRNN:
    return CharacterRNN(
        len(predictor.vocabulary),
        settings.features,
        settings.hidden,
        settings.layers,
        settings.cell,
        settings.dropout,
    )


def _judged(
    predictor: NamePredictor, train: TensorDataset, model: CharacterRNN, test: TensorDataset
) -> Outcome:
    """The loss per character beside that of n-grams, and how new the names are that it makes."""
    model.eval()
    nats, targets = name_losses(model, test), test.tensors[-1].numpy()
    counted = by_counting(_histories(train), _histories(test), len(predictor.vocabulary))
    own = float(nats[targets != _IGNORED].mean())
    made = predictor.made(model, "", NamingOptions(temperature=1.0, count=_MADE))  # type: ignore[call-arg]
    new = set(made) - set(predictor.known)
    novelty = sum(name in new for name in made) / len(made)
    listed = predictor.compared(made[:_LISTED])
    return Outcome(
        headline="loss",
        metrics=in_units(own) | {"novelty": novelty, "variety": len(set(made)) / len(made)},
        baseline=in_units(min(counted)),
        baseline_name=GRAMS[int(np.argmin(counted))],
        samples=len(test),
        smaller_is_better=True,
        exhibits=(
            losses(counted, own),
            listed.model_copy(
                update={"title": N_("Names it made up, and the training names most like them")}
            ),
            _spelt(predictor, targets[:_SPELT], nats[:_SPELT]),
            _lengths(made, predictor.known),
        ),
    )


def name_losses(model: CharacterRNN, data: TensorDataset) -> NDArray[np.float32]:
    """Minus the logarithm of each target's probability (N, T); 0 behind a name's end."""
    tokens, lengths, targets = data.tensors
    with koubai.no_grad():
        loss = CrossEntropyLoss(ignore_index=_IGNORED, reduction="none")(model(tokens, lengths), targets)
    return np.asarray(loss.numpy())


def _histories(data: TensorDataset) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What stood before each character (M, n − 1), edges before the first, and the character (M,)."""
    targets = data.tensors[-1].numpy()
    padded = np.pad(np.maximum(targets, 0), ((0, 0), (_ORDER - 1, 0)))  # (N, T + n - 1)
    runs = np.lib.stride_tricks.sliding_window_view(padded, _ORDER, axis=1)  # (N, T, n)
    real = runs[targets != _IGNORED]
    return real[:, :-1], real[:, -1]


def _spelt(predictor: NamePredictor, targets: NDArray[np.int64], nats: NDArray[np.float32]) -> HeatMap:
    """Test names, letter by letter."""
    longest = int((targets != _IGNORED).sum(axis=1).max())
    rows = [predictor.vocabulary.words(row[row != _IGNORED]) for row in targets]
    title = N_("How unexpected each character of new names was, in nats")
    return surprise(title, [row + [""] * (longest - len(row)) for row in rows], nats[:, :longest])


def _lengths(made: Sequence[str], known: Sequence[str]) -> Lines:
    """How long the names are."""
    longest = max(map(len, (*made, *known)))
    shares = {
        title: np.bincount([len(name) for name in group], minlength=longest + 1) / len(group)
        for title, group in ((N_("made up"), made), (N_("to learn from"), known))
    }
    return Lines(
        title=N_("How many names have how many characters, as shares"),
        curves=shares,
        places=np.arange(longest + 1),
        axis=N_("characters"),
    )


TEXT_LSTM = Recipe(
    "text-lstm",
    N_("makes up new names after 29,494 first names, or words like yours: an LSTM or a GRU"),
    _task,
    _model,
    NamePredictor,
    NameSettings,
    {"epochs": 15, "optimizer": "adamw", "lr": 0.002, "schedule": "cosine", "clip_norm": 1.0},
)
