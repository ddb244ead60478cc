"""Writes a worksheet into a file; the ending of its name says what it becomes."""

from __future__ import annotations

from pathlib import Path

from koubai.atomic import write_file
from koubai.explain.text import worksheet_text
from koubai.explain.worksheet import Worksheet
from koubai.i18n import _
from koubai.report.worksheet.fill_in import fill_in_page
from koubai.report.worksheet.graph import graph_svg
from koubai.report.worksheet.markdown import worksheet_markdown
from koubai.report.worksheet.page import worksheet_page

__all__ = ["write_worksheet"]

_WRITERS = {".html": worksheet_page, ".md": worksheet_markdown, ".svg": graph_svg, ".txt": worksheet_text}


def write_worksheet(sheet: Worksheet, path: str | Path, *, fill_in: bool = False, digits: int = 4) -> Path:
    """Write a worksheet, in the user's language.

    Args:
        sheet: the worksheet.
        path: the file: .html a page, .md Markdown, .svg its graph, .txt plain text, .xlsx a workbook of formulas.
        fill_in: with .html, a sheet with empty boxes to print, and its solution.
        digits: decimals to round to; the workbook rounds nothing.

    Returns:
        the path.

    Raises:
        ValueError: for another ending.
        ModuleNotFoundError: for .xlsx, when XlsxWriter is not installed; it says how to install it.

    Example:
        >>> write_worksheet(koubai.explain.solve(koubai.explain.preset("2-2-1")), "step.html")
    """
    path = Path(path)
    if path.suffix == ".xlsx":
        from koubai.report.worksheet.workbook import write_workbook

        return write_workbook(sheet, path)
    writer = fill_in_page if fill_in and path.suffix == ".html" else _WRITERS.get(path.suffix)
    if writer is None:
        message = _("A worksheet is written as {endings}, not as {name}.")
        raise ValueError(message.format(endings=", ".join([*_WRITERS, ".xlsx"]), name=path.name))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, writer(sheet, digits).encode())
    return path
