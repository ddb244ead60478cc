"""The gallery as one HTML page that needs no other file: switches, a map of settings, and curves of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from koubai.explain.gallery import Fate, Flow, curve, init_title
from koubai.i18n import _
from koubai.report.document import embedded_data, embedded_script, html_document
from koubai.report.gallery.labels import norm_title
from koubai.report.gallery.picture import POWERS
from koubai.report.html import Html, tag

__all__ = ["gallery_page"]

_FOLDER = Path(__file__).parent
_POINTS = 81  # of the graph of an activation
_LEAST = -320.0  # the power of ten that stands for nothing at all


def gallery_page(flows: Sequence[Flow]) -> str:
    """Return what was measured as HTML, in the user's language.

    Args:
        flows: of any settings; there is a switch for what differs among them.
    """
    title = _("Gallery of activations and first weights")
    depth = flows[0].gradients.shape[1]
    header = tag("header", tag("h1", title), tag("p", _opening(depth, len(flows[0].gradients))))
    sides = tag(
        "div",
        tag("div", _map(), class_="card map-card"),
        tag("div", _details(depth), class_="card"),
        class_="sides",
    )
    room = tag(
        "section",
        _switches(flows),
        sides,
        embedded_data(_data(flows)),
        embedded_script(_FOLDER / "gallery.js"),
        class_="gallery",
    )
    footer = tag(
        "footer", _("Made by Koubai. Every number was measured in networks that its own engine ran.")
    )
    return html_document(title, tag("main", header, room, _reading(), footer), _FOLDER / "gallery.css")


def _opening(depth: int, seeds: int) -> str:
    return _(
        "Before any training: how large is the gradient at the first of {depth} layers, compared with the "
        "last? Each cell "
        "is the median of {seeds} networks. Choose one to see its activation, and the gradient layer by layer."
    ).format(depth=depth, seeds=seeds)


def _switches(flows: Sequence[Flow]) -> Html:
    norms = _unique(flow.setting.norm for flow in flows)
    residuals = _unique(flow.setting.residual for flow in flows)
    radios = (
        tag(
            "label",
            tag("input", type="radio", name="norm", value=norm, checked=None if number else ""),
            " ",
            norm_title(norm),
        )
        for number, norm in enumerate(norms)
    )
    checked = "" if residuals == [True] else None
    disabled = "" if len(residuals) == 1 else None
    box = tag("input", type="checkbox", class_="residual", checked=checked, disabled=disabled)
    return tag("p", radios, tag("label", box, " ", _("residual connections")), class_="switches")


def _map() -> Html:
    legend = (tag("span", f"{fate.mark} {fate.words}", class_=f"fate-{fate}") for fate in Fate)
    body = tag("div", tag("table", tag("thead"), tag("tbody"), class_="fates"), class_="scroll")
    return tag("div", body, tag("p", legend, class_="legend"))


def _details(depth: int) -> Html:
    heading = tag("h2", class_="chosen")
    sentence = tag("p", class_="sentence", aria_live="polite")
    graphs = (
        _graph(
            "graph",
            _("f(x) and its derivative f′(x)"),
            tag("span", "f", class_="line-f"),
            tag("span", "f′", class_="line-slope"),
        ),
        _graph(
            "flow",
            _("Gradient by layer (last layer = 1)"),
            tag("span", _("this one, each seed"), class_="line-own"),
            tag("span", _("other first weights"), class_="line-other"),
        ),
        _graph("signal", _("Signal by layer"), tag("span", _("median of the seeds"), class_="line-f")),
    )
    return tag("div", heading, sentence, graphs, data_depth=depth)


def _graph(name: str, title: str, *legend: Html) -> Html:
    head = tag("div", tag("h3", title), tag("span", legend, class_="lines"), class_="graph-head")
    return tag("figure", head, tag("svg", viewBox="0 0 460 190", class_=name, role="img", aria_label=title))


def _reading() -> Html:
    points = [
        _(
            "Each layer multiplies the gradient by its weights and by f′. Sigmoid's f′ is at most 0.25, so 30 "
            "layers take all of it."
        ),
        _(
            "First weights set the balance: He's are made for the ReLU family, Xavier's for tanh, LeCun's for "
            "SELU. Too small, and all vanishes; too large, and all explodes."
        ),
        _("All layers have the same width here, for which Xavier's and LeCun's weights are the same."),
        _(
            "Normalisation brings each layer's signal back to size; a residual connection lets the gradient pass "
            "by undamped."
        ),
    ]
    return tag("section", tag("h2", _("What to look for")), tag("ul", (tag("li", point) for point in points)))


def _data(flows: Sequence[Flow]) -> dict[str, Any]:
    activations = _unique(flow.setting.activation for flow in flows)
    inits = _unique(flow.setting.init for flow in flows)
    return {
        "powers": POWERS,
        "activations": activations,
        "inits": {name: init_title(name) for name in inits},
        "fates": {fate.value: [fate.mark, fate.words] for fate in Fate},
        "sentence": _("Gradient at the first layer: {ratio} times that at the last. It {fate}."),
        "curves": {name: _curve(name) for name in activations},
        "flows": {_key(flow): _flow(flow) for flow in flows},
    }


def _unique(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def _key(flow: Flow) -> str:
    setting = flow.setting
    return f"{setting.activation} {setting.init} {setting.norm} {int(setting.residual)}"


def _curve(name: str) -> dict[str, list[float]]:
    drawn = curve(name, reach=4.0, points=_POINTS)
    return {key: [round(float(value), 4) for value in getattr(drawn, key)] for key in ("x", "y", "slope")}


def _flow(flow: Flow) -> dict[str, Any]:
    """Powers of ten, with two decimals."""
    relative = [_powers(row / last) for row, last in zip(flow.gradients, flow.gradients[:, -1])]
    ratio = flow.ratio if np.isfinite(flow.ratio) else None
    return {
        "ratio": ratio and float(f"{ratio:.3g}"),
        "fate": flow.fate.value,
        "g": relative,
        "s": _powers(np.median(flow.signals, axis=0)),
    }


def _powers(values: Any) -> list[float]:
    with np.errstate(divide="ignore", invalid="ignore"):
        powers = np.nan_to_num(np.log10(values), nan=-_LEAST, neginf=_LEAST, posinf=-_LEAST)
    return [round(float(power), 2) for power in powers]
