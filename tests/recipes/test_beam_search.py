"""Beam search finds the likeliest sentences, where a greedy search is led astray."""

from itertools import product

import numpy as np
import pytest

from koubai.recipes.beam_search import Hypothesis, beam_search

BEGIN, END, A, B = range(4)


class Chain:
    """Probabilities of tokens after the last two, and what a decoder with a state would see."""

    def __init__(self, table: dict[tuple[int, ...], list[float]], beams: int) -> None:
        self.table = table
        self.seen: list[tuple[int, ...]] = [()] * beams

    def __call__(self, tokens, parents):
        self.seen = [(*self.seen[parent], int(token)) for parent, token in zip(parents, tokens)]
        with np.errstate(divide="ignore"):
            return np.log([self.table.get(row[-2:], [0, 1, 0, 0]) for row in self.seen])


# the greedy way is A (0.6), then at best 0.5 · 0.6; B is less likely at first, and then nearly sure of its end
ASTRAY = {
    (BEGIN,): [0, 0, 0.6, 0.4],
    (BEGIN, A): [0, 0.2, 0.4, 0.4],
    (BEGIN, B): [0, 0.9, 0.05, 0.05],
}


def search(width: int, penalty: float = 0.0, table=ASTRAY, samples: int = 1) -> list[list[Hypothesis]]:
    return beam_search(
        Chain(table, samples * width),
        samples,
        begin=BEGIN,
        end=END,
        longest=6,
        width=width,
        length_penalty=penalty,
    )


def test_a_beam_finds_what_the_greedy_way_misses():
    assert search(1)[0][0].tokens in ([A, A], [A, B])
    best = search(3)[0][0]
    assert best.tokens == [B]
    assert best.log_probability == pytest.approx(np.log(0.4 * 0.9))


def test_hypotheses_are_sorted_and_true():
    found = search(3)[0]
    logs = [each.log_probability for each in found]
    assert logs == sorted(logs, reverse=True)
    assert found[1].tokens in ([A, A], [A, B])
    assert found[1].log_probability == pytest.approx(np.log(0.6 * 0.4))


def test_a_length_penalty_prefers_longer_sentences():
    table = {(BEGIN,): [0, 0, 0.5, 0.5], (BEGIN, A): [0, 1, 0, 0], (BEGIN, B): [0, 0, 0.98, 0.02]}
    assert search(3, 0.0, table)[0][0].tokens == [A]
    assert search(3, 2.0, table)[0][0].tokens == [B, A]


def test_samples_are_searched_side_by_side_as_alone():
    assert search(3, samples=4) == search(3) * 4


def test_a_wide_beam_finds_the_best_of_all():
    random = np.random.default_rng(0)
    shares = {pair: random.dirichlet(np.ones(3)) for pair in [(BEGIN,), *product((BEGIN, A, B), (A, B))]}
    table = {pair: [0, *row] for pair, row in shares.items()}

    def log_probability(sentence):
        whole, total = (BEGIN, *sentence, END), 0.0
        for place in range(1, len(whole)):
            total += np.log(table[whole[max(0, place - 2) : place]][whole[place]])
        return total

    every = [s for length in range(6) for s in product((A, B), repeat=length)]
    best = max(every, key=log_probability)
    found = search(40, 0.0, table)[0][0]
    assert tuple(found.tokens) == best
    assert found.log_probability == pytest.approx(log_probability(best))


def test_what_does_not_end_is_cut_off():
    endless = {(BEGIN,): [0, 0, 1, 0], (BEGIN, A): [0, 0, 1, 0], (A, A): [0, 0, 1, 0]}
    assert search(2, table=endless)[0][0].tokens == [A] * 6
