"""Writes a page on influence: what an answer or a loss hangs on, and which layers learn."""

from __future__ import annotations

from collections.abc import Sequence

from koubai.i18n import _
from koubai.recipes.exhibit import Exhibit
from koubai.report.checkup import Checkup
from koubai.report.document import html_document
from koubai.report.exhibits import shown
from koubai.report.html import tag
from koubai.report.parts import flow, heading, made_from, section


def influence_page(run: str, line: str, exhibits: Sequence[Exhibit], checkup: Checkup | None = None) -> str:
    """The page as HTML, in the user's language.

    Args:
        run: the run's name.
        line: how the influence was found.
        exhibits: what is shown.
        checkup: of the run, for the gradients inside the network; None leaves them out.
    """
    sections = [section(_(exhibit.title), shown(exhibit)) for exhibit in exhibits]
    if checkup and checkup.flowing:
        sections.append(section(_("Gradients inside the network"), flow(checkup)))
    body = tag("main", heading(_("Influence"), line), sections, made_from(run))
    return html_document(run, body)
