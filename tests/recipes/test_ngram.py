"""N-grams smoothed as Witten and Bell do, against the formula by hand; frequent histories say what follows them."""

import numpy as np
import pytest

from koubai.recipes.ngram import NGrams, histories

TEXT = np.array([0, 1, 0, 1, 0, 2])  # a b a b a c


def probability(history: list[int], token: int, order: int) -> float:
    grams = NGrams(*histories(TEXT, 2, 3), 3)
    return float(grams.probabilities(np.array([history]), np.array([token]))[order, 0])


def test_unigrams_fall_back_on_evenly_spread_ones():
    # what follows in TEXT: b a b a c, so 3 kinds among 5; the first character follows nothing
    assert probability([0], 1, 0) == pytest.approx((2 + 3 * (1 / 3)) / (5 + 3))


def test_bigrams_fall_back_on_unigrams():
    unigram = (2 + 1) / 8
    assert probability([0], 1, 1) == pytest.approx((2 + 2 * unigram) / (3 + 2))  # after a: b b c
    assert probability([1], 2, 1) == pytest.approx((0 + 1 * (1 + 1) / 8) / (2 + 1))  # after b: a a


def test_an_unseen_history_leaves_the_lower_order():
    assert probability([2], 1, 1) == probability([2], 1, 0)


@pytest.mark.parametrize("order", range(4))
def test_probabilities_add_up_to_1(order: int):
    text = np.random.default_rng(0).integers(0, 5, 300)
    grams = NGrams(*histories(text, 4, 5), 5)
    history = np.repeat(text[None, :3], 5, axis=0)
    assert grams.probabilities(history, np.arange(5))[order].sum() == pytest.approx(1)


def test_order_shrinks_where_numbers_would_not_hold_it():
    history, following = histories(np.arange(100), 5, 100_000)
    assert history.shape == (98, 2)
    assert (following == history[:, -1] + 1).all()
