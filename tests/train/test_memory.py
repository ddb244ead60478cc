"""When memory runs out: the layer, the bytes, and a batch that fits."""

import numpy as np
import pytest

from koubai import nn
from koubai.train import OutOfMemory


class Hungry(nn.Module):
    """A layer for which at most `limit` samples fit into memory."""

    def __init__(self, limit):
        super().__init__()
        self.limit = limit

    def forward(self, x):
        if x.shape[0] > self.limit:
            np.empty((1 << 50, x.shape[0]), np.float64)
        return x


@pytest.mark.parametrize(("limit", "fits"), [(25, 22), (45, 45), (2, 2)])
def test_the_error_says_which_layer_how_much_and_what_fits(make, blobs, limit, fits):
    model = nn.Sequential(make.model(dropout=0.5), nn.Sequential(Hungry(limit)))
    before = make.weights(model)
    with pytest.raises(OutOfMemory) as caught:
        make.trainer(model).fit(blobs, batch_size="full")
    assert caught.value.fits == fits
    assert caught.value.bytes == (1 << 53) * 90
    assert caught.value.layer == "1.0 (Hungry)"
    message = str(caught.value)
    assert "out of memory with a batch of 90 samples: 1.0 (Hungry) asked for 7.55e+08 GiB more" in message
    assert f"batch_size={fits}, with accumulate=" in message
    assert "koubai.checkpoint" in message
    assert make.weights(model) == before


def test_if_nothing_fits_it_says_so(make, blobs):
    model = nn.Sequential(make.model(), Hungry(0))
    with pytest.raises(OutOfMemory, match="No smaller batch fits") as caught:
        make.trainer(model).fit(blobs)
    assert caught.value.fits == 0


def test_out_of_memory_is_a_memory_error_without_a_layer_too(make, blobs):
    def loss(output, target):
        raise MemoryError

    with pytest.raises(MemoryError, match="the loss or the backward pass asked for an unknown amount"):
        make.trainer(loss=loss).fit(blobs)
