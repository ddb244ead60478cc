"""Series over time: passengers, sunspots, temperatures, or a column of a CSV file of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from koubai.data.download import RemoteFile, fetch
from koubai.data.table import is_number, read_csv
from koubai.i18n import _

_ADDRESS = "https://raw.githubusercontent.com/jbrownlee/Datasets/master/"


@dataclass(frozen=True)
class Series:
    """Values at equal distances in time.

    Attributes:
        name: of the data set.
        values: in order of time (N,), float64.
        times: when each was measured, as in the file.
        season: after how many values the course repeats.
        growing: whether swings grow with the level, so that logarithms are what to look at.
    """

    name: str
    values: NDArray[np.float64]
    times: tuple[str, ...]
    season: int
    growing: bool = False

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"Series({self.name!r}: {len(self)} values, {self.times[0]} to {self.times[-1]}; season {self.season})"


def airline_passengers(progress: bool = True) -> Series:
    """Passengers of international flights in thousands, each month of 1949 to 1960 (Box and Jenkins 1976, series G).

    Args:
        progress: show a progress bar while downloading.

    Raises:
        DownloadError: when the file is not in the data folder and cannot be had.
    """
    sha256 = "8cb51be753a718d9be5d76d7e238cc224792754676adc21faa59e954b0201621"
    return _downloaded("airline-passengers", 2180, sha256, 12, True, progress)


def sunspots(progress: bool = True) -> Series:
    """Sunspots, the mean of each month of 1749 to 1983; they come and go in about 11 years.

    Args:
        progress: show a progress bar while downloading.

    Raises:
        DownloadError: when the file is not in the data folder and cannot be had.
    """
    sha256 = "c4ec8cc57d9f6fb6ecdb3e1f37f25b6f4badd5124c55931052b0cd2fc3bc71f3"
    return _downloaded("monthly-sunspots", 45039, sha256, 132, False, progress)


def minimum_temperatures(progress: bool = True) -> Series:
    """The lowest temperature of each day in Melbourne, 1981 to 1990, in °C; 29 February is left out.

    Args:
        progress: show a progress bar while downloading.

    Raises:
        DownloadError: when the file is not in the data folder and cannot be had.
    """
    sha256 = "8b9de63ed6789492bf497625e7f9beb96a63d367b4b0a21754006f749fa5e5da"
    return _downloaded("daily-min-temperatures", 67921, sha256, 365, False, progress)


def series_from_csv(path: str | Path, season: int, growing: bool = False) -> Series:
    """Read a CSV file with a header: times in the first column, values in the last.

    Args:
        path: the file; one column alone holds the values.
        season: after how many values the course repeats, such as 12 for months.
        growing: whether swings grow with the level; all values must then be above 0.

    Raises:
        ValueError: when the file or a cell is wrong, with file, line and column.

    Example:
        >>> sales = series_from_csv("sales.csv", season=12)
    """
    table = read_csv(path)
    column = table.columns[-1]
    cells = table.cells(column)
    for row, cell in enumerate(cells):
        if not is_number(cell) or not np.isfinite(float(cell)):
            raise table.error(row, column, _("{cell!r} is no number").format(cell=cell))
        if growing and float(cell) <= 0:
            raise table.error(row, column, _("a growing series must be above 0"))
    times = (
        table.cells(table.columns[0])
        if len(table.columns) > 1
        else [str(row + 1) for row in range(len(cells))]
    )
    return Series(Path(path).stem, np.array(cells, np.float64), tuple(times), season, growing)


def _downloaded(name: str, size: int, sha256: str, season: int, growing: bool, progress: bool) -> Series:
    file = f"{name}.csv"
    remote = RemoteFile(f"tabular-jbrownlee/{file}", sha256, size, (_ADDRESS + file,))
    return series_from_csv(fetch(remote, progress), season, growing)
