"""Names, values and durations as people write them."""

import math

import pytest

from koubai import i18n
from koubai.report.labels import clock, duration, label, written


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("accuracy", 0.98333, "98.33 %"),
        ("loss", 0.0123456, "0.0123"),
        ("loss", 0.000123456, "0.0001235"),
        ("loss", 1.5, "1.5000"),
        ("mae", 43.12345, "43.12"),
        ("loss", math.nan, "nan"),
        ("accuracy", math.nan, "nan"),
        ("lr", 1e-05, "1e-05"),
        ("r2", None, "–"),
    ],
)
def test_values(metric: str, value: float | None, text: str) -> None:
    assert written(metric, value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (125, "2:05 min"), (3725, "1:02:05 h")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_clock_rounds_to_whole_seconds() -> None:
    assert clock(59.6) == "1:00"


def test_names_are_translated_and_unknown_ones_kept() -> None:
    with i18n.speaking("ja"):
        assert label("accuracy") == "正解率"
        assert label("my_metric") == "my metric"
