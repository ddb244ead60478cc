"""Finds anomalies among samples that are rows of numbers: what an autoencoder of usual samples reproduces badly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import koubai
from koubai import nn
from koubai.data import TensorDataset
from koubai.i18n import N_
from koubai.models import DenoisingAutoencoder
from koubai.recipes.anomaly.detector import Case, Detector
from koubai.recipes.anomaly.ranking import Flags, Scores, curve, decided, looked_into, ranked
from koubai.recipes.anomaly.settings import AnomalySettings, Shape
from koubai.recipes.exhibit import Exhibit
from koubai.recipes.outcome import Outcome

Inputs = NDArray[np.float32]  # (N, features)
_BATCH = 2048  # samples per forward pass
_TREES = 200  # of an isolation forest


class Judged(NamedTuple):
    """Samples that were judged.

    Attributes:
        inputs: (N, features).
        errors: the squared error of each of their numbers (N, features).
        scores: (N,).
        places: where they stand among all test samples (N,).
        anomalous: which are anomalies (N,).
        threshold: from which score on one is said to be.
    """

    inputs: Inputs
    errors: NDArray[np.float64]
    scores: Scores
    places: NDArray[np.int64]
    anomalous: Flags
    threshold: float

    def most(self, count: int, among: Flags | None = None) -> NDArray[np.int64]:
        """The rows with the highest scores, the highest first, among all or some."""
        rows = np.arange(len(self.scores)) if among is None else np.flatnonzero(among)
        return rows[np.argsort(-self.scores[rows], kind="stable")][:count]


Show = Callable[[Judged], Sequence[Exhibit]]


class SampleDetector(Detector):
    """What the detectors of samples have in common.

    Attributes:
        features: numbers of a sample.
        shape: of the network.
    """

    features: int
    shape: Shape

    def network(self) -> DenoisingAutoencoder:
        """The untrained network."""
        hidden, code, masking = self.shape
        network = DenoisingAutoencoder.dense(self.features, hidden, code, noise=0.0, masking=masking)
        nn.init.match_activations(network)
        return network

    def errors(self, model: nn.Module, inputs: Inputs) -> NDArray[np.float64]:
        """The squared error of each number of each sample (N, features)."""
        return np.asarray((self.reproduced(model, inputs) - inputs.astype(np.float64)) ** 2)

    def reproduced(self, model: nn.Module, inputs: Inputs) -> NDArray[np.float64]:
        """What the network makes of samples (N, features)."""
        model.eval()
        with koubai.no_grad():
            parts = [
                model(koubai.tensor(inputs[start : start + _BATCH])).numpy()
                for start in range(0, len(inputs), _BATCH)
            ]
        return np.concatenate(parts).astype(np.float64)

    def scores(self, model: nn.Module, inputs: Inputs) -> Scores:
        """The mean squared error of each sample (N,)."""
        return np.asarray(self.errors(model, inputs).mean(axis=1))


def usual_threshold(
    detector: SampleDetector, usual: Inputs, false_alarms: float, model: nn.Module
) -> SampleDetector:
    """The detector with the threshold that a share of usual samples, which the network did not learn from, reaches."""
    scores = detector.scores(model, usual)
    return detector.model_copy(update={"threshold": float(np.quantile(scores, 1 - false_alarms))})


def sample_case(
    detector: SampleDetector,
    train: Inputs,
    validation: Inputs,
    test: tuple[Inputs, NDArray[Any]],
    settings: AnomalySettings,
    show: Show,
) -> Case:
    """The case of a detector of samples.

    Args:
        detector: without a threshold.
        train: usual samples to learn from.
        validation: others, which the threshold is taken from too.
        test: samples of both kinds, and which are anomalies.
        settings: of the run.
        show: what a person wants to look at.
    """
    inputs, anomalous = test
    places = np.arange(len(inputs))  # by which `show` finds what a sample was made of, also in a trial
    return Case(
        detector=detector,
        train=TensorDataset(train, train),
        validation=TensorDataset(validation, validation),
        test=TensorDataset(inputs, places, anomalous.astype(np.int64)),
        judge=partial(judge_samples, detector, train, validation, settings, show),
        calibrated=partial(usual_threshold, detector, validation, settings.false_alarms),
        headline="roc_auc",
    )


def judge_samples(
    detector: SampleDetector,
    known: Inputs,
    usual: Inputs,
    settings: AnomalySettings,
    show: Show,
    model: nn.Module,
    test: TensorDataset,
) -> Outcome:
    """How well anomalies are found, beside the distance from the mean and an isolation forest.

    Args:
        detector: of the run.
        known: usual samples that the network learnt from.
        usual: usual samples that the threshold is taken from.
        settings: of the run.
        show: what a person wants to look at.
        model: the trained network.
        test: samples, their places, and whether they are anomalies.
    """
    inputs, places, flags = (tensor.numpy() for tensor in test.tensors)
    anomalous = flags.astype(bool)
    errors = detector.errors(model, inputs)
    scores = np.asarray(errors.mean(axis=1))
    threshold = usual_threshold(detector, usual, settings.false_alarms, model).threshold
    assert threshold is not None
    far, forest = distance(known, inputs), isolation(known, inputs, settings.seed)
    metrics = ranked(scores, anomalous) | decided(scores >= threshold, anomalous) | {"threshold": threshold}
    others = {N_("distance from the mean"): far}
    if forest is not None:
        others[N_("isolation forest")] = forest
        metrics["forest_roc_auc"] = ranked(forest, anomalous)["roc_auc"]
    return Outcome(
        headline="roc_auc",
        metrics=metrics,
        baseline=ranked(far, anomalous),
        baseline_name=N_("the distance from the mean"),
        samples=len(scores),
        exhibits=(
            *show(Judged(inputs, errors, scores, places, anomalous, threshold)),
            looked_into(scores, anomalous, others),
            curve(scores, anomalous),
        ),
        answers={"scores": scores, "anomalous": flags},
    )


def distance(known: Inputs, asked: Inputs) -> Scores:
    """How far samples are from the mean, in standard deviations of each number, squared and added up."""
    mean, std = known.mean(axis=0, dtype=np.float64), known.std(axis=0, dtype=np.float64)
    return np.asarray((((asked - mean) / np.maximum(std, 1e-3)) ** 2).mean(axis=1))


def isolation(known: Inputs, asked: Inputs, seed: int) -> Scores | None:
    """How soon random cuts set samples apart (Liu et al. 2008): scikit-learn's, or None where it is not installed."""
    try:
        from sklearn.ensemble import IsolationForest
    except ImportError:
        return None
    forest = IsolationForest(n_estimators=_TREES, random_state=seed % 2**32).fit(known)
    return -np.asarray(forest.score_samples(asked), np.float64)
