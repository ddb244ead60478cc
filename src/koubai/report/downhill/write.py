"""Writes descents into a file; the ending of its name says what it becomes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from koubai.atomic import write_file
from koubai.explain.downhill import Descents
from koubai.i18n import _
from koubai.report.downhill.page import downhill_page
from koubai.report.downhill.picture import draw_downhill

__all__ = ["write_downhill"]


def write_downhill(groups: Sequence[Descents], path: str | Path) -> Path:
    """Write descents on one surface, in the user's language.

    Args:
        groups: what can be compared: optimizers, batch sizes, a training.
        path: the file: .html a page, .png a picture.

    Returns:
        the path.

    Raises:
        ValueError: for another ending.
        MatplotlibMissing: when it is not installed; it says how to install it.

    Example:
        >>> write_downhill([compare_optimizers(surface("bowl"))], "bowl.html")
    """
    path = Path(path)
    if path.suffix not in (".html", ".png"):
        raise ValueError(_("Descents are written as .html or .png, not as {name}.").format(name=path.name))
    content = draw_downhill(groups) if path.suffix == ".png" else downhill_page(groups).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, content)
    return path
