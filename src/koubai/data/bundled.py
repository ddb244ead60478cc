"""The small data sets that come with scikit-learn, so that they need no download."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from koubai.data.dataset import TensorDataset
from koubai.data.labelled import LabelledData, cut
from koubai.data.schema import Task
from koubai.i18n import _


def digits(test: float = 0.2, seed: int = 0) -> LabelledData:
    """Handwritten digits: 1,797 images (1, 8, 8) with values from 0 to 1, in 10 classes.

    Args:
        test: the share of the samples for the test part; classes keep their shares.
        seed: decides which samples; the same seed takes the same ones.

    Raises:
        ImportError: when scikit-learn is not installed.
    """
    bunch = _bunch("digits")
    images = bunch.images[:, None] / 16  # (N, 1, 8, 8), from 0 … 16 grey levels
    names = tuple(str(name) for name in bunch.target_names)
    return _labelled("digits", images, bunch.target, test, seed, class_names=names)


def iris(test: float = 0.2, seed: int = 0) -> LabelledData:
    """Iris flowers: 150 rows of 4 measures in cm, in 3 species. Arguments are those of `digits`."""
    return _table("iris", test, seed)


def wine(test: float = 0.2, seed: int = 0) -> LabelledData:
    """Italian wines: 178 rows of 13 chemical measures, from 3 growers. Arguments are those of `digits`."""
    return _table("wine", test, seed)


def breast_cancer(test: float = 0.2, seed: int = 0) -> LabelledData:
    """Breast tumours: 569 rows of 30 measures, malignant or benign. Arguments are those of `digits`."""
    return _table("breast_cancer", test, seed)


def diabetes(test: float = 0.2, seed: int = 0) -> LabelledData:
    """Diabetes: 442 rows of 10 measures, and the progress of the disease a year later (25 to 346).

    A regression. The inputs are the raw measures, not the ones scikit-learn scaled with the test part
    included. Arguments are those of `digits`.
    """
    bunch = _bunch("diabetes", scaled=False)
    targets = bunch.target[:, None].astype(np.float32)  # (N, 1)
    return _labelled("diabetes", bunch.data, targets, test, seed, feature_names=tuple(bunch.feature_names))


def _table(name: str, test: float, seed: int) -> LabelledData:
    bunch = _bunch(name)
    classes = tuple(str(label) for label in bunch.target_names)
    features = tuple(str(feature) for feature in bunch.feature_names)
    return _labelled(name, bunch.data, bunch.target, test, seed, class_names=classes, feature_names=features)


def _bunch(name: str, **options: Any) -> Any:
    """What scikit-learn's loader of this name gives."""
    try:
        from sklearn import datasets  # imported here because the core does without it
    except ImportError as error:
        problem = _("The data set {name} needs scikit-learn, which is not installed: {command}")
        raise ImportError(problem.format(name=name, command="pip install 'koubai[recipes]'")) from error
    return getattr(datasets, f"load_{name}")(**options)


def _labelled(
    name: str, inputs: NDArray[Any], targets: NDArray[Any], test: float, seed: int, **names: tuple[str, ...]
) -> LabelledData:
    task: Task = "regression" if targets.dtype.kind == "f" else "classification"
    targets = targets if task == "regression" else targets.astype(np.int64)
    train_part, test_part = cut(TensorDataset(inputs.astype(np.float32), targets), test, seed)
    return LabelledData(name.replace("_", "-"), task, train_part, test_part, **names)  # type: ignore[arg-type]
