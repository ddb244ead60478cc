"""The table of all data sets that `koubai.data.load` knows by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from koubai.data import bundled, downloaded
from koubai.data.csv_dataset import from_csv
from koubai.data.labelled import LabelledData
from koubai.data.schema import Task


@dataclass(frozen=True)
class Card:
    """What one wants to know of a data set before loading it.

    Attributes:
        load: the function that loads it.
        title: what it holds.
        task: "classification" or "regression".
        samples: how many there are in all.
        shape: of one input.
        classes: how many; 0 for a regression.
        origin: who made it.
        licence: under which terms it may be used, as far as its makers say.
        download: megabytes to download; 0 for what comes with scikit-learn.
    """

    load: Callable[..., LabelledData]
    title: str
    task: Task
    samples: int
    shape: tuple[int, ...]
    classes: int
    origin: str
    licence: str
    download: float = 0


_UCI = "CC BY 4.0"

DATASETS: dict[str, Card] = {
    "digits": Card(
        bundled.digits,
        "handwritten digits",
        "classification",
        1797,
        (1, 8, 8),
        10,
        "Alpaydin and Kaynak, 1998 (UCI)",
        _UCI,
    ),
    "iris": Card(bundled.iris, "iris flowers", "classification", 150, (4,), 3, "Fisher, 1936 (UCI)", _UCI),
    "wine": Card(
        bundled.wine, "Italian wines", "classification", 178, (13,), 3, "Forina et al., 1991 (UCI)", _UCI
    ),
    "breast-cancer": Card(
        bundled.breast_cancer,
        "breast tumours",
        "classification",
        569,
        (30,),
        2,
        "Wolberg et al., 1993 (UCI)",
        _UCI,
    ),
    "diabetes": Card(
        bundled.diabetes,
        "progress of diabetes",
        "regression",
        442,
        (10,),
        0,
        "Efron et al., 2004, Annals of Statistics",
        "none stated",
    ),
    "mnist": Card(
        downloaded.mnist,
        "handwritten digits",
        "classification",
        70000,
        (1, 28, 28),
        10,
        "LeCun, Cortes and Burges, 1998",
        "none stated",
        11.6,
    ),
    "fashion-mnist": Card(
        downloaded.fashion_mnist,
        "pictures of clothes",
        "classification",
        70000,
        (1, 28, 28),
        10,
        "Xiao, Rasul and Vollgraf, 2017 (Zalando)",
        "MIT",
        30.9,
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
        raise ValueError(
            f"there is no data set {str(name)!r}; there are {', '.join(DATASETS)}, and any file.csv"
        )
    return card.load(**options)
