"""Layers that rearrange, pad and resize put every element where they say."""

import numpy as np
import pytest

import koubai
from koubai import nn


def counting(*shape: int) -> koubai.Tensor:
    return koubai.arange(int(np.prod(shape)), dtype=koubai.float32).reshape(shape)


def test_flatten_and_unflatten_are_inverse():
    x = counting(2, 3, 4)
    assert nn.Flatten()(x).shape == (2, 12)
    assert nn.Flatten(0, 1)(x).shape == (6, 4)
    assert nn.Unflatten(1, (3, -1))(nn.Flatten()(x)).tolist() == x.tolist()


def test_pixel_shuffle_and_unshuffle_are_inverse():
    x = counting(2, 8, 3, 5)
    shuffled = nn.PixelShuffle(2)(x)
    assert shuffled.shape == (2, 2, 6, 10)
    assert shuffled[0, 0, :2, :2].flatten().tolist() == x[0, :4, 0, 0].tolist()
    assert nn.PixelUnshuffle(2)(shuffled).tolist() == x.tolist()
    with pytest.raises(RuntimeError, match="multiple of 3²"):
        nn.PixelShuffle(3)(x)
    with pytest.raises(RuntimeError, match="pixel_unshuffle"):
        nn.PixelUnshuffle(2)(x)


def test_channel_shuffle_deals_channels_out():
    assert nn.ChannelShuffle(2)(counting(1, 6, 1)).flatten().tolist() == [0, 3, 1, 4, 2, 5]


def test_fold_adds_up_what_unfold_took_apart():
    x = koubai.ones(1, 2, 4, 4)
    columns = nn.Unfold(3, padding=1)(x)
    assert columns.shape == (1, 18, 16)
    assert nn.Fold(4, 3, padding=1)(columns)[0, 0].tolist() == [
        [4, 6, 6, 4],
        [6, 9, 9, 6],
        [6, 9, 9, 6],
        [4, 6, 6, 4],
    ]


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.ZeroPad1d((1, 2)), [0, 1, 2, 3, 0, 0]),
        (nn.ConstantPad1d(1, 7.0), [7, 1, 2, 3, 7]),
        (nn.ReflectionPad1d(2), [3, 2, 1, 2, 3, 2, 1]),
        (nn.ReplicationPad1d((0, 2)), [1, 2, 3, 3, 3]),
        (nn.CircularPad1d((1, 1)), [3, 1, 2, 3, 1]),
        (nn.ZeroPad1d((-1, 0)), [2, 3]),
    ],
)
def test_padding(layer, expected):
    assert layer(koubai.tensor([[[1.0, 2.0, 3.0]]])).flatten().tolist() == expected


@pytest.mark.parametrize("kind", ["Zero", "Reflection", "Replication", "Circular"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_one_number_pads_every_side(kind, rank):
    layer = getattr(nn, f"{kind}Pad{rank}d")(1)
    assert layer(koubai.ones(1, 2, *[3] * rank)).shape == (1, 2, *[5] * rank)
    assert repr(layer) == f"{kind}Pad{rank}d({(1,) * 2 * rank})"


def test_padding_wants_two_numbers_for_each_dimension():
    with pytest.raises(ValueError, match=r"padding must be one number or 4 of them, got \(1, 2\)"):
        nn.ZeroPad2d((1, 2))


def test_upsampling():
    x = koubai.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    assert nn.Upsample(scale_factor=2)(x)[0, 0, 0].tolist() == [1, 1, 2, 2]
    assert nn.UpsamplingNearest2d(size=(2, 4))(x)[0, 0, 1].tolist() == [3, 3, 4, 4]
    assert nn.UpsamplingBilinear2d(size=3)(x)[0, 0].tolist() == [[1, 1.5, 2], [2, 2.5, 3], [3, 3.5, 4]]
    assert repr(nn.Upsample(size=4, mode="bilinear")) == "Upsample(size=4, mode='bilinear')"
