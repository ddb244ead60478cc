"""Where tensors live: `device("cpu")`, the only one there is so far, and a clear error for any other."""

from __future__ import annotations

from typing import Any


class device:
    """The name of a device, such as "cpu"; it equals that string, and prints as it.

    Attributes:
        type: the kind of device, "cpu".
        index: which of that kind, or None.

    Raises:
        RuntimeError: for any other device than the CPU.
    """

    __slots__ = ("index", "type")

    def __init__(self, type: Any = "cpu", index: int | None = None) -> None:
        self.type, _, number = str(type).partition(":")
        if self.type != "cpu":
            raise RuntimeError(
                f"koubai computes on the CPU: there is no device {str(type)!r} here; use 'cpu'"
            )
        self.index = int(number) if number else index

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, device | str) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        return f"device(type={self.type!r})" if self.index is None else f"device({str(self)!r})"


CPU = device("cpu")


def check_device(name: Any) -> None:
    """Raise RuntimeError for a device other than the CPU; None means the CPU."""
    if name is not None:
        device(name)
