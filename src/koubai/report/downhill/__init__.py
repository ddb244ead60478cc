"""Descents of `koubai.explain.downhill` as files: a page that moves, and a picture."""

from koubai.report.downhill.page import downhill_page
from koubai.report.downhill.picture import draw_downhill
from koubai.report.downhill.write import write_downhill

__all__ = ["downhill_page", "draw_downhill", "write_downhill"]
