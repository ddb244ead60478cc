"""Random numbers: known bits, same seed same numbers, the right distributions, resumable state."""

import numpy as np
import pytest

import koubai
from koubai.ops.random import philox

# The known answers that the authors of Philox publish with their library (Random123, kat_vectors, philox4x32 10).
KNOWN = [
    (0, 0, 0, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    (
        0xFFFFFFFFFFFFFFFF,
        0xFFFFFFFFFFFFFFFF,
        0xFFFFFFFFFFFFFFFF,
        [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD],
    ),
]


def test_first_known_answer():
    key, draw, _, expected = KNOWN[0]
    assert philox(np, key, draw, 4).tolist() == expected


def test_second_known_answer_of_the_rounds():
    from koubai.ops.random import _rounds

    key, draw, position, expected = KNOWN[1]
    words = _rounds(np, np.array([position], np.uint64), key, draw)
    assert [int(word[0]) for word in words] == expected


def test_an_element_does_not_depend_on_how_many_are_drawn():
    assert philox(np, 7, 3, 100_001)[:10].tolist() == philox(np, 7, 3, 10).tolist()


def test_same_seed_same_numbers_and_another_seed_others():
    a = koubai.rand(10, generator=koubai.Generator().manual_seed(1))
    b = koubai.rand(10, generator=koubai.Generator().manual_seed(1))
    c = koubai.rand(10, generator=koubai.Generator().manual_seed(2))
    assert (a == b).all()
    assert not (a == c).any()


def test_state_goes_on_where_it_was_saved():
    g = koubai.Generator().manual_seed(5)
    koubai.rand(3, generator=g)
    state = g.get_state()
    expected = koubai.randn(4, generator=g)
    g.set_state(state)
    assert (koubai.randn(4, generator=g) == expected).all()
    with pytest.raises(RuntimeError, match=r"int64\[2\]"):
        g.set_state(koubai.zeros(3))


@pytest.mark.parametrize("dtype", [koubai.float32, koubai.float64])
def test_distributions(dtype):
    g = koubai.Generator().manual_seed(0)
    u = koubai.rand(200_000, dtype=dtype, generator=g).numpy()
    assert u.dtype == dtype
    assert u.min() >= 0
    assert u.max() < 1
    assert abs(u.mean() - 0.5) < 0.005
    n = koubai.randn(200_000, dtype=dtype, generator=g).numpy()
    assert abs(n.mean()) < 0.01
    assert abs(n.std() - 1) < 0.01
    assert abs((n**4).mean() - 3) < 0.1
    k = koubai.randint(-3, 4, (70_000,), generator=g).numpy()
    assert np.bincount(k + 3, minlength=7).min() > 9_500
    assert abs(koubai.bernoulli(koubai.full((100_000,), 0.3), generator=g).numpy().mean() - 0.3) < 0.01


def test_permutation_has_every_number_once():
    p = koubai.randperm(1000, generator=koubai.Generator().manual_seed(0))
    assert sorted(p.tolist()) == list(range(1000))
    assert p.tolist() != list(range(1000))


def test_multinomial_without_replacement_draws_each_at_most_once():
    weights = koubai.tensor([[1.0, 2.0, 0.0, 3.0]]).expand(500, 4)
    picked = koubai.multinomial(weights, 3, generator=koubai.Generator().manual_seed(0))
    assert all(sorted(row) == [0, 1, 3] for row in picked.tolist())
    share = koubai.multinomial(weights[0], 20_000, True, generator=koubai.Generator().manual_seed(1))
    assert np.allclose(np.bincount(share.numpy(), minlength=4) / 20_000, [1 / 6, 1 / 3, 0, 1 / 2], atol=0.02)


def test_random_numbers_in_a_traced_program_are_those_of_eager():
    x = koubai.ones(5)
    program = koubai.trace(lambda x: x * koubai.rand(5), x)
    koubai.manual_seed(11)
    traced = [program(x), program(x)]
    koubai.manual_seed(11)
    for values in traced:
        assert (values == koubai.rand(5)).all()


def test_numpys_global_state_is_not_touched():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the very thing to check
    koubai.manual_seed(0)
    koubai.randn(10)
    assert (before == np.random.get_state()[1]).all()  # noqa: NPY002
