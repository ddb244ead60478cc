"""Composes scenes: handwritten digits of several sizes, placed at random, that overlap a little."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

import koubai
from koubai.data.draw import derived_generator, positions, uniform
from koubai.engine.random import Generator

Image = NDArray[np.float32]  # (H, W)

MOST = 5  # digits in a scene
NOTHING = -1  # the class of a place for a box that is not used
_SCALES = (0.7, 1.6)  # of a digit, 28 pixels at 1
_OVERLAP = 0.25  # largest share of the smaller of two boxes that lies in the other
_TRIES = 30  # places tried for a digit, which is left out if none is free
_INK = 0.25  # from here on a pixel belongs to the digit
_NOISE = 0.04  # standard deviation of the grey noise on a scene


@dataclass(frozen=True)
class Scenes:
    """Pictures and what is on them.

    Attributes:
        images: (N, 1, side, side), about 0 (background) to 1.
        boxes: (N, MOST, 5): class, left, top, right and bottom in pixels; class `NOTHING` where there is none.
    """

    images: NDArray[np.float32]
    boxes: NDArray[np.float32]


def compose(images: NDArray[Any], labels: NDArray[Any], count: int, side: int, seed: int) -> Scenes:
    """Compose scenes of digits.

    Args:
        images: single digits (M, 28, 28) from 0 to 1.
        labels: which digits they are (M,).
        count: how many scenes.
        side: their height and width in pixels.
        seed: the same seed gives the same scenes.
    """
    generator = derived_generator(seed, "scenes")
    scenes = np.zeros((count, 1, side, side), np.float32)
    boxes = np.zeros((count, MOST, 5), np.float32)
    boxes[..., 0] = NOTHING
    for scene, places in zip(scenes[:, 0], boxes):
        _fill(scene, places, images, labels, generator)
    noise = koubai.randn(scenes.shape, generator=generator, dtype=koubai.float32).numpy()
    return Scenes(scenes + _NOISE * noise, boxes)


def _fill(
    scene: Image, places: NDArray[Any], images: NDArray[Any], labels: NDArray[Any], generator: Generator
) -> None:
    """Place one to `MOST` digits."""
    wanted = 1 + _draw(MOST, generator)
    placed = 0
    for scale in uniform(wanted, generator, *_SCALES):
        chosen = _draw(len(images), generator)
        digit = _inked(_resized(images[chosen], round(scale * images.shape[1])))
        box = _free_place(digit.shape, places[:placed, 1:], len(scene), generator)
        if box is not None:
            left, top, right, bottom = box
            spot = scene[top:bottom, left:right]
            np.maximum(spot, digit, out=spot)
            places[placed] = labels[chosen], *box
            placed += 1


def _draw(count: int, generator: Generator) -> int:
    return int(positions(np.array(count), generator))


def _inked(image: Image) -> Image:
    """The part of a picture that holds the digit."""
    rows, columns = (np.flatnonzero((image > _INK).any(axis=axis)) for axis in (1, 0))
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _free_place(
    size: tuple[int, ...], taken: NDArray[Any], side: int, generator: Generator
) -> tuple[int, int, int, int] | None:
    """A random box of this size (height, width) that overlaps none of those taken too much."""
    room = np.array([side - size[1] + 1, side - size[0] + 1])  # places from left to right, from top to bottom
    if room.min() < 1:
        return None
    for left, top in positions(np.tile(room, (_TRIES, 1)), generator).tolist():
        box = (left, top, left + size[1], top + size[0])
        if not len(taken) or _overlaps(np.array(box), taken).max() <= _OVERLAP:
            return box
    return None


def _overlaps(box: NDArray[Any], others: NDArray[Any]) -> NDArray[Any]:
    """The share of the smaller of two boxes that lies in the other, for one box (4,) and each of others (K, 4)."""
    shared = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    areas = np.minimum(_area(box), _area(others))
    return np.asarray(np.clip(shared, 0, None).prod(axis=1) / areas)


def _area(boxes: NDArray[Any]) -> NDArray[Any]:
    return np.asarray((boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1]))


def _resized(image: Image, side: int) -> Image:
    """A square picture at another size, by bilinear interpolation along rows, then along columns."""
    weights = _weights(len(image), side)
    return np.asarray(weights @ image @ weights.T, np.float32)


@cache
def _weights(before: int, after: int) -> NDArray[np.float32]:
    """How much each old pixel gives to each new one (after, before)."""
    places = (np.arange(after) + 0.5) * before / after - 0.5
    distances = np.abs(np.clip(places, 0, before - 1)[:, None] - np.arange(before))
    return np.maximum(0.0, 1.0 - distances).astype(np.float32)
