"""What a comparison comes to, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from koubai.explain.comparison.comparison import Comparison, LaterStep
from koubai.explain.comparison.marking import Mark, Marked, Marking
from koubai.explain.notation import decimal
from koubai.explain.pages import forms_of
from koubai.explain.text import TextNotation
from koubai.i18n import _

__all__ = ["apart", "form_name", "mistakes", "their_name", "verdicts"]


def verdicts(comparison: Comparison, digits: int = 6) -> Iterator[tuple[bool, str]]:
    """Yield sentences, each with whether it is good news: about the frameworks, then about the learner's numbers."""
    if comparison.framework:
        yield from _frameworks(comparison, digits)
    if comparison.marking:
        yield _mine(comparison.marking)


def their_name(comparison: Comparison) -> str:
    """The framework with its version."""
    return f"{comparison.framework} {comparison.version}"


def _frameworks(comparison: Comparison, digits: int) -> Iterator[tuple[bool, str]]:
    count, different, largest = len(comparison.compared), comparison.different, comparison.largest
    names = {"framework": their_name(comparison), "count": count, "tolerance": f"{comparison.tolerance:.0e}"}
    if different:
        first = different[0]
        message = _(
            "✗ Koubai and {framework} differ in {different} of {count} numbers. The first is {name}: "
            "{ours} and {theirs}."
        )
        ours, theirs = decimal(first.cell.value, digits), decimal(first.theirs or 0.0, digits)
        name = TextNotation().name(first.cell.symbol)
        yield False, message.format(**names, different=len(different), name=name, ours=ours, theirs=theirs)
    elif largest is not None:
        message = _(
            "✓ Koubai and {framework} agree in all {count} numbers. Largest difference: {difference}, "
            "allowed: {tolerance}."
        )
        yield True, message.format(**names, difference=apart(largest.difference or 0.0))
    for form, steps in comparison.later.items():
        yield _later(comparison, form, list(steps))


def _later(comparison: Comparison, form: str, steps: list[LaterStep]) -> tuple[bool, str]:
    wrong = next((step for step in steps if not comparison.step_agrees(step)), None)
    name = f"{form_name(form)}: " if form else ""
    if wrong is None:
        message = _("✓ {form}They agree in steps 2 to {last} too.")
        return True, message.format(form=name, last=steps[-1].number)
    message = _("✗ {form}From step {number} on they differ, by {difference}.")
    return False, message.format(form=name, number=wrong.number, difference=apart(wrong.difference))


def form_name(form: str) -> str:
    """What a form of momentum is called."""
    return {"classical": _("momentum, classical form"), "pytorch": _("momentum, PyTorch's form")}.get(
        form, form
    )


def _mine(marking: Marking) -> tuple[bool, str]:
    answered, right, count = len(marking.marked), marking.number_of(Mark.RIGHT), marking.count
    if right == answered == count:
        return True, _("✓ Your numbers: all {count} are right. Well done!").format(count=count)
    if right == answered:
        message = _("✓ Your numbers: all {answered} that you have are right; the sheet has {count}.")
        return True, message.format(answered=answered, count=count)
    message = _("✗ Your numbers: {right} of {answered} are right.")
    return False, message.format(right=right, answered=answered)


def mistakes(comparison: Comparison, digits: int = 6) -> Iterator[str]:
    """Yield what there is to learn from a learner's wrong numbers: the first in full, then the others."""
    marking = comparison.marking
    if marking is None or marking.first_wrong is None:
        return
    first = marking.first_wrong
    yield _("The first wrong one is {name}: you have {mine}, it is {right}.").format(**_both(first, digits))
    yield " = ".join(
        forms_of(first.line, TextNotation(digits=digits), TextNotation(numbers=True, digits=digits))
    )
    for slip in first.slips:
        yield _("Probably: {slip}").format(slip=slip)
    for other in marking.marked.values():
        if other.mark is Mark.WRONG and other is not first:
            yield " ".join(
                [
                    _("{name}: you have {mine}, it is {right}.").format(**_both(other, digits)),
                    *other.slips[:1],
                ]
            )
    count = marking.number_of(Mark.FOLLOWS)
    if count:
        yield _("(✓): calculated rightly, from a wrong number before: {count}.").format(count=count)


def _both(wrong: Marked, digits: int) -> dict[str, str]:
    return {
        "name": TextNotation().name(wrong.line.cell.symbol),
        "mine": wrong.answer.text,
        "right": decimal(wrong.line.cell.value, digits),
    }


def apart(difference: float) -> str:
    """A difference: 0, or its size."""
    return "0" if difference == 0 else f"{difference:.1e}"
