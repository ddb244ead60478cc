"""How Sphinx makes the site: once for each language, from the same folder. See tools/site.py, or `make docs`."""

import re
from functools import partial
from pathlib import Path
from typing import Any

from koubai import __version__
from koubai.cli.wrapping import joined

JAPANESE = tags.has("ja")  # type: ignore[name-defined]  # noqa: F821
ENDING = ".ja" if JAPANESE else ""

project = "Koubai"
author = "The Koubai developers"
copyright = author
release = __version__
language = "ja" if JAPANESE else "en"
root_doc = f"index{ENDING}"
include_patterns = ["**.ja.md"] if JAPANESE else ["**.md"]
exclude_patterns = [] if JAPANESE else ["**.ja.md"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
highlight_language = "none"
autodoc_typehints = "description"
autodoc_typehints_format = "short"
myst_heading_anchors = 3

html_theme = "furo"
html_title = "Koubai 勾配"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_show_sourcelink = False
templates_path: list[str] = []

_OTHER = re.compile(r"^\[(日本語|English)\]\((.*)\.md\)$", re.MULTILINE)
_LINKS = re.compile(r"^## (?P<heading>.*)$|^- \[.*?\]\((?P<page>.*?)\.md\)", re.MULTILINE)


def prepared(app: Any, name: str, source: list[str]) -> None:
    """Make a page of the site of a page that is read on a Git host too."""
    text = source[0]
    if name == root_doc:
        text += _contents(text)
    text = _OTHER.sub(partial(_switch, name), text)
    source[0] = "".join(joined(part) if n % 2 == 0 else part for n, part in enumerate(_fenced(text)))


def _fenced(text: str) -> list[str]:
    """The text, cut before and behind its blocks of code."""
    return re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)


def _switch(page: str, found: re.Match[str]) -> str:
    """The link to the same page in the other language, whose site stands beside this one."""
    other = Path("en" if JAPANESE else "ja", page).parent / f"{found[2]}.html"
    return f'<a class="language" href="{"../" * (page.count("/") + 1)}{other.as_posix()}">{found[1]}</a>'


def _contents(text: str) -> str:
    """The lists of links of the first page, as the table of contents: a page that is listed there is in the site."""
    lines: list[str] = []
    for found in _LINKS.finditer(text):
        if found["heading"]:
            lines += ["```", "", "```{toctree}", ":hidden:", f":caption: {found['heading']}", ""]
        else:
            lines.append(found["page"])
    return "\n" + "\n".join([*lines[2:], "```", ""])


def setup(app: Any) -> None:
    """Tell Sphinx."""
    app.connect("source-read", prepared)
