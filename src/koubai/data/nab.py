"""The Numenta Anomaly Benchmark: 58 series, most of them from real machines and streets, with known anomalies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from koubai.data.download import RemoteFile, fetch
from koubai.data.nab_files import NAB_FILES
from koubai.data.table import Table, is_number, read_csv
from koubai.i18n import _

_ADDRESS = "https://raw.githubusercontent.com/numenta/NAB/ea702d75cc2258d9d7dd35ca8e5e2539d71f3140/"
_WINDOWS_SHA256 = "1e1fbc4601321aad8d0f8b3784c8134299379f68f6c1f7777565f8ffd57ab6b1"


@dataclass(frozen=True)
class LabelledSeries:
    """Values in order of time, and when something was wrong.

    Attributes:
        name: of the series.
        times: when each value was measured (N,), to the second.
        values: (N,).
        windows: first and last place of each anomaly, in order; empty where none is known.
    """

    name: str
    times: NDArray[np.datetime64]
    values: NDArray[np.float64]
    windows: tuple[tuple[int, int], ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"LabelledSeries({self.name!r}: {len(self)} values, {len(self.windows)} anomalies)"


def nab(progress: bool = True) -> tuple[LabelledSeries, ...]:
    """The 58 series of the Numenta Anomaly Benchmark with 116 anomalies (Lavin and Ahmad 2015, MIT licence).

    Temperatures, taxis, traffic, tweets, advertising, servers, and eleven that were made up; 1,127 to 22,695 values.

    Args:
        progress: show a progress bar while downloading.

    Raises:
        DownloadError: when a file is not in the data folder and cannot be had.
    """
    windows = _known_windows(progress)
    return tuple(_read(name, windows, progress) for name in NAB_FILES)


def nab_series(name: str, progress: bool = True) -> LabelledSeries:
    """One of them, such as "realKnownCause/nyc_taxi".

    Args:
        name: of the series.
        progress: show a progress bar while downloading.

    Raises:
        DownloadError: when a file is not in the data folder and cannot be had.
        ValueError: there is no such series.
    """
    if name not in NAB_FILES:
        raise ValueError(_("There is no series {name!r} in NAB.").format(name=name))
    return _read(name, _known_windows(progress), progress)


def timed_series(path: str | Path, name: str | None = None) -> LabelledSeries:
    """Read a CSV file with a header: times in the first column, values in the last.

    Args:
        path: the file.
        name: of the series; by default the file's.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: when the file or a cell is wrong, with file, line and column.

    Example:
        >>> load = timed_series("cpu.csv")
    """
    table = read_csv(path)
    first, last = table.columns[0], table.columns[-1]
    if first == last:
        problem = _("a series needs two columns, times and values; the file has only {column!r}")
        raise ValueError(f"{path}: {problem.format(column=first)}")
    values = table.cells(last)
    for row, cell in enumerate(values):
        if not is_number(cell) or not np.isfinite(float(cell)):
            raise table.error(row, last, _("{cell!r} is no number").format(cell=cell))
    times = np.array([_time(table, row, first, cell) for row, cell in enumerate(table.cells(first))])
    return LabelledSeries(name or Path(path).stem, times, np.array(values, np.float64))


def _time(table: Table, row: int, column: str, cell: str) -> np.datetime64:
    try:
        moment = datetime.fromisoformat(cell.replace("/", "-"))
    except ValueError as error:
        problem = _("{cell!r} is no time such as 2024-05-01 09:30:00")
        raise table.error(row, column, problem.format(cell=cell)) from error
    return np.datetime64(moment.replace(tzinfo=None), "s")


def _with_windows(series: LabelledSeries, windows: Sequence[Sequence[str]]) -> LabelledSeries:
    """The same with windows given as pairs of times that occur in it."""
    places = {str(time): place for place, time in reversed(list(enumerate(series.times)))}
    known = tuple(
        (places[start[:19].replace(" ", "T")], places[end[:19].replace(" ", "T")]) for start, end in windows
    )
    return LabelledSeries(series.name, series.times, series.values, known)


def _known_windows(progress: bool) -> dict[str, list[list[str]]]:
    """First and last time of each anomaly of each file."""
    remote = _remote("labels/combined_windows.json", 15359, _WINDOWS_SHA256)
    windows: dict[str, list[list[str]]] = json.loads(fetch(remote, progress).read_text("utf-8"))
    return windows


def _read(name: str, windows: Mapping[str, list[list[str]]], progress: bool) -> LabelledSeries:
    path = fetch(_remote(f"data/{name}.csv", *NAB_FILES[name]), progress)
    return _with_windows(timed_series(path, name), windows[f"{name}.csv"])


def _remote(path: str, size: int, sha256: str) -> RemoteFile:
    return RemoteFile(f"nab/{path}", sha256, size, (_ADDRESS + path,))
