"""Paints pictures with what is shown on them: boxes around things, heat where the model looks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from koubai.recipes.exhibit import Array, Box, Pictures
from koubai.report.pictures import png

_LEAST_SIDE = 224  # pixels that a picture with boxes is enlarged to, so that their lines are thin
_TRUE, _SEEN = (
    (95, 203, 152),
    (240, 160, 103),
)  # report.css's green for what is there, orange for what is seen
_DARK = (29, 36, 41)  # report.css's ink
_NAME_SIZE = 14  # pixels of the letters beside a box
_HOT, _COLD = np.array([1.0, 0.25, 0.1]), np.array([0.1, 0.45, 1.0])
_GAP = 8  # pixels between pictures in one file
Pixels = NDArray[np.uint8]  # (H, W, 3)


def painted(exhibit: Pictures) -> list[bytes]:
    """Each picture as PNG, with its boxes and its heat."""
    if not exhibit.boxes and exhibit.heat is None:
        return [png(image) for image in exhibit.images]
    return [png(pixels.transpose(2, 0, 1)) for pixels in _all_pixels(exhibit)]


def one_file(exhibit: Pictures) -> bytes:
    """All pictures side by side, as one PNG."""
    pixels = _all_pixels(exhibit)
    gap = np.full((len(pixels[0]), _GAP, 3), 255, np.uint8)
    row = [piece for one in pixels for piece in (gap, one)][1:]
    return png(np.concatenate(row, axis=1).transpose(2, 0, 1))


def _all_pixels(exhibit: Pictures) -> list[Pixels]:
    heats = exhibit.heat if exhibit.heat is not None else [None] * len(exhibit.images)
    boxes = exhibit.boxes or ((),) * len(exhibit.images)
    return [_pixels(*parts) for parts in zip(exhibit.images, heats, boxes, strict=True)]


def _pixels(image: Array, heat: Array | None, boxes: Sequence[Box]) -> Pixels:
    colours = np.asarray(image if image.ndim == 3 else image[None], np.float64)  # (1 or 3, H, W)
    colours = np.nan_to_num(colours - colours.min()) / max(np.ptp(colours), 1e-12)
    whole = np.broadcast_to(colours, (3, *colours.shape[1:])).transpose(1, 2, 0)  # (H, W, 3)
    if heat is not None:
        whole = _heated(whole, np.asarray(heat, np.float64))
    times = max(1, -(-_LEAST_SIDE // min(whole.shape[:2])))
    large = np.round(255 * whole).astype(np.uint8).repeat(times, axis=0).repeat(times, axis=1)
    for box in sorted(boxes, key=lambda box: not box.true):  # what is seen above what is there
        _outline(large, box, times)
    return _with_names(large, boxes, times)


def _heated(pixels: Array, heat: Array) -> Array:
    """Red laid over grey, blue where the heat is negative: the more heat, the less of the picture is left."""
    share = np.clip(np.abs(heat) / max(np.abs(heat).max(), 1e-12), 0, 1)[..., None]  # (H, W, 1)
    grey = pixels.mean(axis=2, keepdims=True)
    colours = np.where(heat[..., None] < 0, _COLD, _HOT)
    return np.asarray(grey * (1 - 0.75 * share) + colours * 0.75 * share)


def _outline(pixels: Pixels, box: Box, times: int) -> None:
    height, width = pixels.shape[:2]
    left, right = (int(np.clip(round(x * times), 0, width - 2)) for x in (box.left, box.right))
    top, bottom = (int(np.clip(round(y * times), 0, height - 2)) for y in (box.top, box.bottom))
    colour = _TRUE if box.true else _SEEN
    pixels[top : top + 2, left : right + 2] = pixels[bottom : bottom + 2, left : right + 2] = colour
    pixels[top : bottom + 2, left : left + 2] = pixels[top : bottom + 2, right : right + 2] = colour


def _with_names(pixels: Pixels, boxes: Sequence[Box], times: int) -> Pixels:
    """The picture with each box's name above it, or inside where there is no room; without Pillow as it was."""
    named = [box for box in boxes if box.name]
    if not named:
        return pixels
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError:
        return pixels
    image = Image.fromarray(pixels)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(_NAME_SIZE)
    for box in named:
        width, height = (math.ceil(side) for side in draw.textbbox((0, 0), box.name, font)[2:])
        x = int(np.clip(round(box.left * times), 0, max(0, image.width - width - 4)))
        y = round(box.top * times) - height - 3
        y = y if y >= 0 else round(box.top * times)
        draw.rectangle((x, y, x + width + 3, y + height + 3), fill=_TRUE if box.true else _SEEN)
        draw.text((x + 2, y), box.name, fill=_DARK, font=font)
    return np.asarray(image)
