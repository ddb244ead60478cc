"""One line per epoch: training and validation side by side, and a mark where an epoch is the best so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.cells import cell_len
from rich.text import Text

from koubai.i18n import _
from koubai.report.labels import duration, label, written

WIDTH = 80
_GAP = 2
_LR, _TIME = 11, 10  # columns: 0.0006004 and 1:02:05 h, with the gap before them


class EpochTable:
    """Writes the lines of a table whose columns are as wide as their titles, so that it can be printed line
    by line.

    Args:
        epochs: how many epochs there will be.
        metrics: names of the metrics to show after the loss; as many as fit the width.
        validated: whether there are validation columns.
        width: columns of the screen.
    """

    def __init__(self, epochs: int, metrics: Sequence[str], validated: bool, width: int = WIDTH) -> None:
        self.epochs = epochs
        self.parts = ["", "val_"] if validated else [""]
        self.metrics = ["loss", *metrics]
        while len(self.metrics) > 1 and self._width() > width:
            self.metrics.pop()

    def header(self) -> list[Text]:
        """Two lines: the parts, and what stands in each column."""
        block = sum(map(self._cell, self.metrics)) - _GAP
        names = [_("training"), _("validation")][: len(self.parts)]
        over = " " * self._first() + "".join(" " * _GAP + _ruled(name, block) for name in names)
        titles = [_padded(_("epoch"), self._first())]
        titles += [
            _padded(label(metric), self._cell(metric)) for _part in self.parts for metric in self.metrics
        ]
        titles += [_padded(_("lr"), _LR), _padded(_("time"), _TIME)]
        return [Text(over, style="dim"), Text("".join(titles), style="dim")]

    def row(self, epoch: int, values: Mapping[str, float], seconds: float, best: bool) -> Text:
        """The line of an epoch.

        Args:
            epoch: its number, from 1.
            values: metrics by name; validation's carry the prefix "val_", the learning rate is "lr".
            seconds: how long it took.
            best: whether it is the best so far.
        """
        line = Text(_padded(f"{epoch}/{self.epochs}", self._first()))
        for part in self.parts:
            for metric in self.metrics:
                value = written(metric, values.get(part + metric))
                line.append(_padded(value, self._cell(metric)), style="bold" if best and part else "")
        line.append(_padded(written("lr", values.get("lr")), _LR), style="dim")
        line.append(_padded(duration(seconds), _TIME), style="dim")
        return line.append("  ★", style="bold yellow") if best else line

    def _first(self) -> int:
        return max(cell_len(_("epoch")), 2 * len(str(self.epochs)) + 1) + 1

    def _cell(self, metric: str) -> int:
        """A column's width: "100.00 %" and 1.234e-05 fit."""
        return max(9, cell_len(label(metric))) + _GAP

    def _width(self) -> int:
        return self._first() + len(self.parts) * sum(map(self._cell, self.metrics)) + _LR + _TIME + 3


def _padded(text: str, width: int) -> str:
    """To the right of a width on the screen, where a Japanese character takes two columns."""
    return " " * max(0, width - cell_len(text)) + text


def _ruled(text: str, width: int) -> str:
    """In the middle of a line."""
    line = max(0, width - cell_len(text) - 2)
    return f"{'─' * (line // 2)} {text} {'─' * (line - line // 2)}"
