"""`compare`: a worksheet's step in another framework as well, and a learner's numbers beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from koubai.explain.comparison.answers import read_answers
from koubai.explain.comparison.comparison import Comparison
from koubai.explain.comparison.keras_step import keras_problem, keras_step
from koubai.explain.comparison.marking import Mark, Marking, marked
from koubai.explain.comparison.pairing import their_numbers
from koubai.explain.comparison.steps import later_steps
from koubai.explain.comparison.theirs import Theirs
from koubai.explain.comparison.torch_step import torch_step
from koubai.explain.worksheet import Problem, Worksheet, solve
from koubai.i18n import _

__all__ = ["FRAMEWORKS", "compare"]

FRAMEWORKS: Mapping[str, Callable[[Problem, int], Theirs]] = {"torch": torch_step, "keras": keras_step}


def compare(
    sheet: Worksheet | Problem,
    framework: str | None = "torch",
    *,
    mine: str | Path | Mapping[str, Any] | Sequence[Any] | None = None,
    steps: int = 1,
    tolerance: float | None = None,
) -> Comparison:
    """Take the same step in another framework, with equal weights and inputs, and compare every number.

    We calculate in float64, and they do where they can: values of the forward pass, the loss, all gradients,
    what the optimizer remembers, the new parameters, and the loss after the step.

    Args:
        sheet: a worksheet, or the problem of one.
        framework: "torch" or "keras", which has to be installed; None to check a learner's numbers without any.
        mine: a learner's numbers: a file, or a dictionary of names and numbers; see `read_answers`.
        steps: how many steps to take; those behind the first are compared by their loss and parameters.
        tolerance: the largest difference of equal numbers, for those above 1 in proportion; without it 1e-12, where the
            framework calculates in float64.

    Raises:
        FrameworkMissing: if the framework is not installed; the message says how to install it.
        NotTranslated: if the framework has no counterpart of the network, its loss or its optimizer.
        ValueError: if there is nothing to compare with, or the learner's numbers cannot be read.

    Example:
        >>> print(koubai.explain.compare(koubai.explain.preset("2-2-1"), "torch"))
    """
    if framework is None and mine is None:
        raise ValueError(_("There is nothing to compare with: name a framework, or give your own numbers."))
    if framework is not None and framework not in FRAMEWORKS:
        message = _("There is no framework {name} to compare with; there are {names}.")
        raise ValueError(message.format(name=framework, names=", ".join(FRAMEWORKS)))
    if steps < 1:
        raise ValueError(_("There must be at least one step."))
    if framework == "keras":
        sheet = solve(keras_problem(sheet.problem if isinstance(sheet, Worksheet) else sheet))
    elif isinstance(sheet, Problem):
        sheet = solve(sheet)
    marking = None if mine is None else _marking(sheet, mine)
    if framework is None:
        return Comparison(sheet, marking=marking)
    theirs = FRAMEWORKS[framework](sheet.problem, steps)
    numbers, later = their_numbers(sheet, theirs), later_steps(sheet, theirs.steps)
    allowed = theirs.tolerance if tolerance is None else tolerance
    return Comparison(sheet, theirs.name, theirs.version, numbers, allowed, later, theirs.notes, marking)


def _marking(sheet: Worksheet, mine: str | Path | Mapping[str, Any] | Sequence[Any]) -> Marking:
    """Mark a learner's numbers, in the form of momentum that they fit better."""
    markings = [marked(sheet, read_answers(mine, sheet, update.form)) for update in sheet.updates]
    return max(markings, key=lambda marking: marking.number_of(Mark.RIGHT))
