"""`Size`: the shape of a tensor, a tuple that can count its elements."""

from __future__ import annotations

import math

__all__ = ["Size"]


class Size(tuple[int, ...]):
    """The lengths of a tensor's dimensions; compares and unpacks as a tuple.

    Example:
        >>> koubai.ones(2, 3).shape
        koubai.Size([2, 3])
    """

    __slots__ = ()

    def numel(self) -> int:
        """Return the number of elements of a tensor of this shape."""
        return math.prod(self)

    def __repr__(self) -> str:
        return f"koubai.Size({list(self)})"
