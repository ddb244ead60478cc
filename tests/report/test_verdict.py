"""Learning curves are read as a person would read them."""

import math

import pytest

from koubai import i18n
from koubai.report.verdict import read_curves

FALLING = [2.0 * 0.7**epoch for epoch in range(12)]
FLAT = [*FALLING, *[FALLING[-1]] * 8]


def test_overfitting_is_seen_where_validation_turned_up() -> None:
    validation = [1.0, 0.6, 0.4, 0.3, 0.25, 0.28, 0.33, 0.38, 0.45, 0.5]
    verdict = read_curves(FALLING[:10], validation)
    assert verdict.kind == "overfitting"
    assert verdict.best == verdict.turned_up == 5
    assert "epoch 5 of 10" in verdict.sentence


def test_a_little_noise_after_the_best_epoch_is_no_overfitting() -> None:
    validation = [1.0, 0.6, 0.4, 0.3, 0.30, 0.301, 0.302, 0.301, 0.3005, 0.301]
    assert read_curves(FLAT[:10], validation).kind == "levelled_off"


@pytest.mark.parametrize("validation", [[], FALLING])
def test_curves_that_still_fall(validation: list[float]) -> None:
    assert read_curves(FALLING, validation).kind == "still_falling"


def test_curves_that_lie_flat_and_close() -> None:
    verdict = read_curves(FLAT, FLAT)
    assert verdict.kind == "levelled_off"
    assert "healthy" in verdict.sentence


def test_a_wide_gap_is_named() -> None:
    verdict = read_curves(FLAT, [max(loss, 0.3) for loss in FLAT])
    assert verdict.kind == "levelled_off"
    assert "gap" in verdict.sentence


def test_a_loss_that_is_no_number() -> None:
    verdict = read_curves([1.0, 0.5, math.nan, math.nan])
    assert verdict.kind == "diverged"
    assert verdict.best == 2
    assert "epoch 3" in verdict.sentence


def test_a_loss_that_did_not_fall() -> None:
    assert read_curves([2.3, 2.31, 2.3, 2.29], [2.3] * 4).kind == "not_learning"


def test_a_zigzag_is_a_learning_rate_that_is_too_large() -> None:
    zigzag = [2.0, 1.4, *[1.1, 1.5] * 6]
    verdict = read_curves(zigzag, zigzag)
    assert verdict.kind == "zigzag"
    assert "too large" in verdict.sentence
    assert not verdict.healthy


def test_small_swings_around_a_low_loss_are_no_zigzag() -> None:
    assert (
        read_curves([*FALLING, *[FALLING[-1] * factor for factor in (1.2, 0.9) * 6]]).kind == "levelled_off"
    )


def test_a_creeping_loss_is_a_learning_rate_that_is_too_small() -> None:
    verdict = read_curves([2.3 - 0.001 * epoch for epoch in range(12)])
    assert verdict.kind == "flat"
    assert "0.5% in 12 epochs" in verdict.sentence
    assert not verdict.healthy


@pytest.mark.parametrize("losses", [[], [1.0], [1.0, 0.5]])
def test_too_few_epochs(losses: list[float]) -> None:
    assert read_curves(losses).kind == "too_short"


def test_the_verdict_speaks_japanese() -> None:
    with i18n.speaking("ja"):
        assert "過学習" in read_curves(FALLING[:6], [1.0, 0.5, 0.6, 0.8, 1.0, 1.2]).sentence
