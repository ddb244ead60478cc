"""Writes the gallery into a file; the ending of its name says what it becomes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from koubai.atomic import write_file
from koubai.explain.gallery import Flow
from koubai.i18n import _
from koubai.report.gallery.page import gallery_page
from koubai.report.gallery.picture import draw_gallery

__all__ = ["write_gallery"]


def write_gallery(flows: Sequence[Flow], path: str | Path) -> Path:
    """Write what was measured, in the user's language.

    Args:
        flows: from `koubai.explain.gallery.measure`; the page has a switch for what differs among them.
        path: the file: .html a page, .png a picture.

    Returns:
        the path.

    Raises:
        ValueError: for another ending, or nothing was measured.
        MatplotlibMissing: for .png, when it is not installed; it says how to install it.

    Example:
        >>> write_gallery([measure(setting) for setting in settings()], "gallery.html")
    """
    path = Path(path)
    if path.suffix not in (".html", ".png"):
        raise ValueError(_("The gallery is written as .html or .png, not as {name}.").format(name=path.name))
    if not flows:
        raise ValueError(_("The gallery is empty: nothing was measured."))
    content = draw_gallery(flows) if path.suffix == ".png" else gallery_page(flows).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, content)
    return path
