"""Images: padding, resizing, sampling, windows as columns and back, channels as pixels and back."""

from koubai.functions.padding import pad
from koubai.functions.resizing import interpolate, upsample_bilinear, upsample_nearest
from koubai.functions.sampling import affine_grid, grid_sample
from koubai.functions.vision import channel_shuffle, fold, pixel_shuffle, pixel_unshuffle, unfold

__all__ = [
    "affine_grid",
    "channel_shuffle",
    "fold",
    "grid_sample",
    "interpolate",
    "pad",
    "pixel_shuffle",
    "pixel_unshuffle",
    "unfold",
    "upsample_bilinear",
    "upsample_nearest",
]
