"""A Matplotlib figure on which the user's language can be written, drawn without a screen.

Matplotlib is an extra (`pip install koubai[recipes]`) and is imported only when something is drawn. Japanese
needs
a font that has it: one is looked for among the installed ones, and without any the picture speaks English.
"""

from __future__ import annotations

import functools
import logging
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Literal

from koubai.i18n import _, language, speaking

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Families with Japanese glyphs on Linux, macOS and Windows, the plain sans-serif ones first.
_JAPANESE_FAMILIES = (
    "Noto Sans CJK JP",
    "Noto Sans JP",
    "Source Han Sans JP",
    "Hiragino Sans",
    "Hiragino Kaku Gothic ProN",
    "Yu Gothic",
    "Meiryo",
    "BIZ UDGothic",
    "IPAexGothic",
    "IPAGothic",
    "TakaoPGothic",
    "VL PGothic",
    "MS Gothic",
    "Noto Serif CJK JP",
    "Droid Sans Fallback",
)


_FIRST_CJK = "\u2e80"  # above it stand Chinese characters, kana and their marks


class MatplotlibMissing(ImportError):
    """Pictures were asked for and Matplotlib is not installed."""


@dataclass(frozen=True)
class Theme:
    """Colours of a picture; they are those of report.css."""

    ink: str
    soft: str
    line: str
    card: str
    training: str
    validation: str


LIGHT = Theme("#1d2429", "#66737b", "#e4e1da", "#ffffff", "#2667a8", "#d0672a")
DARK = Theme("#e8ebec", "#98a5ad", "#313a40", "#1b2126", "#71b4f0", "#f0a067")


def picture(
    draw: Callable[[Axes, Theme], None],
    theme: Theme = LIGHT,
    size: tuple[float, float] = (5.2, 3.4),
    grid: Literal["x", "y"] | None = "y",
) -> bytes:
    """Let `draw` draw on empty axes and return the figure as PNG.

    Args:
        draw: called with the axes and the theme.
        theme: the colours.
        size: width and height in inches, at 160 dots per inch.
        grid: the axis whose ticks have lines.

    Raises:
        MatplotlibMissing: with what to install.
    """

    def on_axes(figure: Figure, theme: Theme) -> None:
        axes = figure.subplots()
        draw(axes, theme)
        plain(axes, theme, grid)

    return figure_picture(on_axes, theme, size)


def figure_picture(
    draw: Callable[[Figure, Theme], None], theme: Theme = LIGHT, size: tuple[float, float] = (5.2, 3.4)
) -> bytes:
    """Let `draw` draw on an empty figure, which may get several axes, and return it as PNG.

    Args:
        draw: called with the figure and the theme.
        theme: the colours.
        size: width and height in inches, at 160 dots per inch.

    Raises:
        MatplotlibMissing: with what to install.
    """
    require_matplotlib()
    import matplotlib
    from matplotlib.figure import Figure

    logging.getLogger("matplotlib.font_manager").setLevel(
        logging.ERROR
    )  # a weight that a font lacks is no news
    family = japanese_family() if language() == "ja" else "DejaVu Sans"
    spoken = language() if family else "en"
    with speaking(spoken), matplotlib.rc_context({"font.family": [family or "DejaVu Sans", "DejaVu Sans"]}):
        figure = Figure(figsize=size, layout="constrained", facecolor=theme.card)  # no window, no pyplot
        draw(figure, theme)
        _let_japanese_be_read(figure)
        buffer = BytesIO()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing")  # of a script that no installed font has
            figure.savefig(buffer, format="png", dpi=160, facecolor=theme.card, metadata={"Software": None})
    return buffer.getvalue()


def plain(axes: Axes, theme: Theme, grid: Literal["x", "y"] | None) -> None:
    """No box, quiet grid lines, ticks in the soft colour."""
    axes.set_facecolor(theme.card)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(theme.line)
    if grid:
        axes.grid(axis=grid, color=theme.line, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", colors=theme.soft, length=0, labelsize=9)
    for text in (axes.xaxis.label, axes.yaxis.label):
        text.set_color(theme.soft)


def _let_japanese_be_read(figure: Figure) -> None:
    """Also in a picture that speaks English, data such as translated words may be Japanese."""
    from matplotlib.text import Text

    texts = [text for text in figure.findobj(Text) if any(c >= _FIRST_CJK for c in text.get_text())]
    if texts and (family := japanese_family()):
        for text in texts:
            text.set_fontfamily([family, "DejaVu Sans"])


@functools.cache
def japanese_family() -> str | None:
    """An installed font family that has Japanese, or None."""
    from matplotlib import font_manager

    known = {font.name for font in font_manager.fontManager.ttflist}
    return next((family for family in _JAPANESE_FAMILIES if family in known), None) or _newly_installed()


def _newly_installed() -> str | None:
    """Look on the disk itself: Matplotlib's list of fonts is from when it first ran."""
    from matplotlib import font_manager

    wanted = {family.replace(" ", "").lower(): place for place, family in enumerate(_JAPANESE_FAMILIES)}
    found: dict[str, list[str]] = {}
    for path in font_manager.findSystemFonts():
        with suppress(RuntimeError, OSError):  # a broken or unusual font file is no reason to draw nothing
            found.setdefault(font_manager.get_font(path).family_name, []).append(path)
    places = {name: wanted.get(name.replace(" ", "").lower(), len(wanted)) for name in found}
    best = min(places, key=places.__getitem__, default=None)
    if best is None or places[best] == len(wanted):
        return None
    for path in found[best]:  # all its weights
        font_manager.fontManager.addfont(path)
    return best


def require_matplotlib() -> None:
    """Make sure that Matplotlib is there.

    Raises:
        MatplotlibMissing: with what to install.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MatplotlibMissing(
            _("Pictures of curves need Matplotlib, which is not installed: pip install 'koubai[recipes]'")
        ) from error
