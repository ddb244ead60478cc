"""Small plots of characters."""

import math

import pytest

from koubai.cli.sparkline import bar, log_shares, sparkline


def test_a_line_goes_from_its_lowest_to_its_highest_value() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([3, 3]) == "▅▅"
    assert sparkline([]) == ""


def test_values_far_apart_are_drawn_by_their_logarithm() -> None:
    assert sparkline([1e-6, 1e-4, 1e-2, 1]) == "▁▃▆█"
    assert sparkline([0, 1e-4, 1]) == "▁▁█"


def test_what_is_no_number_is_a_gap() -> None:
    assert sparkline([0, math.nan, 1, math.inf]) == "▁ █ "
    assert sparkline([math.nan]) == " "


def test_many_values_share_blocks() -> None:
    assert sparkline(list(range(1000)), width=8) == "▁▂▃▄▅▆▇█"


@pytest.mark.parametrize(
    ("share", "drawn"), [(0, "▏"), (0.5, "████"), (0.505, "████"), (0.55, "████▍"), (1, "████████")]
)
def test_bars(share: float, drawn: str) -> None:
    assert bar(share, 8) == drawn


def test_bars_by_the_logarithm_leave_room_for_the_smallest() -> None:
    assert log_shares([1e-3, 1e-2, 1e-1]) == pytest.approx([1 / 3, 2 / 3, 1])
    assert log_shares([0, 1]) == [0, 1]
    assert log_shares([0, 0]) == [0, 0]
