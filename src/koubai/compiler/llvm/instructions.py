"""The lines of a function of LLVM IR, instruction by instruction and block by block."""

from __future__ import annotations


class Instructions:
    """Lines that are being written.

    Attributes:
        declarations: what the module must declare for them.
    """

    def __init__(self) -> None:
        self.declarations: set[str] = set()
        self._lines: list[str] = ["entry:"]
        self._block = "entry"
        self._count = 0
        self._results: dict[str, tuple[str, str]] = {}  # the block and the result of what is written once

    def fresh(self) -> str:
        """Return a name that is not used yet."""
        self._count += 1
        return f"%v{self._count}"

    def do(self, text: str) -> None:
        """Append an instruction without a result."""
        self._lines.append(f"  {text}")

    def let(self, text: str) -> str:
        """Append an instruction and return the name of its result."""
        name = self.fresh()
        self.do(f"{name} = {text}")
        return name

    def declare(self, text: str) -> None:
        """Note a declaration that the module needs."""
        self.declarations.add(f"declare {text}")

    def once(self, text: str) -> str:
        """Return the result of an instruction without effects, which is written once in a block."""
        block, name = self._results.get(text, ("", ""))
        if block != self._block:
            name = self.let(text)
            self._results[text] = self._block, name
        return name

    def label(self, prefix: str) -> str:
        """Return the name of a new block."""
        self._count += 1
        return f"{prefix}{self._count}"

    def begin(self, label: str) -> None:
        """Begin a block."""
        self._lines.append(f"{label}:")
        self._block = label

    @property
    def block(self) -> str:
        """The block that is being written."""
        return self._block
