"""Reports of a run (what came out, is it good, where it went wrong, how it was made); pages of `explain`."""

from koubai.report.content import Content
from koubai.report.downhill import write_downhill
from koubai.report.exhibits import draw_exhibit
from koubai.report.gallery import write_gallery
from koubai.report.influence import influence_page
from koubai.report.page import page
from koubai.report.run import write_report
from koubai.report.worksheet import write_cheat_sheet, write_comparison, write_worksheet

__all__ = [
    "Content",
    "draw_exhibit",
    "influence_page",
    "page",
    "write_cheat_sheet",
    "write_comparison",
    "write_downhill",
    "write_gallery",
    "write_report",
    "write_worksheet",
]
