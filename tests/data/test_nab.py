"""The series of NAB come with their anomalies' places; a user's series is read or refused with a reason."""

import os
from pathlib import Path

import numpy as np
import pytest

from koubai.data import log_lines, nab, nab_series, timed_series


def written(folder: Path, text: str) -> Path:
    (folder / "load.csv").write_text(text)
    return folder / "load.csv"


def test_times_and_values_are_read(tmp_path):
    path = written(
        tmp_path,
        "timestamp,value\n2024-05-01 09:30:00,1.5\n2024-05-01T09:35:00Z,2\n2024/05/01 09:40:00.25,3e1\n",
    )
    series = timed_series(path)
    assert series.name == "load"
    assert series.values.tolist() == [1.5, 2, 30]
    assert np.diff(series.times).astype(int).tolist() == [300, 300]
    assert series.windows == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("value\n1\n2\n", "only 'value'"),
        ("time,value\n2024-05-01,1\n2024-05-02,much\n", "line 3, column 'value': 'much' is no number"),
        ("time,value\n2024-05-01,nan\n", "'nan' is no number"),
        ("time,value\n2024-05-01,1\nyesterday,2\n", "line 3, column 'time': 'yesterday' is no time"),
        ("", "empty"),
    ],
)
def test_what_is_no_series_is_refused(tmp_path, text, problem):
    with pytest.raises(ValueError, match=problem):
        timed_series(written(tmp_path, text))


def test_a_name_that_nab_does_not_have():
    with pytest.raises(ValueError, match="no series 'realKnownCause/nothing'"):
        nab_series("realKnownCause/nothing")


def test_the_real_ones():
    if not (Path(os.environ.get("KOUBAI_DATA", "nowhere")) / "nab" / "labels").is_dir():
        pytest.skip("KOUBAI_DATA has no data of nab")
    corpus = nab()
    assert len(corpus) == 58
    assert sum(map(len, corpus)) == 365558
    assert sum(len(one.windows) for one in corpus) == 116
    taxi = nab_series("realKnownCause/nyc_taxi")
    assert len(taxi) == 10320
    start, end = taxi.windows[0]
    assert str(taxi.times[start]) == "2014-10-30T15:30:00"
    assert str(taxi.times[end]) == "2014-11-03T22:30:00"


def test_lines_of_a_log_are_made_by_their_seed():
    made, again, other = log_lines(3000, 0.01, 1), log_lines(3000, 0.01, 1), log_lines(3000, 0.01, 2)
    assert made.lines == again.lines != other.lines
    assert 10 < made.anomalous.sum() < 60
    assert not log_lines(100, 0.0).anomalous.any()
    assert all(line.startswith("2024-03-01T") and "{" not in line for line in made.lines)
    assert list(made.lines) == sorted(made.lines, key=lambda line: line[:19])
