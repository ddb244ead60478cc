"""Augmentation for images: each image of a batch gets its own chance, and all are computed at once.

Names and arguments are those of torchvision's transforms where it has them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koubai.data.draw import chance, positions, uniform
from koubai.data.transform import Transform, probability
from koubai.data.values import same_kind, to_array
from koubai.engine.random import Generator

Images = NDArray[Any]  # (N, C, H, W)
Pair = tuple[int, int]


class ImageTransform(Transform):
    """The base of image transforms: define `change_images`."""

    def change(self, inputs: Any, generator: Generator | None) -> Any:
        """The changed images: a tensor where `inputs` is one, else an array, of the same dtype.

        Raises:
            ValueError: when the inputs have neither shape (C, H, W) nor (N, C, H, W).
        """
        array = to_array(inputs)
        if array.ndim not in (3, 4):
            raise ValueError(
                f"{type(self).__name__}: images are (C, H, W) or (N, C, H, W), but this is {list(array.shape)}"
            )
        changed = self.change_images(array[None] if array.ndim == 3 else array, generator)
        return same_kind(changed[0] if array.ndim == 3 else changed, inputs)

    def change_images(self, images: Images, generator: Generator | None) -> Images:
        """The changed images (N, C, H', W')."""
        raise NotImplementedError(f"{type(self).__name__} has to define change_images(images, generator)")


class RandomHorizontalFlip(ImageTransform):
    """Mirror left and right.

    Args:
        p: the probability for each image.
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = probability(p)

    def change_images(self, images: Images, generator: Generator | None) -> Images:
        """Mirror the chosen images."""
        return _where_chosen(chance(len(images), self.p, generator), images[..., ::-1], images)


class RandomVerticalFlip(ImageTransform):
    """Mirror top and bottom.

    Args:
        p: the probability for each image.
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = probability(p)

    def change_images(self, images: Images, generator: Generator | None) -> Images:
        """Mirror the chosen images."""
        return _where_chosen(chance(len(images), self.p, generator), images[..., ::-1, :], images)


class RandomRotation(ImageTransform):
    """Turn around the centre by a random angle, with bilinear interpolation; the size stays.

    Args:
        degrees: the range (low, high) of angles, anticlockwise; one number d is (-d, d).
        fill: the value of what comes in from outside of the image.
    """

    def __init__(self, degrees: float | tuple[float, float], fill: float = 0.0) -> None:
        self.degrees = (-degrees, degrees) if isinstance(degrees, int | float) else degrees
        self.fill = fill

    def change_images(self, images: Images, generator: Generator | None) -> Images:
        """Turn each image by an angle of its own."""
        angles = np.radians(uniform(len(images), generator, *self.degrees))[:, None, None]  # (N, 1, 1)
        height, width = images.shape[2:]
        y, x = np.arange(height)[:, None] - (height - 1) / 2, np.arange(width) - (width - 1) / 2
        # Each new pixel looks back to where it comes from: turned by the opposite angle, and y points down.
        rows = np.sin(angles) * x + np.cos(angles) * y + (height - 1) / 2  # (N, H, W)
        columns = np.cos(angles) * x - np.sin(angles) * y + (width - 1) / 2
        return _interpolate(images, rows, columns, self.fill)


class RandomCrop(ImageTransform):
    """Cut out a window at a random place, after padding the image on all sides.

    Args:
        size: height and width of the window in pixels; one number makes it square.
        padding: pixels added on each side (height, width), or one number for both.
        fill: the value of the padding.
    """

    def __init__(self, size: int | Pair, padding: int | Pair = 0, fill: float = 0.0) -> None:
        self.size = _pair(size)
        self.padding = _pair(padding)
        self.fill = fill

    def change_images(self, images: Images, generator: Generator | None) -> Images:
        """Cut a window of its own out of each image.

        Raises:
            ValueError: when the window is larger than the padded image.
        """
        places = [
            length + 2 * pad - size + 1
            for length, pad, size in zip(images.shape[2:], self.padding, self.size)
        ]
        if min(places) < 1:
            raise ValueError(
                f"RandomCrop: a window of {self.size} does not fit into images of {images.shape[2:]} "
                f"with padding {self.padding}"
            )
        corners = positions(np.tile(places, (len(images), 1)), generator) - self.padding  # (N, 2)
        return _windows(images, corners, self.size, self.fill)


class RandomShift(ImageTransform):
    """Move the image by a random number of whole pixels; the size stays.

    Args:
        pixels: the largest move (up or down, left or right), or one number for both.
        fill: the value of what comes in from outside of the image.
    """

    def __init__(self, pixels: int | Pair, fill: float = 0.0) -> None:
        self.pixels = _pair(pixels)
        self.fill = fill

    def change_images(self, images: Images, generator: Generator | None) -> Images:
        """Move each image by a step of its own: a crop of the same size out of the padded image."""
        return RandomCrop(images.shape[2:], self.pixels, self.fill).change_images(images, generator)


class Cutout(ImageTransform):
    """Blank out a square around a random pixel, so that it may stick out over the edge.

    DeVries and Taylor, 2017, "Improved Regularization of Convolutional Neural Networks with Cutout".

    Args:
        size: the side of the square in pixels.
        fill: the value inside the square.
        p: the probability for each image.
    """

    def __init__(self, size: int, fill: float = 0.0, p: float = 1.0) -> None:
        self.size = size
        self.fill = fill
        self.p = probability(p)

    def change_images(self, images: Images, generator: Generator | None) -> Images:
        """Blank out a square of its own in each chosen image."""
        chosen = chance(len(images), self.p, generator)
        centres = positions(np.tile(images.shape[2:], (len(images), 1)), generator)  # (N, 2)
        inside = _rectangles(images, centres - self.size // 2, np.full_like(centres, self.size))
        return _where_chosen(chosen, np.where(inside, _cast(self.fill, images), images), images)


class RandomErasing(ImageTransform):
    """Blank out a rectangle of random size, shape and place inside the image.

    Zhong et al., 2017, "Random Erasing Data Augmentation", algorithm 1. Where a drawn rectangle does not fit,
    it is cut to the image's size; the paper and torchvision draw again.

    Args:
        p: the probability for each image.
        scale: the range of the rectangle's area as a share of the image's.
        ratio: the range of the rectangle's height by its width.
        value: the value inside the rectangle.
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: tuple[float, float] = (0.02, 0.33),
        ratio: tuple[float, float] = (0.3, 3.3),
        value: float = 0.0,
    ) -> None:
        self.p = probability(p)
        self.scale = scale
        self.ratio = ratio
        self.value = value

    def change_images(self, images: Images, generator: Generator | None) -> Images:
        """Blank out a rectangle of its own in each chosen image."""
        count, (height, width) = len(images), images.shape[2:]
        chosen = chance(count, self.p, generator)
        area = uniform(count, generator, *self.scale) * height * width
        ratio = np.exp(uniform(count, generator, *map(math.log, self.ratio)))
        sides = np.stack([np.sqrt(area * ratio), np.sqrt(area / ratio)], axis=1)  # (N, 2)
        sides = np.clip(np.rint(sides), 1, (height, width)).astype(np.int64)
        corners = positions(np.asarray((height, width)) - sides + 1, generator)
        inside = _rectangles(images, corners, sides)
        return _where_chosen(chosen, np.where(inside, _cast(self.value, images), images), images)


def _pair(value: int | Pair) -> Pair:
    return (value, value) if isinstance(value, int) else value


def _cast(value: float, images: Images) -> Any:
    return np.asarray(value).astype(images.dtype)


def _where_chosen(chosen: NDArray[np.bool_], changed: Images, images: Images) -> Images:
    return np.where(chosen[:, None, None, None], changed, images)


def _rectangles(images: Images, corners: NDArray[Any], sides: NDArray[Any]) -> NDArray[np.bool_]:
    """Mark (N, 1, H, W) what lies inside rectangles with these top left corners (N, 2) and sides (N, 2)."""
    (rows, columns), height_and_width = corners.T[..., None], images.shape[2:]
    y, x = (np.arange(length) for length in height_and_width)
    in_rows = (y >= rows) & (y < rows + sides[:, :1])  # (N, H)
    in_columns = (x >= columns) & (x < columns + sides[:, 1:])  # (N, W)
    inside: NDArray[np.bool_] = (in_rows[:, :, None] & in_columns[:, None, :])[:, None]
    return inside


def _windows(images: Images, corners: NDArray[Any], size: Pair, fill: float) -> Images:
    """Cut a window with its own top left corner (N, 2) out of each image."""
    rows = corners[:, :1, None] + np.arange(size[0])[:, None]  # (N, H', 1)
    columns = corners[:, 1:, None] + np.arange(size[1])  # (N, 1, W')
    return _pixels(images, rows, columns, fill)


def _interpolate(images: Images, rows: NDArray[Any], columns: NDArray[Any], fill: float) -> Images:
    """Read pixels at fractional places (N, H', W') as the weighted mean of the four around each."""
    top, left = np.floor(rows).astype(np.int64), np.floor(columns).astype(np.int64)
    down, right = (rows - top)[:, None], (columns - left)[:, None]
    upper = _pixels(images, top, left, fill) * (1 - right) + _pixels(images, top, left + 1, fill) * right
    lower = (
        _pixels(images, top + 1, left, fill) * (1 - right) + _pixels(images, top + 1, left + 1, fill) * right
    )
    mean: Images = upper * (1 - down) + lower * down
    return (mean if images.dtype.kind == "f" else np.rint(mean)).astype(images.dtype)


def _pixels(images: Images, rows: NDArray[Any], columns: NDArray[Any], fill: float) -> Images:
    """Read whole pixels at (N, H', W') places; `fill` where a place lies outside of the image."""
    height, width = images.shape[2:]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    image = np.arange(len(images))[:, None, None]
    read = images[image, :, np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)]  # (N, H', W', C)
    return np.where(inside[:, None], np.moveaxis(read, 3, 1), _cast(fill, images))
