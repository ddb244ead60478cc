"""Where tensors live: `device("cpu")`, the only one there is so far, and a clear error for any other."""

from __future__ import annotations

from typing import Any


class device(str):
    """The name of a device, such as "cpu"; it compares and prints as that string.

    Attributes:
        type: the kind of device, "cpu".
        index: which of that kind, or None.

    Raises:
        RuntimeError: for any other device than the CPU.
    """

    __slots__ = ("index", "type")

    def __new__(cls, type: Any = "cpu", index: int | None = None) -> device:
        """Read the name, as in "cpu" or "cpu:0"."""
        kind, _, number = str(type).partition(":")
        if kind != "cpu":
            raise RuntimeError(
                f"koubai computes on the CPU: there is no device {str(type)!r} here; use 'cpu'"
            )
        made = super().__new__(cls, str(type))
        made.type, made.index = kind, int(number) if number else index
        return made

    def __repr__(self) -> str:
        return f"device(type={self.type!r})"


CPU = device("cpu")


def check_device(name: Any) -> None:
    """Raise RuntimeError for a device other than the CPU; None means the CPU."""
    if name is not None:
        device(name)
