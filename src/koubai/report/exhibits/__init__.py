"""How each kind of exhibit looks in a report, and as a picture of its own."""

from koubai.report.exhibits.shown import draw_exhibit, shown

__all__ = ["draw_exhibit", "shown"]
