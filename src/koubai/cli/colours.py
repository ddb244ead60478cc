"""Weights as colours on the screen: words of a text, and a picture's heat as a coarse map of characters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from koubai.i18n import _
from koubai.recipes.exhibit import Tokens

_LARGEST_MAP = 28  # rows and columns of a map; a column takes two characters
_WARM, _COLD = "░▒▓█", ".-=#"  # signs can be told apart without colours too
_COLOURS = ("red", "blue")
_STRONG = 0.5  # share of the largest weight from which a word is bold
_FAINT = 0.1  # share up to which a word keeps its own colour


def show_map(heat: NDArray[Any]) -> None:
    """Print a map of the heat (H, W): red and shaded what is positive, blue and in signs what is negative."""
    coarse = _pooled(np.asarray(heat, np.float64))
    largest = np.abs(coarse).max(initial=0) or 1.0
    console = Console(highlight=False)
    for row in coarse / largest:
        console.print(Text.assemble(*map(_cell, row.tolist())), no_wrap=True, crop=False)


def show_tokens(exhibit: Tokens) -> None:
    """Print the words in their colours, then what the colours mean, and the heaviest words with their numbers."""
    weights = np.asarray(exhibit.weights, np.float64)
    largest = np.abs(weights).max(initial=0) or 1.0
    shares = (weights / largest).tolist()
    console = Console(highlight=False)
    styled = ((word, _style(share)) for word, share in zip(exhibit.words, shares, strict=True))
    console.print(Text(" ").join(Text(word, style) for word, style in styled))
    order = np.argsort(-np.abs(weights), kind="stable")[:5]
    heaviest = ", ".join(f"{exhibit.words[k]} {weights[k]:+.3g}" for k in order)
    meanings = [Text(_(meaning), colour) for meaning, colour in zip(exhibit.meanings, _COLOURS) if meaning]
    console.print(Text("  ").join([*meanings, Text(heaviest)]))


def _pooled(heat: NDArray[Any]) -> NDArray[Any]:
    """The heat in blocks of pixels, each the one that counts most in it."""
    side = max(1, -(-max(heat.shape) // _LARGEST_MAP))
    height, width = (-(-length // side) * side for length in heat.shape)
    padded = np.zeros((height, width))
    padded[: heat.shape[0], : heat.shape[1]] = heat
    blocks = padded.reshape(height // side, side, width // side, side)
    low, high = blocks.min(axis=(1, 3)), blocks.max(axis=(1, 3))
    return np.asarray(np.where(-low > high, low, high))


def _cell(share: float) -> tuple[str, str]:
    level = int(abs(share) * len(_WARM) + 0.5)  # 0 to 4, of which 0 is left blank
    if not level:
        return "  ", ""
    return (_WARM[level - 1] * 2, "red") if share > 0 else (_COLD[level - 1] * 2, "blue")


def _style(share: float) -> str:
    if abs(share) < _FAINT:
        return ""
    return ("bold " if abs(share) >= _STRONG else "") + ("red" if share > 0 else "blue")
