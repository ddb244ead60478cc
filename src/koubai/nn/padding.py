"""Padding layers: add a margin of zeros, of a constant, or of what is inside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from koubai.engine.tensor import Tensor
from koubai.nn import functional as F
from koubai.nn.module import Module
from koubai.nn.sizes import per_dimension

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


class _Pad(Module):
    """Add margins to the last `rank` dimensions.

    Args:
        padding: one number for all margins, or (before, after) for each dimension, the last dimension first:
            (left, right, top, bottom, front, back). A negative margin crops.

    Shape:
        input (N, C, *) or (C, *), output the same with the margins added to each dimension of *.
    """

    rank: ClassVar[int]
    mode: ClassVar[str]

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        self.padding = per_dimension(padding, 2 * self.rank, "padding")

    def forward(self, input: Tensor) -> Tensor:
        """Add the margins."""
        return F.pad(input, self.padding, mode=self.mode)

    def extra_repr(self) -> str:
        """The margins."""
        return str(self.padding)


class _ConstantPad(_Pad):
    mode = "constant"

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """Add the margins."""
        return F.pad(input, self.padding, value=self.value)

    def extra_repr(self) -> str:
        """The margins and the value."""
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """Pad sequences with `value`. Arguments: (left, right) or one number; value."""

    rank = 1


class ConstantPad2d(_ConstantPad):
    """Pad images with `value`. Arguments: (left, right, top, bottom) or one number; value."""

    rank = 2


class ConstantPad3d(_ConstantPad):
    """Pad volumes with `value`. Arguments: (left, right, top, bottom, front, back) or one number; value."""

    rank = 3


class _ZeroPad(_Pad):
    mode = "constant"


class ZeroPad1d(_ZeroPad):
    """Pad sequences with zeros. Argument: padding, (left, right) or one number."""

    rank = 1


class ZeroPad2d(_ZeroPad):
    """Pad images with zeros. Argument: padding, (left, right, top, bottom) or one number."""

    rank = 2


class ZeroPad3d(_ZeroPad):
    """Pad volumes with zeros. Argument: padding, (left, right, top, bottom, front, back) or one number."""

    rank = 3


class _ReflectionPad(_Pad):
    mode = "reflect"


class ReflectionPad1d(_ReflectionPad):
    """Pad sequences with their mirror image, the edge not repeated: abc → cbabcba; as `ZeroPad1d`."""

    rank = 1


class ReflectionPad2d(_ReflectionPad):
    """Pad images with their mirror image, the edge not repeated. Argument as `ZeroPad2d`'s."""

    rank = 2


class ReflectionPad3d(_ReflectionPad):
    """Pad volumes with their mirror image, the edge not repeated. Argument as `ZeroPad3d`'s."""

    rank = 3


class _ReplicationPad(_Pad):
    mode = "replicate"


class ReplicationPad1d(_ReplicationPad):
    """Pad sequences with their edge: abc → aaabccc. Argument as `ZeroPad1d`'s."""

    rank = 1


class ReplicationPad2d(_ReplicationPad):
    """Pad images with their edge. Argument as `ZeroPad2d`'s."""

    rank = 2


class ReplicationPad3d(_ReplicationPad):
    """Pad volumes with their edge. Argument as `ZeroPad3d`'s."""

    rank = 3


class _CircularPad(_Pad):
    mode = "circular"


class CircularPad1d(_CircularPad):
    """Pad sequences with their other end: abc → bcabcab. Argument as `ZeroPad1d`'s."""

    rank = 1


class CircularPad2d(_CircularPad):
    """Pad images with their other side. Argument as `ZeroPad2d`'s."""

    rank = 2


class CircularPad3d(_CircularPad):
    """Pad volumes with their other side. Argument as `ZeroPad3d`'s."""

    rank = 3
