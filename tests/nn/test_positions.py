"""Positions are added to the elements, or turn queries and keys, in any layout and from any start."""

import math

import numpy as np
import pytest

import koubai
from koubai import nn

from .agreement import check_layer, close, double

ADDED = [
    lambda **settings: nn.SinusoidalPositions(6, 10, **settings, dtype=koubai.float64),
    lambda **settings: nn.LearnedPositions(6, 10, **settings, dtype=koubai.float64),
]


@pytest.fixture(autouse=True, params=[0, 1])
def _seed(request):
    koubai.manual_seed(request.param)


def test_sinusoidal_positions_are_the_papers():
    layer = nn.SinusoidalPositions(5, 8, dtype=koubai.float64)
    expected = [
        [(math.cos if i % 2 else math.sin)(t / 10000 ** ((i - i % 2) / 5)) for i in range(5)]
        for t in range(8)
    ]
    close(layer(koubai.zeros(8, 5, dtype=koubai.float64)), expected)
    assert not layer.state_dict()


def test_learned_positions_start_small():
    layer = nn.LearnedPositions(64, 512)
    assert list(layer.state_dict()) == ["weight"]
    assert layer.weight.std().item() == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize("make", ADDED)
def test_layouts_and_starts(make):
    layer, x = make(batch_first=True), double(2, 4, 6)
    table = layer(koubai.zeros(10, 6, dtype=koubai.float64)).numpy(force=True)
    close(layer(x), x.numpy() + table[:4])
    close(layer(x[0], 3), x[0].numpy() + table[3:7])
    close(layer(x, koubai.tensor(6)), x.numpy() + table[6:])
    other = make()
    other.load_state_dict(layer.state_dict())
    close(other(x.transpose(0, 1)).transpose(0, 1), layer(x).numpy(force=True))
    check_layer(layer, x)


def test_rotary_positions_turn_pairs():
    layer, x = nn.RotaryPositions(6, 10, dtype=koubai.float64), double(2, 3, 4, 6)
    angles = np.arange(10)[:, None] / 10000 ** (np.arange(3) / 3)
    pairs = x.numpy()[..., ::2] + 1j * x.numpy()[..., 1::2]
    for start in (0, 5, koubai.tensor(5)):
        turned = pairs * np.exp(1j * angles[int(start) : int(start) + 4])
        close(layer(x, start), np.stack([turned.real, turned.imag], -1).reshape(x.shape))
    check_layer(layer, x[0])


def test_products_of_turned_vectors_depend_on_the_distance():
    layer, q, k = nn.RotaryPositions(6, dtype=koubai.float64), double(1, 6), double(1, 6, seed=1)
    products = [(layer(q, start + 3) * layer(k, start)).sum().item() for start in (0, 7, 1000)]
    np.testing.assert_allclose(products, products[0])
    assert (layer(q, 4) * layer(k, 0)).sum().item() != pytest.approx(products[0])


def test_attention_with_rotary_positions_sees_distances_only():
    attention = nn.MultiheadAttention(8, 2, batch_first=True, dtype=koubai.float64)
    x = double(1, 5, 8)
    plain = attention(x, x, x)[0]
    attention.rotary = nn.RotaryPositions(4, dtype=koubai.float64)
    assert list(attention.state_dict()) == list(nn.MultiheadAttention(8, 2).state_dict())
    turned = attention(x, x, x)[0]
    assert not np.allclose(turned.numpy(force=True), plain.numpy(force=True))
    check_layer(attention, x, x, x)
    padded = koubai.cat([double(1, 3, 8, seed=4), x], 1)
    hidden = koubai.tensor([[True] * 3 + [False] * 5])
    later = attention(padded, padded, padded, key_padding_mask=hidden)[0][:, 3:]
    close(later, turned.numpy(force=True))


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (
            lambda: nn.SinusoidalPositions(6)(double(2, 4, 5)),
            RuntimeError,
            r"SinusoidalPositions: expected \(L, N, 6\) or \(L, 6\), got \[2, 4, 5\]",
        ),
        (
            lambda: nn.LearnedPositions(6, 3, batch_first=True)(double(2, 4, 6)),
            IndexError,
            "LearnedPositions: positions 0 to 3 are not among the first max_len=3",
        ),
        (lambda: nn.LearnedPositions(6, 3)(double(2, 6), koubai.tensor(2)), IndexError, "out of"),
        (lambda: nn.SinusoidalPositions(6)(double(2, 6), -1), IndexError, "positions -1 to 0"),
        (lambda: nn.RotaryPositions(5), ValueError, "head_dim 5 is odd"),
        (
            lambda: nn.RotaryPositions(4)(double(2, 6)),
            RuntimeError,
            r"expected \(\.\.\., L, 4\), got \[2, 6\]",
        ),
    ],
)
def test_mistakes(call, error, match):
    with pytest.raises(error, match=match):
        call()
