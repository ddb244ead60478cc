"""Arrays become PNG pictures that other programs read."""

import base64
import io

import numpy as np
import pytest

from koubai.report.pictures import data_uri, looks_like_picture, png


def decoded(picture: bytes) -> np.ndarray:
    image = pytest.importorskip("PIL.Image")
    return np.asarray(image.open(io.BytesIO(picture)))


def test_grey_picture_keeps_its_pixels() -> None:
    sample = np.arange(20, dtype=np.float32).reshape(4, 5) / 19
    assert np.array_equal(decoded(png(sample)), np.round(sample * 255).astype(np.uint8))


def test_one_channel_is_the_same_as_none() -> None:
    sample = np.arange(16.0).reshape(4, 4)
    assert png(sample) == png(sample[None])


def test_colour_picture_is_turned_channels_last() -> None:
    sample = np.random.default_rng(0).integers(0, 256, (3, 6, 4))
    sample[0, 0, 0], sample[0, 0, 1] = 0, 255
    assert np.array_equal(decoded(png(sample)), sample.transpose(1, 2, 0))


def test_constant_and_broken_values_are_drawn_all_the_same() -> None:
    assert decoded(png(np.full((4, 4), 7.0))).max() == 0
    assert decoded(png(np.full((4, 4), np.nan))).shape == (4, 4)


@pytest.mark.parametrize("shape", [(5,), (2, 8, 8), (8, 3), (1, 2, 3, 4)])
def test_other_shapes_are_no_pictures(shape: tuple[int, ...]) -> None:
    assert not looks_like_picture(shape)
    with pytest.raises(ValueError, match="a picture is"):
        png(np.zeros(shape))


def test_data_uri_holds_the_picture() -> None:
    uri = data_uri(b"\x89PNG")
    assert uri.startswith("data:image/png;base64,")
    assert base64.b64decode(uri.partition(",")[2]) == b"\x89PNG"
