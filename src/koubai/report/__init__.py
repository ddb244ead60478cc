"""Curves and reports of a run: what came out, whether it is good, where it went wrong, how it was made."""

from koubai.report.content import Content
from koubai.report.page import page
from koubai.report.run import write_report

__all__ = ["Content", "page", "write_report"]
