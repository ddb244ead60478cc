"""Shows what gradients cost, a line for each network as soon as it is measured."""

from __future__ import annotations

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from koubai.explain import GradientCost, gradient_costs
from koubai.i18n import _

_MILLION = 1_000_000


def show_gradient_costs() -> None:
    """Measure growing networks and print a line for each, then what it means for a large one."""
    console = Console(highlight=False)
    numerical, backward = _("numerical differentiation"), _("backpropagation")
    over = f"{_right('', 26)}{_right(numerical, 26)}{_right(backward, 27)}"
    titles = (_("layers"), _("parameters"), _("forward passes"), _("time"), _("passes"), _("time"))
    console.print(Text(over, style="dim"))
    console.print(Text(_row(*titles), style="dim"))
    costs = []
    for cost in gradient_costs():
        costs.append(cost)
        console.print(Text(_cells(cost)))
    largest = max(cost.difference for cost in costs)
    console.print(
        _("The gradients are the same: the largest difference is {number}.").format(number=f"{largest:.0e}")
    )
    sentence = _(
        "With a million parameters, numerical differentiation would need {passes:,} forward passes for every step; "
        "backpropagation needs one, and one back."
    )
    console.print(sentence.format(passes=2 * _MILLION))


def _row(*cells: str) -> str:
    widths = (13, 15, 15, 9, 19, 8)
    return "".join(_right(cell, width) for cell, width in zip(cells, widths))


def _cells(cost: GradientCost) -> str:
    sizes = "-".join(map(str, cost.sizes))
    both = _("{count} forward + {count} back").format(count=cost.swept)
    numbers = (
        f"{cost.parameters:,}",
        f"{cost.passes:,}",
        _time(cost.numerical),
        both,
        _time(cost.backpropagation),
    )
    return _row(sizes, *numbers)


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:,.1f} ms" if seconds < 1 else f"{seconds:,.2f} s"


def _right(text: str, width: int) -> str:
    return " " * max(1, width - cell_len(text)) + text
