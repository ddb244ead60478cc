"""Worksheets of `koubai.explain` as files: page, sheet to fill in, cheat sheet, notes, workbook, comparisons."""

from koubai.report.worksheet.comparison import comparison_page, write_comparison
from koubai.report.worksheet.fill_in import fill_in_page
from koubai.report.worksheet.markdown import worksheet_markdown
from koubai.report.worksheet.page import worksheet_page
from koubai.report.worksheet.write import write_cheat_sheet, write_worksheet

__all__ = [
    "comparison_page",
    "fill_in_page",
    "worksheet_markdown",
    "worksheet_page",
    "write_cheat_sheet",
    "write_comparison",
    "write_worksheet",
]
