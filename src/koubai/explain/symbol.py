"""What a number is called: a letter with indices, or the derivative of one such name by another.

A symbol is plain data. `text`, and the notations of `koubai.report`, say how it looks.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Derivative", "Letter", "Symbol"]


@dataclass(frozen=True)
class Letter:
    """A letter with indices, such as w⁽¹⁾₁₂.

    Attributes:
        letter: one letter, seldom more: "w", "η", "log p".
        layer: what stands above: the number of the layer, or whose weight it is; may be empty.
        index: the place in the tensor, from 1, without the dimensions of size 1.
        new: whether it is the value after the update.
        of: the number that it belongs to, as a velocity belongs to a weight.
    """

    letter: str
    layer: str = ""
    index: tuple[int, ...] = ()
    new: bool = False
    of: Letter | None = None

    @property
    def key(self) -> str:
        """The name in plain characters, as on the command line: w1_12."""
        index = "_" + ("" if max(self.index) < 10 else "_").join(map(str, self.index)) if self.index else ""
        owner = f"[{self.of.key}]" if self.of else ""
        return f"{_plain(self.letter)}{self.layer}{index}{owner}{'_new' if self.new else ''}"


@dataclass(frozen=True)
class Derivative:
    """The derivative of `of` by `by`, such as ∂L/∂w."""

    of: Letter
    by: Letter

    @property
    def key(self) -> str:
        """The name in plain characters: dL/dw1_12."""
        return f"d{self.of.key}/d{self.by.key}"


Symbol = Letter | Derivative

_PLAIN = {"η": "lr", "γ": "momentum", "β": "beta", "ε": "eps", "λ": "weight_decay", "τ": "dampening"}


def _plain(letter: str) -> str:
    return _PLAIN.get(letter, letter).replace(" ", "_")
