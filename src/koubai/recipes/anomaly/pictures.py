"""Finds pictures of a kind never seen, and where they are strange, as in visual inspection: MNIST without one digit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from koubai import nn
from koubai.data import LabelledData, TensorDataset, mnist
from koubai.i18n import N_, _
from koubai.recipes.anomaly.detector import AnomalyOptions, Case
from koubai.recipes.anomaly.samples import Inputs, Judged, SampleDetector, sample_case
from koubai.recipes.anomaly.settings import AnomalySettings
from koubai.recipes.exhibit import Caption, Exhibit, Pictures, Table
from koubai.recipes.picture_file import open_picture

_VALIDATION = 0.1  # the share of the training pictures
_SHOWN = 8
_RED = N_("Red: where it is not as the network would have it.")
_BILINEAR = 2  # Pillow's number of this way to resize


class PictureDetector(SampleDetector):
    """Everything between a picture and how strange it is but the network.

    Attributes:
        height, width: of the pictures, in pixels.
    """

    data: Literal["images"] = "images"
    height: int
    width: int

    def answer(self, model: nn.Module, source: str, options: AnomalyOptions) -> Sequence[Exhibit]:
        """How strange a picture is, and where."""
        threshold = self.line(options)
        inputs = self._read(Path(source))
        errors = self.errors(model, inputs)
        score = float(errors.mean())
        verdict = _("an anomaly") if score >= threshold else _("usual")
        rows = Table(
            header=(N_("score"), N_("threshold"), N_("verdict")),
            rows=((f"{score:.4f}", f"{threshold:.4f}", verdict),),
        )
        caption: Caption = ((N_("score"), f"{score:.4f}"),)
        return rows, self.heated(inputs, errors, [caption], "", _RED)

    def heated(
        self, inputs: Inputs, errors: NDArray[Any], captions: Sequence[Caption], title: str, note: str = ""
    ) -> Pictures:
        """Pictures (N, pixels) with their errors as heat."""
        shape = (-1, self.height, self.width)
        return Pictures(
            images=inputs.reshape(shape),
            captions=tuple(captions),
            heat=errors.reshape(shape),
            title=title,
            note=note,
        )

    def _read(self, path: Path) -> Inputs:
        """A picture of any size, white on black as the training pictures, as one row of pixels from 0 to 1."""
        small = open_picture(path, "L").resize((self.width, self.height), _BILINEAR)
        pixels = np.asarray(small, np.float32) / np.float32(255)
        if pixels.min() == pixels.max():
            raise ValueError(_("There is nothing on this picture: all its pixels are alike."))
        white_on_black = 1 - pixels if pixels.mean() > 0.5 else pixels
        return np.asarray(white_on_black.reshape(1, -1), np.float32)


def picture_case(settings: AnomalySettings) -> Case:
    """Nine of MNIST's digits to learn from; all ten in the test part."""
    return case_of(settings, mnist())


def case_of(settings: AnomalySettings, labelled: LabelledData) -> Case:
    """The case with any small grey pictures in ten classes, with values from 0 to 1."""
    parts = labelled.with_validation(_VALIDATION, settings.seed)
    assert parts.validation is not None
    train, validation = (_usual(part, settings.unseen) for part in (parts.train, parts.validation))
    images, labels = (tensor.numpy() for tensor in parts.test.tensors)
    test = images.reshape(len(images), -1)
    detector = PictureDetector(
        features=test.shape[1],
        shape=settings.shape,
        height=images.shape[2],
        width=images.shape[3],
    )
    show = partial(_shown, detector, labels, parts.class_names)
    return sample_case(detector, train, validation, (test, labels == settings.unseen), settings, show)


def _usual(part: TensorDataset, unseen: int) -> Inputs:
    """The pictures of all digits but one, a row each."""
    images, labels = (tensor.numpy() for tensor in part.tensors)
    return np.asarray(images[labels != unseen].reshape((labels != unseen).sum(), -1))


def _shown(
    detector: PictureDetector, labels: NDArray[Any], names: Sequence[str], judged: Judged
) -> Sequence[Exhibit]:
    """The most anomalous pictures, and the usual ones that were taken for anomalies."""
    classes = labels[judged.places]
    false = ~judged.anomalous & (judged.scores >= judged.threshold)
    missed = judged.anomalous & (judged.scores < judged.threshold)

    def pictures(title: str, rows: NDArray[np.int64], note: str = "") -> list[Pictures]:
        captions = [((N_("true"), names[classes[k]]), (N_("score"), f"{judged.scores[k]:.4f}")) for k in rows]
        return (
            [detector.heated(judged.inputs[rows], judged.errors[rows], captions, title, note)]
            if len(rows)
            else []
        )

    lowest = np.flatnonzero(missed)[np.argsort(judged.scores[missed], kind="stable")][:_SHOWN]
    return (
        *pictures(N_("The most anomalous pictures"), judged.most(_SHOWN), _RED),
        *pictures(N_("Usual pictures that were taken for anomalies"), judged.most(_SHOWN, false)),
        *pictures(N_("Anomalies that look the most usual to the network"), lowest),
        _by_class(names, classes, judged),
    )


def _by_class(names: Sequence[str], classes: NDArray[Any], judged: Judged) -> Table:
    rows = []
    for k, name in enumerate(names):
        own = judged.scores[classes == k]
        if len(own):
            above = f"{100 * (own >= judged.threshold).mean():.1f} %"
            rows.append((name, len(own), f"{np.median(own):.4f}", above))
    header = (N_("digit"), N_("samples"), N_("median score"), N_("taken for anomalies"))
    return Table(title=N_("By digit"), header=header, rows=tuple(rows))
