"""A run's checkup on the screen: findings as symptom, cause and remedy, the curves' verdict, the flow of gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from koubai.cli.sparkline import bar, log_shares, sparkline
from koubai.doctor.finding import Finding
from koubai.doctor.flow import bottleneck, gradient_flow, update_ratios
from koubai.doctor.vital_signs import Signs
from koubai.i18n import _
from koubai.report.checkup import Checkup
from koubai.report.findings import numbers, place
from koubai.report.flow_pictures import RULE_OF_THUMB

_BAR = 36
_MOST_LAYERS = 40  # bars; of more layers the first and the last are shown


def show_checkup(console: Console, checkup: Checkup, history: Mapping[str, Sequence[float]]) -> None:
    """Print everything that the record knows of a run's health."""
    for part in _parts(checkup, history):
        console.print(part)


def show_layers(console: Console, checkup: Checkup) -> None:
    """Print which layers learn: how gradients flow back to them and stop, and how far updates move their weights."""
    if not checkup.flowing:
        console.print(Text(_("Nothing is recorded of the gradients inside the network."), style="dim"))
        return
    for part in _flow(checkup.flowing[-1], checkup.title):
        console.print(part)
    console.print(Padding(Text(_where_it_stops(checkup)), (0, 0, 0, 3)))
    for part in _updates(checkup.flowing):
        console.print(part)


def _where_it_stops(checkup: Checkup) -> str:
    stuck = bottleneck(gradient_flow(checkup.flowing[-1]))
    if stuck is None:
        return _("The gradient comes through to the first layer that learns.")
    return _("Most of the gradient is lost in {layer}: what comes before it hardly learns.").format(
        layer=checkup.title(stuck)
    )


def _parts(checkup: Checkup, history: Mapping[str, Sequence[float]]) -> Iterator[RenderableType]:
    mark, style = ("✓", "green") if checkup.healthy else ("!", "yellow") if checkup.findings else ("–", "dim")
    yield Text(f"{mark} {checkup.summary}", style=style)
    for number, finding in enumerate(checkup.findings or (), 1):
        yield Text()
        yield finding_view(finding, number)
    yield from _curve(checkup, history)
    if checkup.flowing:
        yield from _flow(checkup.flowing[-1], checkup.title)
        yield from _updates(checkup.flowing)


def finding_view(finding: Finding, number: int) -> RenderableType:
    """One finding: symptom → cause → remedy with the evidence, below where and since when."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, text in _rows(finding):
        grid.add_row(name, text)
    head = Text.assemble((f"{number}  ", "bold"), (place(finding), "dim"))
    return Group(head, Padding(grid, (0, 0, 0, 3)))


def _rows(finding: Finding) -> Iterator[tuple[str, Text]]:
    yield _("symptom"), Text(finding.symptom)
    yield _("→ cause"), Text(finding.title, style="bold")
    yield _("→ remedy"), Text(finding.remedy)
    if finding.code:
        yield "", Text(finding.code, style="cyan")
    if finding.numbers:
        yield _("numbers"), Text(numbers(finding))
    if len(finding.curve) > 1:
        low, high = min(finding.curve), max(finding.curve)
        yield "", Text(f"{sparkline(finding.curve)}  {finding.curve_name}, {low:.3g} – {high:.3g}")
    if finding.withdrawn_if:
        yield _("unless"), Text(finding.withdrawn_if)


def _curve(checkup: Checkup, history: Mapping[str, Sequence[float]]) -> Iterator[RenderableType]:
    yield Text("\n" + _("Learning curve"), style="bold")
    for key, name in (("loss", _("training")), ("val_loss", _("validation"))):
        values = history.get(key, ())
        if len(values) > 1:
            yield Text(f"   {sparkline(values, 48)}  {name} {values[0]:.4g} → {values[-1]:.4g}")
    yield Padding(Text(checkup.verdict.sentence), (0, 0, 0, 3))


def _flow(last: Signs, title: Callable[[str], str]) -> Iterator[RenderableType]:
    """Bars from the output back to the input, in the step that was measured last."""
    flow = gradient_flow(last)
    stuck = bottleneck(flow)
    shares = dict(zip(flow, log_shares(list(flow.values()))))
    yield Text(
        "\n" + _("Gradients from the output back to the input, step {step:,}").format(step=last.step),
        style="bold",
    )
    grid = Table.grid(padding=(0, 2, 0, 0))
    for name in _shown(list(reversed(flow))):
        mark = Text(_("◀ bottleneck") if name == stuck else "", style="red")
        grid.add_row(
            title(name), bar(shares.get(name, 0), _BAR), f"{flow[name]:.1e}" if name in flow else "", mark
        )
    yield Padding(grid, (0, 0, 0, 3))


def _updates(measured: Sequence[Signs]) -> Iterator[RenderableType]:
    """Update by weight over the steps that were measured."""
    by_step = [ratios for signs in measured if (ratios := update_ratios(signs))]
    if not by_step:
        return
    yield Text(
        "\n" + _("Update by weight, |Δ|/|w| (rule of thumb {rule:g})").format(rule=RULE_OF_THUMB),
        style="bold",
    )
    grid = Table.grid(padding=(0, 2, 0, 0))
    weights = [name for name in by_step[-1] if name.endswith("weight")]
    for name in _shown(weights or list(by_step[-1])):
        values = [ratios[name] for ratios in by_step if name in ratios]
        grid.add_row(name, sparkline(values, 24), f"{values[-1]:.1e}" if values else "")
    yield Padding(grid, (0, 0, 0, 3))


def _shown(names: list[str]) -> list[str]:
    half = _MOST_LAYERS // 2
    return names if len(names) <= _MOST_LAYERS else [*names[:half], "⋮", *names[-half:]]
