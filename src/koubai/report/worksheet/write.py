"""Writes a worksheet into a file; the ending of its name says what it becomes."""

from __future__ import annotations

from pathlib import Path

from koubai.atomic import write_file
from koubai.explain.text import worksheet_text
from koubai.explain.worksheet import Worksheet
from koubai.i18n import _
from koubai.report.pdf import page_count, write_pdf
from koubai.report.worksheet.cheat_sheet import cheat_sheet_page
from koubai.report.worksheet.fill_in import fill_in_page
from koubai.report.worksheet.graph import graph_svg
from koubai.report.worksheet.markdown import worksheet_markdown
from koubai.report.worksheet.page import worksheet_page

__all__ = ["write_cheat_sheet", "write_worksheet"]

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


def write_cheat_sheet(sheet: Worksheet, path: str | Path, *, digits: int = 4) -> Path:
    """Write all formulas of a step on one page of A4, in the user's language.

    Args:
        sheet: the worksheet.
        path: the file: .html a page to print, .pdf the printed page.
        digits: decimals to round to.

    Returns:
        the path.

    Raises:
        ValueError: for another ending, or if the formulas do not fit on one page.
        FileNotFoundError: for .pdf, when there is no browser to print with; it says what to do.
    """
    path = Path(path)
    page = cheat_sheet_page(sheet, digits)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".html":
        write_file(path, page.encode())
    elif path.suffix == ".pdf":
        _print_one_page(page, path)
    else:
        message = _("A cheat sheet is written as .html or .pdf, not as {name}.")
        raise ValueError(message.format(name=path.name))
    return path


def _print_one_page(page: str, path: Path) -> None:
    if page_count(write_pdf(page, path)) > 1:
        path.unlink()
        raise ValueError(_("The formulas of this network do not fit on one page. Make it smaller."))
