"""Shows influence: samples with what spoke for and against their answer, and what counts over a whole data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koubai.explain.influence import Influence
from koubai.i18n import N_, _
from koubai.recipes.exhibit import Bars, Caption, Exhibit, Pictures, Table, Texts, Tokens
from koubai.recipes.explainable import Explainable, Unnamed

Array = NDArray[Any]
Known = Explainable | Unnamed

_MOST_BARS = 20
_STRONGEST = 12  # samples with the largest gradients
_PULL = N_("Samples that pull hardest at the weights")
_PULL_NOTE = N_(
    "The norm of the loss's gradient with respect to all parameters, of each sample alone: how far it would move the "
    "weights in the next step. --sample N shows what one of them hangs on."
)


def sample_exhibits(found: Influence, inputs: Array, known: Known) -> list[Exhibit]:
    """For each sample its parts with their influence on the number that was explained.

    Args:
        found: the influence.
        inputs: the model's inputs (N, ...).
        known: what the predictor tells.
    """
    given, names = known.as_given(inputs), known.part_names(inputs)
    return [_sample(found, given, names, known, k) for k in range(len(inputs))]


def _sample(found: Influence, given: Array, names: Sequence[Sequence[str]], known: Known, k: int) -> Exhibit:
    title, note, values = explained_name(found, known, k), _account(found, k), found.values[k]
    if not names:
        both = np.stack([given[k], given[k]])
        heat = np.stack([np.zeros(given.shape[2:]), _flat(values)])  # (2, H, W)
        return Pictures(title=title, note=note, images=both, captions=(_PLAIN, _EITHER), heat=heat)
    if given.dtype.kind in "iu":
        places = [place for place, word in enumerate(names[k]) if word]  # the others are padding
        words = tuple(names[k][place] for place in places)
        return Tokens(title=title, note=note, words=words, weights=values[places])
    shown = [f"{name} = {value:.4g}" for name, value in zip(names[k], given[k].ravel().tolist(), strict=True)]
    return _bars(title, note, shown, values.ravel())


_PLAIN: Caption = ((N_("the picture itself"), ""),)
_EITHER: Caption = ((N_("red: for it"), ""), (N_("blue: against it"), ""))


def explained_name(found: Influence, known: Known, k: int) -> str:
    """What the influence of a sample is on: a class by its name, an output by its number, or a loss."""
    if found.classes is None:
        return _("Influence on the loss")
    number = int(found.classes[k])
    if known.continues:
        return _("Influence on {name} as what comes next").format(name=known.output_names[number])
    if number < len(known.output_names):
        return _("Influence on the class {name}").format(name=known.output_names[number])
    return _("Influence on the output {number}").format(number=number)


def _account(found: Influence, k: int) -> str:
    """Where the number stands, where it comes from, and what the influences account for."""
    numbers = {
        "value": found.explained[k],
        "baseline": found.at_baseline[k],
        "total": found.values[k].sum(),
        "gap": found.gap[k],
    }
    words = _(
        "The model's number is {value:.4g}, at the baseline {baseline:.4g}; the influences sum up to {total:.4g}, "
        "which misses the difference by {gap:.2g}."
    )
    return words.format(**{name: float(number) for name, number in numbers.items()})


def ranked_exhibit(found: Influence, inputs: Array, known: Known) -> Exhibit:
    """Which features, pixels or tokens count most over all the samples.

    Args:
        found: the influence of the samples.
        inputs: the model's inputs (N, ...).
        known: what the predictor tells.
    """
    names = known.part_names(inputs)
    title = _("Mean size of the influence over {count:,} samples").format(count=len(inputs))
    if not names:
        mean = known.as_given(inputs).mean(axis=0, keepdims=True)
        caption: Caption = ((N_("mean picture"), ""),)
        return Pictures(title=title, images=mean, captions=(caption,), heat=_flat(found.mean)[None])
    if inputs.dtype.kind in "iu":
        return _bars(title, "", *_by_word(found, names))
    return _bars(title, "", names[0], found.mean.ravel())


def _by_word(found: Influence, names: Sequence[Sequence[str]]) -> tuple[list[str], Array]:
    """The mean size of the influence of each word, wherever it stands."""
    said = [word for sample in names for word in sample]
    written = np.array([bool(word) for word in said])  # the others are padding
    words, places = np.unique([word for word in said if word], return_inverse=True)
    sizes = np.abs(found.values).ravel()[written]
    return words.tolist(), np.bincount(places, sizes) / np.bincount(places)


def _bars(title: str, note: str, names: Sequence[str], values: Array) -> Bars:
    """The longest bars first; where there are too many, the note says what the rest come to."""
    order = np.argsort(-np.abs(values), kind="stable")
    kept, rest = order[:_MOST_BARS], order[_MOST_BARS:]
    if len(rest):
        words = _("{count:,} more with sizes of at most {size:.2g} are not shown.")
        note = f"{note} {words.format(count=len(rest), size=np.abs(values[rest]).max())}".strip()
    return Bars(title=title, note=note, names=tuple(names[k] for k in kept), values=values[kept])


def strongest_exhibit(norms: Array, numbers: Array, inputs: Array, targets: Array, known: Known) -> Exhibit:
    """The samples whose loss has the largest gradient.

    Args:
        norms: of the gradient of each sample (N,).
        numbers: of the samples in their part, from 1 (N,).
        inputs: the model's inputs (N, ...).
        targets: class numbers (N,), or anything else.
        known: what the predictor tells.
    """
    first = np.argsort(-norms, kind="stable")[:_STRONGEST]
    chosen, names = inputs[first], known.part_names(inputs[first])
    captions = [tuple(_told(numbers[k], norms[k], targets[k], known)) for k in first]
    given = known.as_given(chosen)
    if not names:
        return Pictures(title=_PULL, note=_PULL_NOTE, images=given, captions=tuple(captions))
    if chosen.dtype.kind in "iu":
        passages = ("  ".join(f"{_(name)} {value}" for name, value in caption) for caption in captions)
        gap = "" if all(len(word) <= 1 for words in names for word in words) else " "
        texts = tuple((told, gap.join(words)) for told, words in zip(passages, names, strict=True))
        return Texts(title=_PULL, note=_PULL_NOTE, passages=texts)
    header = tuple(name for name, _value in captions[0])
    rows = tuple(tuple(value for _name, value in caption) for caption in captions)
    return Table(title=_PULL, note=_PULL_NOTE, header=header, rows=rows)


def _told(number: int, norm: float, target: Array, known: Known) -> Iterator[tuple[str, str]]:
    yield N_("sample"), str(number)
    yield N_("gradient"), f"{norm:.3g}"
    if known.output_names and target.ndim == 0:
        yield N_("true"), known.output_names[int(target)]


def _flat(values: Array) -> Array:
    """The influence of pixels (H, W): channels are summed up."""
    return np.asarray(values.sum(axis=0))
