"""Several steps of a problem on our side, to be compared with those of another framework."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from koubai.explain.comparison.comparison import LaterStep
from koubai.explain.comparison.theirs import Snapshot
from koubai.explain.worksheet import Problem, Worksheet, doubled

__all__ = ["later_steps", "own_steps"]


def later_steps(sheet: Worksheet, theirs: Sequence[Snapshot]) -> dict[str, list[LaterStep]]:
    """Compare the steps behind the first, by the form of momentum.

    Args:
        sheet: the worksheet of the first step.
        theirs: all steps of the other framework.
    """
    if len(theirs) < 2:
        return {}
    forms = [update.form if update.memory else "" for update in sheet.updates]
    return {
        form: [
            _compared(number, own, other)
            for number, (own, other) in enumerate(zip(own_steps(sheet.problem, form, len(theirs)), theirs), 1)
            if number > 1
        ]
        for form in forms
    }


def _compared(number: int, own: Snapshot, other: Snapshot) -> LaterStep:
    differences = [float(np.max(np.abs(a - b))) for a, b in zip(own.parameters, other.parameters)]
    return LaterStep(number, own.loss, other.loss, float(np.max(differences)))


def own_steps(problem: Problem, form: str, count: int) -> Iterator[Snapshot]:
    """Train for some steps.

    Args:
        problem: the network, its data, loss and optimizer.
        form: of momentum; empty without it.
        count: how many steps.
    """
    model, inputs, target = doubled(problem)
    options = {**problem.options, **({"form": form} if form in ("classical", "pytorch") else {})}
    optimizer = problem.optimizer([p for p in model.parameters() if p.requires_grad], **options)
    for _number in range(count):
        optimizer.zero_grad()
        answer = model(*inputs)
        output = answer[0] if isinstance(answer, tuple | list) else answer
        loss = problem.loss(output) if target is None else problem.loss(output, target)
        loss.backward()
        optimizer.step()
        yield Snapshot(float(loss.item()), [np.array(p.detach().numpy()) for p in model.parameters()], [])
