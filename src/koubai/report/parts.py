"""What the pages of a run are put together from: sections, cards, and the flow of its gradients."""

from __future__ import annotations

from collections.abc import Callable

from koubai.i18n import _
from koubai.report.canvas import MatplotlibMissing, Theme
from koubai.report.checkup import Checkup
from koubai.report.flow_pictures import draw_bars, draw_flow_over_time, draw_updates
from koubai.report.html import Html, tag
from koubai.report.pictures import themed


def heading(title: str, line: str) -> Html:
    """The page's title with a quiet line below it."""
    return tag("header", tag("h1", title), tag("p", line, class_="soft"))


def section(title: str, *children: object) -> Html:
    """A part of the page."""
    return tag("section", tag("h2", title), *children)


def card(child: Html) -> Html:
    """A frame around something."""
    return tag("div", child, class_="card")


def framed(draw: Callable[[Theme], bytes], name: str) -> Html:
    """A picture in a frame, in the theme of the reader's screen."""
    return card(themed(draw, name))


def made_from(run: str) -> Html:
    """The page's last line."""
    return tag("footer", _("Made by Koubai from the run {run}.").format(run=run))


def flow(checkup: Checkup) -> Html:
    """Three pictures: gradients over time, those of the last measured step, and the updates they made."""
    signs, title = checkup.flowing, checkup.title
    try:
        pictures = [
            framed(lambda theme: draw_flow_over_time(signs, title, theme), _("Gradients through the layers")),
            framed(lambda theme: draw_bars(signs[-1], title, theme), _("Gradients from output to input")),
            framed(lambda theme: draw_updates(signs, theme), _("Update by weight, |Δ|/|w|")),
        ]
    except MatplotlibMissing as missing:
        return tag("p", missing, class_="soft")
    return tag("div", pictures, class_="curves")
