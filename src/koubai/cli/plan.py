"""`koubai plan`: what a training will need and take, and whether a stated time or cost is plausible."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from koubai.cli.errors import MISUSED, Mistake, Stopped
from koubai.cli.options import settings_from, wrapped
from koubai.cli.plan_view import as_plain, show_outlook, show_plan, show_study
from koubai.cli.run_folders import ROOT, find_run
from koubai.cli.session import recipe_of
from koubai.i18n import _
from koubai.plan.claim import Claim
from koubai.plan.named import MODELS, model_named, recipe_named, workload_of_shape, workload_of_training
from koubai.plan.outlook import outlook
from koubai.plan.planner import Plan, plan_of
from koubai.plan.study import study, trainings
from koubai.plan.workload import Workload
from koubai.recipes import RECIPES, Settings, Training, treatable
from koubai.report.labels import duration
from koubai.train import RunRecord

_UNITS = {"s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_HOLD_OUT = 0.1


def _option(*names: str, help: str, metavar: str | None = None) -> Any:
    """An option whose help is broken into lines in Japanese too."""
    return typer.Option(*names, metavar=metavar, help=wrapped(help), show_default=False)


def plan(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help=_(
                "layers by their sizes, such as 784-128-10; {models}; a recipe; a script.py; a table.csv; or a run"
            ).format(models=", ".join(MODELS)),
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        str | None,
        _option(metavar="SHAPE", help=_("shape of the training data, such as 60000x1x28x28, samples first")),
    ] = None,
    classes: Annotated[
        int | None,
        _option(metavar=_("INTEGER"), help=_("number of classes; without it numbers are predicted")),
    ] = None,
    validation: Annotated[
        int | None,
        _option(
            metavar=_("INTEGER"), help=_("validation samples (default: a tenth of the training samples)")
        ),
    ] = None,
    epochs: Annotated[str | None, _option(metavar=_("INTEGER"), help=_("epochs"))] = None,
    batch_size: Annotated[str | None, _option(metavar=_("INTEGER"), help=_("samples per step"))] = None,
    optimizer: Annotated[str | None, _option(metavar=_("NAME"), help=_("the update rule"))] = None,
    target_column: Annotated[
        str | None, _option(metavar=_("TEXT"), help=_("for a CSV file: the column to predict"))
    ] = None,
    price: Annotated[
        float | None, _option(metavar=_("NUMBER"), help=_("price of this machine per hour, for the cost"))
    ] = None,
    claim: Annotated[
        str | None,
        _option(
            metavar=_("TIME"), help=_("a stated time, such as 2h or 90min: says whether it is plausible")
        ),
    ] = None,
    claim_cost: Annotated[
        float | None,
        _option(metavar=_("NUMBER"), help=_("a stated cost, with --price: says whether it is plausible")),
    ] = None,
    measure: Annotated[
        float,
        _option(metavar=_("SECONDS"), help=_("how long to measure (default: 1); 0 counts only")),
    ] = 1.0,
    eager: Annotated[bool, _option("--eager", help=_("plan a training that is not compiled"))] = False,
    studied: Annotated[
        bool,
        _option(
            "--study",
            help=_(
                "also train on the data: what more of them would bring, the depth they support, overfitting"
            ),
        ),
    ] = False,
    run: Annotated[
        str | None, _option(metavar="RUN", help=_("a finished run: will more epochs help?"))
    ] = None,
    as_json: Annotated[bool, _option("--json", help=_("as JSON, for programs"))] = False,
) -> None:
    """Plan a training, and print the plan."""
    record, training = None, None
    typed = {"epochs": epochs, "batch_size": batch_size, "optimizer": optimizer}
    if run is not None or (model is not None and _is_run(model)):
        record = find_run(run or model or "")
        training = _of_run(record, typed)
        workload = workload_of_training(training)
    elif model is None:
        raise Mistake(_("Say what to plan."), _hint(), MISUSED)
    else:
        workload, training = _workload(model, data, classes, validation, typed, target_column)
    if studied and training is None:
        raise Mistake(_("--study needs data: a recipe, a script, a CSV file or a run."), code=MISUSED)
    console = Console(highlight=False, quiet=as_json)
    try:
        planned = _planned(console, workload, price, measure, eager)
        claims = _claims(planned, claim, claim_cost)
        seen = None if record is None else _outlook_of(record)
        if not as_json:
            show_plan(console, planned, claims)
            if seen is not None:
                show_outlook(console, seen)
        found = _studied(console, planned, training) if studied and training is not None else None
    except KeyboardInterrupt:
        raise Stopped(_("Stopped.")) from None
    if as_json:
        plain = as_plain(planned, claims, seen, found)
        typer.echo(json.dumps(plain, ensure_ascii=False, indent=2, allow_nan=False))
    elif found is not None:
        show_study(console, planned, found)


def _workload(
    name: str,
    data: str | None,
    classes: int | None,
    validation: int | None,
    typed: dict[str, Any],
    target_column: str | None,
) -> tuple[Workload, Training | None]:
    """What a name means, and the training on real data if it means one."""
    model = model_named(name, classes)
    if model is not None:
        if data is None:
            raise Mistake(
                _("{name} needs the shape of its data: --data 60000x1x28x28").format(name=name), code=MISUSED
            )
        settings = settings_from(Settings, typed)
        held = _HOLD_OUT if validation is None else validation
        return workload_of_shape(name, model, _shape(data), classes, settings, held), None
    recipe = recipe_named(name)
    if recipe is None:
        raise Mistake(_("There is nothing to plan called {name}.").format(name=name), _hint(), MISUSED)
    if data is not None or classes is not None or validation is not None:
        raise Mistake(
            _("{name} brings its own data; leave --data, --classes and --validation out.").format(name=name),
            code=MISUSED,
        )
    chosen, said = recipe
    more = {} if target_column is None else {"target_column": target_column}
    training = Training(chosen, settings_from(chosen.settings, {**typed, **said, **more}))
    return workload_of_training(training), training


def _is_run(name: str) -> bool:
    return any((folder / "config.json").is_file() for folder in (Path(name), ROOT / name)) or name == "latest"


def _of_run(record: RunRecord, typed: dict[str, Any]) -> Training:
    recipe, settings = recipe_of(record)
    more = {name: value for name, value in typed.items() if value is not None}
    return Training(recipe, settings_from(recipe.settings, {**settings.model_dump(), **more}))


def _outlook_of(record: RunRecord) -> Any:
    history = record.history()
    return outlook(history.get("loss", ()), history.get("val_loss", ()))


def _planned(console: Console, workload: Workload, price: float | None, seconds: float, eager: bool) -> Plan:
    with console.status(_("counting …")) as status:

        def watch(size: int) -> None:
            status.update(_("a short training with {size:,} samples per step …").format(size=size))

        return plan_of(
            workload, price=price, measure=seconds > 0, compile=not eager, seconds=seconds, watch=watch
        )


def _claims(planned: Plan, time: str | None, cost: float | None) -> Sequence[Claim]:
    found = []
    if time is not None:
        found.append(planned.claim(seconds=seconds_of(time)))
    if cost is not None:
        found.append(planned.claim(cost=cost))
    return found


def _studied(console: Console, planned: Plan, training: Training) -> Any:
    """Train on the data; how long that will take is said first."""
    subject = treatable(training)
    if planned.prediction is not None:
        expected = planned.prediction.total * trainings(subject)
        told = _("The study makes trainings on the data; it will take about {time}.")
        console.print("\n" + told.format(time=duration(expected)))
    with console.status(_("training …")) as status:

        def watch(done: int, count: int) -> None:
            status.update(_("{done} of {count} trainings …").format(done=done, count=count))

        return study(subject, watch)


def _shape(text: str) -> tuple[int, ...]:
    """Read 60000x1x28x28."""
    if not re.fullmatch(r"[1-9]\d*([x×,][1-9]\d*)+", text):
        raise Mistake(
            _(
                "--data takes a shape with the samples first, such as 60000x1x28x28; it was given {value!r}."
            ).format(value=text),
            code=MISUSED,
        )
    return tuple(int(length) for length in re.split("[x×,]", text))


def seconds_of(text: str) -> float:
    """Read a length of time: 90s, 45min, 2h, 1.5d, or 1:30:00.

    Raises:
        Mistake: it is none.
    """
    if re.fullmatch(r"\d+:\d{2}(:\d{2})?", text):
        hours, minutes, *seconds = map(int, text.split(":"))
        return 3600.0 * hours + 60.0 * minutes + sum(seconds)
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d)", text)
    if found is None:
        message = _("--claim takes a time such as 90s, 45min, 2h or 1:30:00; it was given {value!r}.")
        raise Mistake(message.format(value=text), code=MISUSED)
    return float(found[1]) * _UNITS[found[2]]


def _hint() -> str:
    return _(
        "Layers by their sizes such as 784-128-10, {models}, {recipes}, a script.py, a table.csv, or a run."
    ).format(models=", ".join(MODELS), recipes=", ".join(name for name in RECIPES if name != "csv"))
