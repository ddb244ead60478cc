"""Tables of numbers and words with a column to predict: incomes, houses, penguins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from koubai.data.download import RemoteFile, fetch
from koubai.data.table import Table, read_csv

_UCI = "https://archive.ics.uci.edu/ml/machine-learning-databases/adult/"
_ADULT = (
    "age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation", "relationship",
    "race", "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country", "income",
)  # fmt: skip
_ADULT_TRAIN = RemoteFile(
    "adult/adult.data",
    "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
    3974305,
    (_UCI + "adult.data",),
)
_ADULT_TEST = RemoteFile(
    "adult/adult.test",
    "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
    2003153,
    (_UCI + "adult.test",),
)
_HOUSING = RemoteFile(
    "california-housing/housing.csv",
    "8a3727f4cf54ac1a327f69b1d5b4db54c5834ea81c6e4efc0d163300022a685e",
    1423529,
    ("https://raw.githubusercontent.com/ageron/handson-ml2/master/datasets/housing/housing.csv",),
)
_PENGUINS = RemoteFile(
    "penguins/penguins.csv",
    "f204db2c753b0937caac3cb35258562c14f073e4bbc76be24b4c51ce22767a93",
    15241,
    ("https://raw.githubusercontent.com/allisonhorst/palmerpenguins/main/inst/extdata/penguins.csv",),
)


@dataclass(frozen=True)
class Records:
    """Rows of cells, of which one column is to be predicted from the others.

    Attributes:
        name: of the data set.
        target: the column that is to be predicted.
        train: the rows, or where there is a test part those to learn from.
        test: the rows that the makers of the data set hold out, or None.
    """

    name: str
    target: str
    train: Table
    test: Table | None = None


def adult(progress: bool = True) -> Records:
    """Who earns more than 50,000 dollars a year: 48,842 people of the US census of 1994 (Kohavi 1996).

    32,561 rows to learn from and 16,281 to test, 6 columns of numbers and 8 of words, 3 of which have missing
    cells; 24 % earn more. From the UCI repository, CC BY 4.0.

    Args:
        progress: show a progress bar while downloading.

    Raises:
        DownloadError: when a file is not in the data folder and cannot be had.
    """
    train, test = (_adult_table(fetch(part, progress)) for part in (_ADULT_TRAIN, _ADULT_TEST))
    return Records("adult", "income", train, test)


def california_housing(progress: bool = True) -> Records:
    """What houses cost in 20,640 districts of California in 1990 (Pace and Barry 1997), as Géron prepared it.

    8 columns of numbers, one of which has 207 missing cells, and one of words. Values are cut off at 500,001.

    Args:
        progress: show a progress bar while downloading.

    Raises:
        DownloadError: when the file is not in the data folder and cannot be had.
    """
    return Records("california-housing", "median_house_value", read_csv(fetch(_HOUSING, progress)))


def penguins(progress: bool = True) -> Records:
    """Three species of penguins on three islands: 344 birds, some cells missing (Horst et al. 2020, CC0).

    Args:
        progress: show a progress bar while downloading.

    Raises:
        DownloadError: when the file is not in the data folder and cannot be had.
    """
    return Records("penguins", "species", read_csv(fetch(_PENGUINS, progress)))


def _adult_table(path: Path) -> Table:
    """Neither file has a header; the test file begins with a remark and ends its rows with a full stop."""
    numbered = enumerate(path.read_text("utf-8").splitlines(), 1)
    lines = [(number, line.rstrip(".")) for number, line in numbered if line and not line.startswith("|")]
    rows = tuple(tuple(cell.strip() for cell in line.split(",")) for _number, line in lines)
    return Table(str(path), _ADULT, rows, tuple(number for number, _line in lines))
