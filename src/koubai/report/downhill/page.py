"""Descents as one HTML page that needs no other file: a map, walkers that roll, and a slider for the learning rate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from koubai.explain.downhill import Descents
from koubai.explain.downhill import Path as Way
from koubai.i18n import _
from koubai.report.document import embedded_data, embedded_script, html_document
from koubai.report.downhill.contours import HEIGHT, WIDTH, contour_map
from koubai.report.html import Html, tag

__all__ = ["downhill_page"]

_FOLDER = Path(__file__).parent


def downhill_page(groups: Sequence[Descents]) -> str:
    """Return descents on one surface as HTML, in the user's language.

    Args:
        groups: what can be compared: optimizers, batch sizes, a training.

    Raises:
        MatplotlibMissing: when it is not installed; with it comes what finds contours.
    """
    surface = groups[0].surface
    heading = tag(
        "header",
        tag("h1", _("The mountain in the fog")),
        _opening(),
        tag("p", _subject(groups), class_="subject"),
    )
    left = tag("div", contour_map(surface), _playing(), class_="card map-card")
    right = tag("div", _chart(surface.samples), _table(surface.samples), class_="card numbers-card")
    body = (
        _comparisons(groups),
        _rate_slider(),
        tag("div", left, right, class_="sides"),
        embedded_data(_data(groups)),
        embedded_script(_FOLDER / "downhill.js"),
    )
    footer = tag(
        "footer", _("Made by Koubai. Every step was taken by its own optimizers; this page only shows them.")
    )
    main = tag("main", heading, tag("section", body, class_="downhill"), _reading(surface.samples), footer)
    return html_document(surface.title, main, _FOLDER / "downhill.css")


def _opening() -> Html:
    return tag(
        "p",
        _(
            "Somebody stands on a mountain in the fog and wants to go down to the valley. All they feel is the slope "
            "under their feet: the gradient. How far they step along it is the learning rate η."
        ),
    )


def _subject(groups: Sequence[Descents]) -> list[object]:
    surface = groups[0].surface
    return [tag("b", surface.title), tag("br"), tag("span", surface.formula, class_="formula")]


def _comparisons(groups: Sequence[Descents]) -> Html | None:
    if len(groups) < 2:
        return None
    choices = (
        tag(
            "label",
            tag("input", type="radio", name="group", value=number, checked=None if number else ""),
            " ",
            group.title,
        )
        for number, group in enumerate(groups)
    )
    return tag("p", tag("span", _("Compare:"), class_="soft"), choices, class_="choices")


def _rate_slider() -> Html:
    name = tag(
        "label",
        _("learning rate"),
        " ",
        tag("b", tag("span", "η = "), tag("output", class_="rate")),
        for_="rate",
    )
    small, large = tag("span", _("too small"), class_="soft"), tag("span", _("too large"), class_="soft")
    slider = tag("input", type="range", id="rate", min=0, max=1, value=0, step=1)
    return tag("div", name, tag("div", small, slider, large, class_="ends"), class_="card rate-card")


def _playing() -> Html:
    buttons = (
        _button("▶", "play", _("play or pause")),
        _button("◂", "back", _("one update back")),
        _button("▸", "on", _("one update on")),
    )
    time = tag("input", type="range", class_="time", min=0, max=1, value=0, step=1, aria_label=_("update"))
    count = tag("output", class_="count")
    fog = tag("label", tag("input", type="checkbox", class_="fogged"), " ", _("fog"))
    return tag("div", buttons, time, count, fog, class_="playing")


def _button(sign: str, name: str, title: str) -> Html:
    return tag("button", sign, type="button", class_=name, aria_label=title, title=title)


def _chart(samples: int) -> Html:
    by_data = tag("label", tag("input", type="checkbox", class_="by-data"), " ", _("by data read"))
    heading = tag("h2", _("Loss above the lowest"))
    svg = tag("svg", viewBox="0 0 420 250", class_="chart", role="img", aria_label=_("loss over the updates"))
    return tag("div", tag("div", heading, by_data if samples else None, class_="chart-head"), svg)


def _table(samples: int) -> Html:
    titles = ["", _("point"), _("loss"), *([_("updates per epoch")] if samples else []), _("in the end")]
    head = tag("thead", tag("tr", (tag("th", title, scope="col") for title in titles)))
    return tag("div", tag("table", head, tag("tbody"), class_="walkers-table"), class_="scroll")


def _reading(samples: int) -> Html:
    """How to read what is seen."""
    points = [
        _(
            "Too small: the walker is on its way for ever. Too large: it jumps over the valley, swings, or "
            "leaves the map."
        ),
        _(
            "Momentum (γ = 0.9) rolls on like a ball: it cuts zigzags short, and overshoots. Nesterov looks "
            "ahead before it steps."
        ),
        _(
            "Adagrad, RMSprop and Adam give each parameter a step of its own, so a steep and a flat direction "
            "hardly matter."
        ),
    ]
    if samples:
        points.append(
            _(
                "Batch gradient descent uses all samples for one update, stochastic gradient descent a single one, a "
                "mini-batch some. The fewer samples, the more updates in an epoch, and the more zigzag."
            )
        )
    return tag("section", tag("h2", _("What to look for")), tag("ul", (tag("li", point) for point in points)))


def _data(groups: Sequence[Descents]) -> dict[str, Any]:
    surface = groups[0].surface
    return {
        "bounds": [_short(edge) for side in surface.bounds for edge in side],
        "size": [WIDTH, HEIGHT],
        "lowest": surface.lowest,
        "names": {
            "count": _("update {at} of {all}"),
            "epochs": _("epochs"),
            "updates": _("updates"),
            "out": _("off the map"),
        },
        "samples": surface.samples,
        "groups": [_group(group) for group in groups],
    }


def _group(group: Descents) -> dict[str, Any]:
    first = next(iter(group.paths))
    walkers = [
        {"name": name, "paths": list(map(_way, paths.values()))} | _pace(next(iter(paths.values())))
        for name, paths in group.paths.items()
    ]
    rates = group.rates
    return {"rates": rates, "rate": rates.index(group.rates_of(first).right), "walkers": walkers}


def _pace(way: Way) -> dict[str, Any]:
    return {"epochUpdates": way.epoch_updates, "share": way.batch / way.samples}


def _way(way: Way) -> dict[str, Any]:
    """Points and losses as flat lists; what is no number ends them."""
    end = _finite(way)
    return {
        "p": [_short(value) for value in way.points[:end].flat],
        "l": [_short(value) for value in way.losses[:end]],
        "kind": way.verdict.value,
        "verdict": f"{way.verdict.mark} {way.verdict.words}",
    }


def _finite(way: Way) -> int:
    broken = np.flatnonzero(~np.isfinite(way.losses))
    return int(broken[0]) if len(broken) else len(way.losses)


def _short(value: float) -> float:
    """A number with the digits that can be seen."""
    return float(f"{value:.6g}")
