"""Rearranging images: pixels to channels and back, windows to columns and back, resizing, padding."""

from __future__ import annotations

from koubai.tensor import Tensor

__all__ = ["channel_shuffle", "pixel_shuffle", "pixel_unshuffle"]


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(*, C r², H, W) → (*, C, H r, W r), r = `upscale_factor` (Shi et al., 2016).

    Raises:
        RuntimeError: r² does not divide the channels, or there are fewer than three dimensions.
    """
    r = upscale_factor
    if input.ndim < 3 or r < 1 or input.shape[-3] % (r * r):
        raise RuntimeError(
            f"pixel_shuffle: input {list(input.shape)} must be (*, C, H, W) with C divisible by {r}²"
        )
    *batch, channels, height, width = input.shape
    pixels = input.reshape(-1, channels // r**2, r, r, height, width)
    pixels = pixels.permute(0, 1, 4, 2, 5, 3)  # (N, C, H, r, W, r)
    return pixels.reshape(*batch, channels // r**2, height * r, width * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(*, C, H r, W r) → (*, C r², H, W), r = `downscale_factor`: undoes `pixel_shuffle`.

    Raises:
        RuntimeError: r does not divide height and width, or there are fewer than three dimensions.
    """
    r = downscale_factor
    if input.ndim < 3 or r < 1 or input.shape[-2] % r or input.shape[-1] % r:
        raise RuntimeError(
            f"pixel_unshuffle: input {list(input.shape)} must be (*, C, H, W) with H and W divisible by {r}"
        )
    *batch, channels, height, width = input.shape
    pixels = input.reshape(-1, channels, height // r, r, width // r, r)
    pixels = pixels.permute(0, 1, 3, 5, 2, 4)  # (N, C, r, r, H, W)
    return pixels.reshape(*batch, channels * r**2, height // r, width // r)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Deal the channels of (N, C, *) out among the groups (Zhang et al., 2018).

    Raises:
        RuntimeError: the groups do not divide the channels, or there are fewer than three dimensions.
    """
    if input.ndim < 3 or groups < 1 or input.shape[1] % groups:
        raise RuntimeError(
            f"channel_shuffle: input {list(input.shape)} must be (N, C, *), C divisible by groups={groups}"
        )
    batch, channels, *rest = input.shape
    dealt = input.reshape(batch, groups, channels // groups, *rest).transpose(1, 2)
    return dealt.reshape(input.shape)  # type: ignore[no-any-return]
