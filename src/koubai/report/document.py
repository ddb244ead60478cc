"""The shell of every page: one HTML file that needs no other and fetches nothing, light or dark as the reader likes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from koubai.i18n import language
from koubai.report.html import Html, tag

__all__ = ["embedded_data", "embedded_script", "html_document"]

_STYLE = Path(__file__).with_name("report.css")


def html_document(title: str, body: Html, *styles: Path) -> str:
    """A page with our styles, in the user's language.

    Args:
        title: of the page.
        body: what stands on it.
        styles: files with more styles than all pages have.
    """
    written = "".join(path.read_text(encoding="utf-8") for path in (_STYLE, *styles))
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{title} · Koubai"),
        tag("style", Html(written)),
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', body), lang=language())}\n"


def embedded_data(value: Any) -> Html:
    """What a page's script reads; it has to be JSON's."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return tag("script", Html(text.replace("</", "<\\/")), type="application/json")


def embedded_script(path: Path) -> Html:
    """A script, which finds the element it stands in by `document.currentScript`."""
    return tag("script", Html(path.read_text(encoding="utf-8")))
