"""Breaks Japanese into lines, which Rich does only at spaces, and joins the lines of a text that is broken already."""

from __future__ import annotations

import re

from rich.cells import cell_len

# What no line may end within: Latin words, names such as ∂L/∂w⁽¹⁾₁₂, and brackets with what they enclose.
_WORDS = re.compile(r"（*(?:[!-~∂′¹²³\u2070-\u209f]+|.)[、。），：]*")


def lines_of(text: str, width: int) -> list[str]:
    """Text in lines of at most so many columns; text in Latin letters stays as it is, for Rich to break."""
    if cell_len(text) == len(text):
        return [text]
    lines = [""]
    for word in _WORDS.findall(text):
        if cell_len(lines[-1] + word) > width:
            lines.append("")
        lines[-1] = (lines[-1] + word).lstrip()
    return [line.rstrip() for line in lines]


def joined(text: str) -> str:
    """Japanese Markdown without the line ends inside a paragraph, which would be shown as blanks."""
    return re.sub(r"(?<=[^\x00-\x7f])\n(?=[^\x00-\x7f\s]|\d(?!\d*\. ))", "", text)
