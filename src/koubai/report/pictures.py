"""Turns arrays into PNG pictures and pictures into data URIs, with nothing but NumPy and zlib."""

import base64
import struct
import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from koubai.report.canvas import DARK, LIGHT, Theme
from koubai.report.html import Html, tag

_GREY, _COLOUR = 0, 2  # colour types of the PNG specification (W3C PNG, section 11.2.1)


def looks_like_picture(shape: tuple[int, ...]) -> bool:
    """Whether a sample of this shape can be shown: (H, W), (1, H, W) or (3, H, W) with both sides above 3."""
    channels = shape[0] if len(shape) == 3 else 1
    return len(shape) in (2, 3) and channels in (1, 3) and min(shape[-2:]) > 3


def png(sample: NDArray[np.generic]) -> bytes:
    """A sample as a PNG, its smallest value black and its largest white.

    Args:
        sample: (H, W), (1, H, W) or (3, H, W), of any range.

    Raises:
        ValueError: when the shape is not one of these.
    """
    if not looks_like_picture(sample.shape):
        raise ValueError(f"a picture is (H, W), (1, H, W) or (3, H, W); this array is {sample.shape}")
    pixels = np.atleast_3d(sample if sample.ndim == 2 else sample.transpose(1, 2, 0))  # (H, W, channels)
    return _encoded(_stretched(pixels))


def data_uri(picture: bytes, kind: str = "image/png") -> str:
    """The picture written into an address, so that a page needs no second file."""
    return f"data:{kind};base64,{base64.b64encode(picture).decode()}"


def themed(draw: Callable[[Theme], bytes], name: str) -> Html:
    """A picture in two themes, of which the reader's screen takes one."""
    dark = tag("source", srcset=data_uri(draw(DARK)), media="(prefers-color-scheme: dark)")
    return tag("picture", dark, tag("img", src=data_uri(draw(LIGHT)), alt=name))


def _stretched(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    values = np.nan_to_num(pixels.astype(np.float64))
    low, high = values.min(), values.max()
    return np.asarray(np.round((values - low) * (255 / max(high - low, 1e-12))), dtype=np.uint8)


def _encoded(pixels: NDArray[np.uint8]) -> bytes:
    """PNG from (H, W, channels); every row starts with a 0, the filter "none"."""
    height, width, channels = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _GREY if channels == 1 else _COLOUR, 0, 0, 0)
    rows = np.insert(pixels.reshape(height, width * channels), 0, 0, axis=1)  # (H, 1 + W * channels)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
