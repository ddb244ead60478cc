"""The table of all data sets that `koubai.data.load` knows by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from koubai.data import bundled, cifar, downloaded
from koubai.data.csv_dataset import from_csv
from koubai.data.labelled import LabelledData
from koubai.data.schema import Task
from koubai.i18n import _


@dataclass(frozen=True)
class Card:
    """What one wants to know of a data set before loading it.

    Attributes:
        load: the function that loads it.
        title: what it holds.
        samples: how many there are in all.
        shape: of one input.
        classes: how many; 0 for a regression.
        origin: who made it.
        licence: under which terms it may be used, as far as its makers say.
        download: megabytes to download; 0 for what comes with scikit-learn.
    """

    load: Callable[..., LabelledData]
    title: str
    samples: int
    shape: tuple[int, ...]
    classes: int
    origin: str
    licence: str
    download: int = 0

    @property
    def task(self) -> Task:
        """What it is for: "classification" or "regression"."""
        return "classification" if self.classes else "regression"


_UCI = "CC BY 4.0"  # what the UCI repository says of all its sets
_NONE = "none stated"

DATASETS: dict[str, Card] = {
    "digits": Card(bundled.digits, "handwritten digits", 1797, (1, 8, 8), 10, "Alpaydin, Kaynak 1998", _UCI),
    "iris": Card(bundled.iris, "iris flowers", 150, (4,), 3, "Fisher 1936", _UCI),
    "wine": Card(bundled.wine, "Italian wines", 178, (13,), 3, "Aeberhard, Forina 1992", _UCI),
    "breast-cancer": Card(
        bundled.breast_cancer, "breast tumours", 569, (30,), 2, "Wolberg et al. 1993", _UCI
    ),
    "diabetes": Card(bundled.diabetes, "progress of diabetes", 442, (10,), 0, "Efron et al. 2004", _NONE),
    "mnist": Card(
        downloaded.mnist,
        "handwritten digits",
        70000,
        (1, 28, 28),
        10,
        "LeCun et al. 1998",
        _NONE,
        download=12,
    ),
    "fashion-mnist": Card(
        downloaded.fashion_mnist, "clothes", 70000, (1, 28, 28), 10, "Xiao et al. 2017", "MIT", download=31
    ),
    "cifar-10": Card(
        cifar.cifar10,
        "animals and vehicles in colour",
        60000,
        (3, 32, 32),
        10,
        "Krizhevsky 2009",
        _NONE,
        download=170,
    ),
}


def load(name: str | Path, **options: Any) -> LabelledData:
    """Load a data set by its name, or a CSV file by its path.

    Args:
        name: a name in the table `DATASETS`, or the path of a file that ends in ".csv".
        **options: what its own function takes: `digits`, `mnist`, `from_csv` and so on.

    Raises:
        ValueError: when there is no data set of this name.

    Example:
        >>> koubai.data.load("iris")
        >>> koubai.data.load("houses.csv", target="price", missing="fill")
    """
    if str(name).lower().endswith(".csv"):
        return from_csv(name, **options)
    card = DATASETS.get(str(name).replace("_", "-"))
    if card is None:
        problem = _("There is no data set {name!r}. There are {names}, and any file that ends in .csv.")
        raise ValueError(problem.format(name=str(name), names=", ".join(DATASETS)))
    return card.load(**options)
