"""Tokens are drawn as the scores, the temperature and the limits say."""

import numpy as np
import pytest

import koubai
from koubai.recipes.sampling import SamplingOptions, drawn

SHARES = np.array([0.5, 0.3, 0.15, 0.05])


def shares(**options: float) -> np.ndarray:
    scores = np.log(np.repeat(SHARES[None], 20_000, axis=0)).astype(np.float32)
    ids = drawn(scores, SamplingOptions(**options), koubai.Generator().manual_seed(0))
    return np.bincount(ids, minlength=4) / len(scores)


def test_at_temperature_1_as_the_model_says():
    np.testing.assert_allclose(shares(temperature=1), SHARES, atol=0.01)


def test_a_low_temperature_sharpens():
    np.testing.assert_allclose(shares(temperature=0.5), SHARES**2 / (SHARES**2).sum(), atol=0.01)
    assert shares(temperature=0).tolist() == [1, 0, 0, 0]


def test_top_k_and_top_p_leave_the_unlikely_out():
    np.testing.assert_allclose(shares(temperature=1, top_k=2), [0.625, 0.375, 0, 0], atol=0.01)
    np.testing.assert_allclose(shares(temperature=1, top_p=0.6), [0.625, 0.375, 0, 0], atol=0.01)
    assert shares(temperature=1, top_p=0.01).tolist() == [1, 0, 0, 0]
    np.testing.assert_allclose(shares(temperature=1, top_k=9, top_p=1), SHARES, atol=0.01)


def test_what_must_not_be_drawn_is_not():
    scores = np.array([[-np.inf, 0.0, -np.inf]] * 100, np.float32)
    assert set(drawn(scores, SamplingOptions(temperature=5), koubai.Generator().manual_seed(0))) == {1}


def test_the_same_seed_draws_the_same():
    scores = np.zeros((50, 9), np.float32)

    def ids(seed: int) -> list[int]:
        return drawn(scores, SamplingOptions(), koubai.Generator().manual_seed(seed)).tolist()

    assert ids(3) == ids(3) != ids(4)


@pytest.mark.parametrize("wrong", [{"temperature": -1}, {"top_k": 0}, {"top_p": 0}, {"top_p": 1.5}])
def test_impossible_options_are_refused(wrong: dict[str, float]):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SamplingOptions(**wrong)
