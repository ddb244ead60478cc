"""`koubai influence`: what an answer or the loss hangs on, for one sample or over the test part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

import koubai
from koubai.atomic import write_file
from koubai.cli.checkup import show_layers
from koubai.cli.errors import MISUSED, Mistake
from koubai.cli.exhibits import show_exhibit
from koubai.cli.predict import save_picture
from koubai.cli.problem import with_ending
from koubai.cli.run_folders import find_run
from koubai.cli.session import load_weights, recipe_of
from koubai.explain.influence import METHODS, Influence, Method, Of, loss_gradient_norms
from koubai.explain.influence import influence as influence_of
from koubai.i18n import _
from koubai.nn import Module
from koubai.recipes import Training
from koubai.recipes.exhibit import Exhibit
from koubai.recipes.explainable import Continuation, Explainable, Unnamed
from koubai.recipes.influences import Known, ranked_exhibit, sample_exhibits, strongest_exhibit
from koubai.report import influence_page
from koubai.report.checkup import Checkup
from koubai.train import RunRecord


@dataclass(frozen=True)
class _Samples:
    """What is asked about.

    Attributes:
        model: with its trained weights.
        known: what the run's predictor tells.
        inputs: the model's inputs (N, ...).
        targets: (N, ...), or None where they are not known.
        loss: of the training, or None.
        numbers: of the samples in the test part, from 1 (N,).
    """

    model: Module
    known: Known
    inputs: NDArray[Any]
    targets: NDArray[Any] | None = None
    loss: Callable[..., Any] | None = None
    numbers: NDArray[Any] | None = None


def influence(
    run: Annotated[str, typer.Argument(metavar="RUN", help=_("a run's folder or name, or latest"))],
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="INPUT",
            help=_("as for koubai predict; without it the test part is looked at"),
            show_default=False,
        ),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option("--sample", metavar="N", min=1, help=_("look at this sample of the test part alone")),
    ] = None,
    of: Annotated[
        str | None,
        typer.Option(
            "--of", metavar="CLASS", help=_("influence on this class or output, or on the loss: --of loss")
        ),
    ] = None,
    method: Annotated[
        str, typer.Option("--method", metavar=_("NAME"), help=", ".join(METHODS))
    ] = "integrated",
    over: Annotated[
        int, typer.Option("--over", metavar="N", min=1, help=_("how many samples of the test part"))
    ] = 200,
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="FILE.png", help=_("write the first picture into a file")),
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar=_("FILE"), help=_("write a page"))] = None,
) -> None:
    """Show the influence, and write the files that are asked for."""
    if source is not None and sample is not None:
        raise Mistake(_("Give either INPUT or --sample, not both."), code=MISUSED)
    page = html and with_ending(html, ".html")
    record = find_run(run)
    samples = _handed_in(record, source) if source is not None else _of_test_part(record, sample, over)
    found = influence_of(
        samples.model,
        samples.inputs,
        _explained(of, samples),
        target=samples.targets,
        loss=samples.loss,
        method=_method(method),
        baseline=samples.known.baseline if samples.inputs.dtype.kind == "f" else 0.0,
    )
    alone = source is not None or sample is not None
    exhibits = sample_exhibits(found, samples.inputs, samples.known) if alone else _ranked(found, samples)
    checkup = None if alone else Checkup.of(record)
    _show(exhibits, checkup)
    if save is not None:
        save_picture(exhibits, save)
    if page is not None:
        write_file(page, influence_page(record.folder.name, _line(found), exhibits, checkup).encode())
        typer.echo(_("Written: {path}").format(path=page))


def _method(name: str) -> Method:
    """The method that the user named."""
    known: dict[str, Method] = {method: method for method in METHODS}
    if name not in known:
        problem = _("There is no method {name}; there are {names}.")
        raise Mistake(problem.format(name=name, names=", ".join(known)), code=MISUSED)
    return known[name]


def _handed_in(record: RunRecord, source: str) -> _Samples:
    """What the user hands in; its target is not known."""
    recipe, settings = recipe_of(record)
    predictor = recipe.predictor.load(record.folder)
    if not isinstance(predictor, Explainable):
        raise Mistake(
            _("Runs of {recipe} take no INPUT here.").format(recipe=recipe.name),
            _("Without INPUT the test part is looked at."),
        )
    model = recipe.model(settings, predictor)
    load_weights(record, model)
    explained = Continuation(model) if predictor.continues else model
    return _Samples(explained, predictor, predictor.model_inputs(source))


def _of_test_part(record: RunRecord, sample: int | None, over: int) -> _Samples:
    """One sample of the run's test part, or some drawn at random, always the same ones."""
    training = Training(*recipe_of(record))
    test = training.task.test
    predictor = training.recipe.predictor.load(record.folder)
    known = predictor if isinstance(predictor, Explainable) else Unnamed()
    inputs, *others, targets = (np.asarray(tensor.numpy()) for tensor in test.tensors)
    if others or (inputs.dtype.kind != "f" and isinstance(known, Unnamed)):
        words = _(
            "Influence is not shown for runs of {recipe}: it takes a model of one input, numbers or tokens."
        )
        raise Mistake(words.format(recipe=training.recipe.name))
    if sample is not None and sample > len(test):
        raise Mistake(_("The test part has {count:,} samples.").format(count=len(test)))
    order = koubai.randperm(len(test), generator=koubai.Generator().manual_seed(0)).numpy()
    chosen = np.sort(order[:over]) if sample is None else np.array([sample - 1])
    load_weights(record, training.model)
    loss = training.task.loss
    if known.continues:  # of each passage the last token is asked for
        last = targets[chosen, -1]
        return _Samples(Continuation(training.model), known, inputs[chosen], last, loss, chosen + 1)
    return _Samples(training.model, known, inputs[chosen], targets[chosen], loss, chosen + 1)


def _explained(of: str | None, samples: _Samples) -> Of:
    """What the user wants explained: the loss, a class by its name, an output by its number from 0."""
    names = samples.known.output_names
    if of in names:
        return names.index(of)
    if of == "loss":
        if samples.targets is None:
            raise Mistake(
                _("The loss of INPUT is not known, for it has no target."),
                _("--sample N takes a sample of the test part, with its target."),
            )
        return "loss"
    if of is None:
        return "predicted" if names or isinstance(samples.known, Explainable) else "loss"
    if of.isdecimal():
        return int(of)
    told = ", ".join(["loss", *names])
    raise Mistake(_("There is no class {name}; there are {names}.").format(name=of, names=told), code=MISUSED)


def _ranked(found: Influence, samples: _Samples) -> list[Exhibit]:
    """What counts over all samples, and the samples that count most."""
    assert samples.targets is not None
    assert samples.loss is not None
    assert samples.numbers is not None
    norms = loss_gradient_norms(samples.model, samples.inputs, samples.targets, samples.loss)
    return [
        ranked_exhibit(found, samples.inputs, samples.known),
        strongest_exhibit(norms, samples.numbers, samples.inputs, samples.targets, samples.known),
    ]


def _show(exhibits: Sequence[Exhibit], checkup: Checkup | None) -> None:
    for number, exhibit in enumerate(exhibits):
        if number:
            typer.echo()
        show_exhibit(exhibit)
    if checkup is not None:
        show_layers(Console(highlight=False), checkup)


def _line(found: Influence) -> str:
    """How the influence was found, in a few words."""
    names = {
        "gradient": _("gradient × input"),
        "integrated": _("integrated gradients"),
        "smooth": _("SmoothGrad × input"),
    }
    gap = float(np.abs(found.gap).max())
    return " · ".join([names[found.method], _("largest gap of completeness {gap:.2g}").format(gap=gap)])
