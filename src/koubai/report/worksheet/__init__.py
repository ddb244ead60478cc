"""Worksheets of `koubai.explain` as files: a page, a sheet to fill in, a cheat sheet, Markdown, a living workbook."""

from koubai.report.worksheet.fill_in import fill_in_page
from koubai.report.worksheet.markdown import worksheet_markdown
from koubai.report.worksheet.page import worksheet_page
from koubai.report.worksheet.write import write_cheat_sheet, write_worksheet

__all__ = ["fill_in_page", "worksheet_markdown", "worksheet_page", "write_cheat_sheet", "write_worksheet"]
