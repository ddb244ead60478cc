"""One training as the user sees it: what is trained, its progress, the result, how to go on after Ctrl-C."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

from koubai.cli.alarms import alarms_on
from koubai.cli.errors import Mistake, Stopped
from koubai.cli.progress import ProgressView
from koubai.cli.run_folders import find_run, new_folder
from koubai.doctor.chart import read_findings
from koubai.i18n import _
from koubai.nn import Module
from koubai.recipes import RECIPES, Outcome, Recipe, Settings, Training, load_script
from koubai.report import write_report
from koubai.report.labels import label, written
from koubai.report.result import baseline_sentence, target_sentence
from koubai.train import RunRecord


def start(recipe: Recipe, settings: Settings, folder: Path | None = None, script: Path | None = None) -> None:
    """Train a recipe from its beginning, into a folder of its own.

    Raises:
        Stopped: the user pressed Ctrl-C.
    """
    console, view = _screen()
    training = Training(recipe, settings, [view])
    config = {
        "recipe": recipe.name,
        "script": script and str(script.resolve()),
        "settings": training.settings.model_dump(mode="json"),  # with what was left open filled in
    }
    record = RunRecord.create(folder or new_folder(recipe.name), config, settings.seed)
    training.describe(record.folder)
    _run(training, record, console, resume=False)


def resume(wanted: str, name: str | None = None) -> None:
    """Go on with a run where it was interrupted.

    Args:
        wanted: the run.
        name: the recipe or script that the user named beside it, if any.

    Raises:
        Mistake: there is no such run, or it is of another recipe.
        Stopped: the user pressed Ctrl-C.
    """
    record = find_run(wanted)
    recipe, settings = recipe_of(record)
    if name not in (None, recipe.name, recipe.summary):
        raise Mistake(
            _("The run {run} is of {recipe}, not of {name}.").format(
                run=wanted, recipe=recipe.name, name=name
            )
        )
    console, view = _screen()
    if record.status == "finished" and Outcome.is_in(record.folder):
        console.print(_("This run has come to its end; there is nothing left to train."))
        return
    _run(Training(recipe, settings, [view]), record, console, resume=True)


def recipe_of(record: RunRecord) -> tuple[Recipe, Settings]:
    """What a run trains, and its settings.

    Raises:
        Mistake: the run was not made by `koubai train`.
    """
    config = record.config
    known = config.get("script") or config.get("recipe") in RECIPES
    if not known or "settings" not in config:
        raise Mistake(_("The run {run} was not made by koubai train.").format(run=record.folder))
    script, settings = config.get("script"), config["settings"]
    recipe = load_script(Path(script), settings["seed"]) if script else RECIPES[config["recipe"]]
    return recipe, recipe.settings(**settings)


def load_weights(record: RunRecord, model: Module) -> None:
    """Give a model the weights that a run has kept, ready to answer.

    Raises:
        Mistake: there are none yet.
    """
    try:
        record.load_weights(model)
    except FileNotFoundError:
        raise Mistake(_("The run {run} has no weights yet.").format(run=record.folder)) from None
    model.eval()


def _run(training: Training, record: RunRecord, console: Console, resume: bool) -> None:
    console.print(_opening(training), soft_wrap=True)
    try:
        with alarms_on(console):
            training.fit(run=record, resume=resume)
    except KeyboardInterrupt:
        raise Stopped(
            _("Stopped. All that was trained so far is kept."),
            _("Go on with: koubai train --resume {folder}").format(folder=record.folder),
        ) from None
    training.calibrate(record.folder)
    outcome = training.judge()
    outcome.save(record.folder)
    for line in (*_result(training, outcome), *_next_steps(record, write_report(record))):
        console.print(line, soft_wrap=True)


def _opening(training: Training) -> Text:
    """What is trained, on how much."""
    data = training.task
    rest = _(
        "{weights:,} parameters; {train:,} training, {validation:,} validation and {test:,} test samples"
    ).format(
        weights=sum(parameter.numel() for parameter in training.model.parameters()),
        train=len(data.train),
        validation=len(data.validation or ()),
        test=len(data.test),
    )
    return Text.assemble((training.recipe.name, "bold"), ": ", rest)


def _result(training: Training, outcome: Outcome) -> Iterator[Text]:
    """The result, what it has to beat, whether the target is met, and whose weights these are."""
    result = _("Test {metric}: {value}").format(
        metric=label(outcome.headline), value=written(outcome.headline, outcome.result)
    )
    yield Text("\n" + result, style="bold")
    yield Text(baseline_sentence(outcome))
    if outcome.target_met is not None:
        mark, style = ("✓", "green") if outcome.target_met else ("✗", "red")
        yield Text(f"{mark} {target_sentence(outcome)}", style=style)
    trainer = training.trainer
    if trainer.stop_reason:
        yield Text(_("Early stopping after epoch {epoch}.").format(epoch=trainer.progress.epoch))
    yield Text(_("The weights of epoch {epoch} are kept.").format(epoch=trainer.kept_epoch))


def _next_steps(record: RunRecord, report: Path) -> Iterator[Text]:
    if read_findings(record):
        yield Text(_("What is wrong: koubai doctor {run}").format(run=record.folder), style="yellow")
    yield Text(_("Report: {path}").format(path=report))
    yield Text(_("Predict: koubai predict {run} INPUT").format(run=record.folder))


def _screen() -> tuple[Console, ProgressView]:
    console = Console(highlight=False)
    return console, ProgressView(console)
