"""The contour map of a surface as SVG: bands between heights, in colours that follow the reader's theme."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from koubai.explain.downhill.surface import Array, Surface
from koubai.i18n import _
from koubai.report.canvas import require_matplotlib
from koubai.report.downhill.levels import contour_levels
from koubai.report.html import Html, tag

__all__ = ["HEIGHT", "WIDTH", "contour_map"]

WIDTH, HEIGHT = 640, 500
_EDGE_LEFT, _EDGE_BELOW = 46, 34  # room for numbers
_TICKS = 5


def contour_map(surface: Surface) -> Html:
    """Draw the map; a page's script adds the walkers in the groups `.trails` and `.walkers`.

    Args:
        surface: what to draw.

    Raises:
        MatplotlibMissing: when it is not installed; with it comes what finds contours.
    """
    shape = tag("clipPath", tag("rect", width=WIDTH, height=HEIGHT, rx=6), id="map-edge")
    inside = tag(
        "g", _bands(surface), _minima(surface), _fog(), tag("g", class_="trails"), clip_path="url(#map-edge)"
    )
    walkers = tag("g", class_="walkers")
    axes = tag("g", _ticks(surface), class_="axes")
    box = f"{-_EDGE_LEFT} -8 {WIDTH + _EDGE_LEFT + 8} {HEIGHT + 8 + _EDGE_BELOW}"
    defs = tag("defs", shape, _ball_shine(), _hole())
    return tag(
        "svg",
        defs,
        inside,
        axes,
        walkers,
        viewBox=box,
        class_="map",
        role="img",
        aria_label=_("contour map of the loss"),
    )


def _bands(surface: Surface) -> Iterator[Html]:
    """Each height's region, the highest first: it is drawn over by those below it."""
    require_matplotlib()
    from contourpy import FillType, contour_generator

    xs, ys, values = surface.grid()
    levels = contour_levels(values, surface.lowest)
    heights = np.nan_to_num(values, nan=1e300, posinf=1e300)
    finder = contour_generator(xs, ys, heights, fill_type=FillType.OuterCode)
    yield tag("rect", width=WIDTH, height=HEIGHT, class_="band", style="--t: 1")
    for number in range(len(levels) - 1, -1, -1):
        region: Any = finder.filled(-np.inf, levels[number])  # polygons, and the codes of their points
        path = " ".join(_path(surface, points, code) for points, code in zip(*region))
        yield tag("path", d=path, class_="band", style=f"--t: {number / len(levels):.3f}")


def _path(surface: Surface, points: Array, codes: Array) -> str:
    """A polygon with its holes; code 1 begins one, 79 closes it (Matplotlib's path codes)."""
    places = on_map(surface, points)
    letters = {1: "M", 2: "L", 79: "L"}
    return "".join(
        f"{letters[int(code)]}{x:.1f} {y:.1f}" + ("Z" if code == 79 else "")
        for (x, y), code in zip(places, codes)
    )


def on_map(surface: Surface, points: Array) -> Array:
    """Points of the surface as places on the map."""
    (left, right), (low, high) = surface.bounds
    x = (points[..., 0] - left) / (right - left) * WIDTH
    y = (high - points[..., 1]) / (high - low) * HEIGHT
    return np.stack([x, y], axis=-1)


def _minima(surface: Surface) -> Iterator[Html]:
    for minimum in surface.minima:
        x, y = on_map(surface, np.array(minimum))
        yield tag("path", d=f"M{x - 6:.1f} {y:.1f}h12M{x:.1f} {y - 6:.1f}v12", class_="minimum")


def _fog() -> Html:
    """Hides all but what lies around the walkers, for whom the script makes holes."""
    white = tag("rect", width=WIDTH, height=HEIGHT, fill="#fff")
    mask = tag("mask", white, tag("g", class_="holes"), id="fog-holes")
    return Html(mask + tag("rect", width=WIDTH, height=HEIGHT, class_="fog", mask="url(#fog-holes)"))


def _hole() -> Html:
    stops = ((0, 1), (0.45, 1), (1, 0))
    return tag(
        "radialGradient",
        (tag("stop", offset=offset, stop_color="#000", stop_opacity=opacity) for offset, opacity in stops),
        id="hole",
    )


def _ball_shine() -> Html:
    stops = (
        tag("stop", offset=0, stop_color="#fff", stop_opacity=0.75),
        tag("stop", offset=0.7, stop_color="#fff", stop_opacity=0),
    )
    return tag("radialGradient", stops, id="shine", cx=0.35, cy=0.3, r=0.6)


def _ticks(surface: Surface) -> Iterator[Html]:
    (left, right), (low, high) = surface.bounds
    for value in nice_ticks(left, right):
        x = (value - left) / (right - left) * WIDTH
        yield tag("text", f"{value:g}", x=f"{x:.1f}", y=HEIGHT + 16, text_anchor="middle")
    for value in nice_ticks(low, high):
        y = (high - value) / (high - low) * HEIGHT
        yield tag("text", f"{value:g}", x=-8, y=f"{y + 4:.1f}", text_anchor="end")
    yield tag("text", surface.names[0], x=WIDTH / 2, y=HEIGHT + 31, text_anchor="middle", class_="name")
    yield tag("text", surface.names[1], x=-44, y=HEIGHT / 2, text_anchor="start", class_="name")


def nice_ticks(low: float, high: float) -> list[float]:
    """Round numbers between two others."""
    rough = (high - low) / _TICKS
    power = 10 ** np.floor(np.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first = int(np.ceil(low / step))
    return [round(number * step, 10) for number in range(first, int(np.floor(high / step)) + 1)]
