"""A language model of characters: a Transformer that writes on like Shakespeare or Natsume Soseki."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

import koubai
from koubai.data import RandomWindows, TensorDataset, Vocabulary, aozora, shakespeare, windows
from koubai.i18n import N_, _
from koubai.models import GPT
from koubai.nn import CrossEntropyLoss
from koubai.recipes.characters import (
    GRAMS,
    by_counting,
    in_units,
    losses,
    require_known,
    shown,
    surprise,
    text_of,
)
from koubai.recipes.exhibit import Exhibit, HeatMap, Texts
from koubai.recipes.ngram import histories
from koubai.recipes.outcome import Outcome
from koubai.recipes.predictor import Predictor
from koubai.recipes.recipe import Recipe
from koubai.recipes.sampling import SamplingOptions, drawn
from koubai.recipes.settings import Settings
from koubai.recipes.task import Task

_HELD_OUT = 0.05  # the share of the text, at its end, that is for validation; as much again is for the test
_UNKNOWN = "\ufffd"  # stands for characters that the training text has less than twice
_TEMPERATURES = (0.5, 0.8, 1.1)
_SAMPLE = 300  # characters of a sample
_LINES, _LINE = 8, 40  # of the passage whose characters' surprise is shown, and characters of a line
_BATCH = 64  # windows per forward pass


class TextSettings(Settings):
    """Settings of a language model of characters."""

    corpus: str = Field(
        "shakespeare",
        description=N_("shakespeare, aozora (Japanese), or a text file of your own in UTF-8"),
    )
    context: int = Field(128, ge=8, description=N_("how many characters the model looks back at most"))
    features: int = Field(128, ge=8, description=N_("numbers that describe a position in the model"))
    heads: int = Field(4, ge=1, description=N_("attention heads of a layer; features is a multiple of it"))
    layers: int = Field(4, ge=1, description=N_("layers of the Transformer"))
    dropout: float = Field(
        0.05, ge=0, lt=1, description=N_("share of activations left out at random while training")
    )


class WritingOptions(SamplingOptions):
    """How a text is written on."""

    length: int = Field(300, ge=1, description=N_("characters to write"))


class TextPredictor(Predictor):
    """Writes on from a text.

    Attributes:
        vocabulary: the characters.
    """

    options = WritingOptions
    baseline: ClassVar[float] = 0.0
    continues: ClassVar[bool] = True

    vocabulary: Vocabulary
    context: int

    @property
    def output_names(self) -> tuple[str, ...]:
        """The characters that may come next."""
        return tuple(map(shown, self.vocabulary.words(range(len(self.vocabulary)))))

    def model_inputs(self, source: str) -> NDArray[np.int64]:
        """The last characters of a text (1, T), as many as the model looks back at."""
        if not source:
            raise ValueError(_("The text is empty."))
        require_known(source, self.vocabulary)
        return np.array([self.vocabulary.ids(source)[-self.context :]])

    def as_given(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """The numbers themselves: a text has no scale."""
        return inputs

    def part_names(self, inputs: NDArray[Any]) -> list[list[str]]:
        """The characters of each row."""
        return [[shown(character) for character in self.vocabulary.words(row)] for row in inputs]

    def answer(self, model: GPT, source: str, options: WritingOptions) -> tuple[Texts]:  # type: ignore[override]
        """The text and what the model writes after it."""
        return (Texts(passages=(("", source + self.written(model, source, options)),)),)

    def written(self, model: GPT, prompt: str, options: WritingOptions) -> str:
        """What the model writes after a prompt; after an empty one, what begins a line.

        Raises:
            ValueError: the model knows none of some characters.
        """
        require_known(prompt, self.vocabulary)
        written = list(self.vocabulary.ids(prompt or "\n"))
        generator = koubai.Generator().manual_seed(options.seed)
        with koubai.no_grad():
            for scores in _scores_after(model, written, options.length):
                if self.vocabulary.unknown is not None:
                    scores[self.vocabulary.unknown] = -np.inf
                written.append(int(drawn(scores[None], options, generator)[0]))
        return "".join(self.vocabulary.words(written[-options.length :]))


def _scores_after(model: GPT, written: list[int], length: int) -> Any:
    """The scores (V,) after all that is written, again and again while somebody appends to it.

    A full cache is filled anew with the later half of what it held.
    """
    cache, left = model.new_cache(1), model.context
    fresh = written[-model.context // 2 :]
    for _step in range(length):
        if len(fresh) > left:
            cache, left, fresh = model.new_cache(1), model.context, written[-model.context // 2 :]
        left -= len(fresh)
        yield np.array(model(koubai.tensor([fresh]), cache).numpy()[0, :, -1])
        fresh = written[-1:]


def corpus(name: str) -> str:
    """The text that the setting `corpus` names.

    Raises:
        FileNotFoundError: it is neither a known corpus nor a file.
        ValueError: the file is not UTF-8.
    """
    if name == "shakespeare":
        return shakespeare()
    if name == "aozora":
        return "".join(work.text for work in aozora())
    path = Path(name)
    if not path.is_file():
        problem = _("There is no text {name!r}: give shakespeare, aozora, or a text file.")
        raise FileNotFoundError(problem.format(name=name))
    return text_of(path)


def _task(settings: TextSettings) -> Task:
    text = corpus(settings.corpus)
    held_out = int(_HELD_OUT * len(text))
    if held_out <= settings.context:
        problem = _("The text has {have:,} characters; with a context of {context} it needs {need:,}.")
        need = math.ceil((settings.context + 1) / _HELD_OUT)
        raise ValueError(problem.format(have=len(text), context=settings.context, need=need))
    texts = (text[: -2 * held_out], text[-2 * held_out : -held_out], text[-held_out:])
    vocabulary = Vocabulary.of(texts[0], [_UNKNOWN], _UNKNOWN, least=2)
    train, validation, test = map(vocabulary.ids, texts)
    predictor = TextPredictor(vocabulary=vocabulary, context=settings.context)
    return Task(
        train=windows(train, settings.context),
        validation=windows(validation, settings.context),
        test=windows(test, settings.context),
        loss=CrossEntropyLoss(),
        judge=partial(_judged, predictor, train),
        predictor=predictor,
        headline="loss",
        augment=RandomWindows(train, settings.context),
    )


def _model(settings: TextSettings, predictor: TextPredictor) -> GPT:
    sizes = (settings.features, settings.heads, settings.layers, settings.dropout)
    return GPT(len(predictor.vocabulary), settings.context, *sizes)


def _judged(predictor: TextPredictor, train: NDArray[np.int64], model: GPT, test: TensorDataset) -> Outcome:
    """The loss per character beside that of n-grams, samples, and where the model looks."""
    model.eval()
    with koubai.no_grad():
        logs = _log_probabilities(model, test)
        maps = _attention(predictor, model, test)
    counted = _counted(predictor, train, test)
    own = -float(logs.mean())
    return Outcome(
        headline="loss",
        metrics=in_units(own),
        baseline=in_units(min(counted)),
        baseline_name=GRAMS[int(np.argmin(counted))],
        samples=logs.size,
        smaller_is_better=True,
        exhibits=(
            losses(counted, own),
            _samples(predictor, model),
            _passage(predictor, logs, test),
            *maps,
        ),
    )


def _log_probabilities(model: GPT, test: TensorDataset) -> NDArray[np.float32]:
    """The logarithm of each target's probability (N, T)."""
    parts = []
    for start in range(0, len(test), _BATCH):
        inputs, targets = (tensor[start : start + _BATCH] for tensor in test.tensors)
        logs = koubai.log_softmax(model(inputs), 1)  # (N, V, T)
        parts.append(logs.gather(1, targets.unsqueeze(1)).squeeze(1).numpy())
    return np.concatenate(parts)


def _counted(predictor: TextPredictor, train: NDArray[np.int64], test: TensorDataset) -> list[float]:
    """The loss per character of unigrams, bigrams and so on."""
    tokens, order = len(predictor.vocabulary), len(GRAMS)
    inputs, targets = (tensor.numpy() for tensor in test.tensors)
    sequence = np.concatenate([inputs[0, :1], targets.ravel()])
    return by_counting(histories(train, order, tokens), histories(sequence, order, tokens), tokens)


def _samples(predictor: TextPredictor, model: GPT) -> Texts:
    """What it writes out of nothing, at three temperatures."""
    options = (WritingOptions(length=_SAMPLE, temperature=temperature) for temperature in _TEMPERATURES)  # type: ignore[call-arg]
    passages = tuple(
        (_("temperature {value}").format(value=option.temperature), predictor.written(model, "", option))
        for option in options
    )
    return Texts(title=N_("What it writes"), passages=passages)


def _passage(predictor: TextPredictor, logs: NDArray[np.float32], test: TensorDataset) -> HeatMap:
    """The first lines of the test text."""
    rows = min(_LINES, logs.size // _LINE)
    words = predictor.vocabulary.words(test.tensors[1].numpy().ravel()[: rows * _LINE])
    return surprise(
        N_("How unexpected each character of a passage was, in nats"),
        [words[_LINE * row : _LINE * (row + 1)] for row in range(rows)],
        -logs.ravel()[: rows * _LINE].reshape(rows, _LINE),
    )


def _attention(predictor: TextPredictor, model: GPT, test: TensorDataset) -> list[Exhibit]:
    """Where each layer looks while it reads a line, as the mean of its heads."""
    line = test.tensors[0][0][:_LINE]
    names = tuple(map(shown, predictor.vocabulary.words(line.numpy())))
    maps = model.attention(line).mean(1).numpy()  # (layers, T, T)
    return [
        HeatMap(
            title=_("Where layer {number} looks").format(number=number),
            note=N_("Each row is a position; the columns are the characters before it."),
            values=values,
            rows=names,
            columns=names,
        )
        for number, values in enumerate(maps, 1)
    ]


TEXT_GPT = Recipe(
    "text-gpt",
    N_("writes on like Shakespeare, like Aozora Bunko, or like your own text: a Transformer"),
    _task,
    _model,
    TextPredictor,
    TextSettings,
    {
        "epochs": 12,
        "batch_size": 32,
        "optimizer": "adamw",
        "lr": 0.003,
        "schedule": "warmup-cosine",
        "weight_decay": 0.1,
        "clip_norm": 1.0,
    },
)
