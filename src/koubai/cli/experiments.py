"""`koubai doctor --experiment`: learning rates side by side, samples to overfit, what is chance, what data bring."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.status import Status
from rich.text import Text

from koubai.atomic import write_file
from koubai.cli.errors import MISUSED, Mistake, Stopped
from koubai.cli.session import recipe_of
from koubai.cli.sparkline import sparkline
from koubai.cli.wrapping import lines_of
from koubai.doctor.experiments import EXPERIMENTS, Experiment, more_data, overfit, rates, sensitivity
from koubai.doctor.treatment import Training as Subject
from koubai.i18n import _
from koubai.recipes import Training, treatable
from koubai.report.canvas import MatplotlibMissing
from koubai.report.lines import draw_lines, thinned
from koubai.train import RunRecord

_SEEDS = 5
_CURVE = 32  # columns


def experiment(record: RunRecord, name: str, seeds: int | None, as_json: bool) -> None:
    """Make an experiment with what a run trains, and show it.

    Raises:
        Mistake: there is no such experiment.
        Stopped: the user pressed Ctrl-C.
    """
    if name not in EXPERIMENTS:
        raise Mistake(
            _("There is no experiment {name}.").format(name=name),
            _("Choose one of {names}.").format(names=", ".join(EXPERIMENTS)),
            MISUSED,
        )
    subject = treatable(Training(*recipe_of(record)))
    console = Console(highlight=False, quiet=as_json)
    try:
        with console.status(_("experimenting …")) as status:
            seen = _made(subject, name, _SEEDS if seeds is None else seeds, status)
    except KeyboardInterrupt:
        raise Stopped(_("Stopped.")) from None
    if as_json:
        typer.echo(json.dumps(_plain(seen), ensure_ascii=False, indent=2, allow_nan=False))
        return
    for line in _lines(seen, console.width):
        console.print(line)
    if seen.curves:
        console.print(_picture(seen, record.folder), soft_wrap=True)


def _made(subject: Subject, name: str, seeds: int, status: Status) -> Experiment:
    def watch(done: int, count: int) -> None:
        status.update(_("{done} of {count} trainings …").format(done=done, count=count))

    kinds: dict[str, Callable[[], Experiment]] = {
        "rates": lambda: rates(subject),
        "overfit": lambda: overfit(subject),
        "seeds": lambda: sensitivity(subject, seeds, watch).experiment(),
        "data": lambda: more_data(subject, watch),
    }
    return kinds[name]()


def _lines(seen: Experiment, width: int) -> Iterator[Text]:
    """The curves on one scale, what each came to, and the words."""
    yield Text(seen.title, style="bold")
    thin = {name: thinned(values)[1] for name, values in seen.curves.items()}
    scale = [value for values in thin.values() for value in values]
    longest = max((cell_len(name) for name in seen.curves), default=0)
    for name, values in thin.items():
        padded = name + " " * (longest - cell_len(name))
        yield Text(f"   {padded}  {sparkline(values, _CURVE, scale):<{_CURVE}}  {_result(seen, name)}")
    for sentence in seen.words.splitlines():
        yield Text("\n".join(lines_of(sentence, width)))
    yield Text(_("An experiment is evidence, no finding."), style="dim")


def _result(seen: Experiment, name: str) -> str:
    """What a curve came to: a loss, or a skill."""
    result = seen.results[name]
    if not math.isfinite(result):
        return _("diverged")
    what = _("skill") if seen.name in ("seeds", "data") else _("loss")
    return f"{what} {result:.3g}"


def _picture(seen: Experiment, folder: Path) -> str:
    path = folder / f"experiment-{seen.name}.png"
    try:
        write_file(path, draw_lines(seen.title, _(seen.axis), seen.curves))
    except MatplotlibMissing as missing:
        return str(missing)
    return _("Picture: {path}").format(path=path)


def _plain(seen: Experiment) -> dict[str, object]:
    def finite(value: float) -> float | None:
        return value if math.isfinite(value) else None

    return {
        "experiment": seen.name,
        "words": seen.words,
        "axis": seen.axis,
        "results": {name: finite(value) for name, value in seen.results.items()},
        "curves": {name: [finite(value) for value in values] for name, values in seen.curves.items()},
    }
