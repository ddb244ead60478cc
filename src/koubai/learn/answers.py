"""A learner's answers: the file to fill in, what was written into it, and which lines are right."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from koubai.i18n import _
from koubai.learn.exercise import Blank, Exercise

__all__ = ["Answers", "Mark", "mark", "read_answers", "template"]

_FINEST = Decimal("0.0001")  # who calculates with rounded numbers is not right to more decimals than that
_NEAR = 0.02  # as near as that, relative to its size, an answer of one digit is right too
_NOTHING = 1e-9


@dataclass(frozen=True)
class Answers:
    """What a file says.

    Attributes:
        seed: whose numbers it is about.
        written: what stands behind each name; empty where nothing does yet.
    """

    seed: int
    written: dict[str, str]


@dataclass(frozen=True)
class Mark:
    """What became of one answer.

    Attributes:
        blank: the question.
        written: the answer as it was written; may be empty.
        right: whether it is right.
        advice: what to look at, without the answer; empty if it is right.
    """

    blank: Blank
    written: str
    right: bool
    advice: str


def template(exercise: Exercise, heading: str) -> str:
    """Return a file to fill in.

    Args:
        exercise: the exercise.
        heading: the title of the lesson.
    """
    known = [f"#   {line}" for line in exercise.given]
    comments = [
        f"# {heading}",
        f"# {exercise.task}",
        "#",
        *known,
        "#",
        "# " + _("Write a number behind each = sign, rounded to 4 decimals. Names: w1_12 is w⁽¹⁾₁₂."),
        "# " + _("Then: koubai learn check {number}").format(number=exercise.number),
    ]
    blanks = [f"{blank.name} = " for blank in exercise.blanks]
    return "\n".join([*comments, "", f"seed = {exercise.seed}", *blanks, ""])


def read_answers(text: str) -> Answers:
    """Read a file that was filled in; comments begin with #, and of "z = 0.1·1 + 0.2 = 0.3" the last part counts.

    Raises:
        ValueError: for a line without an = sign, and for a seed that is not a whole number.
    """
    written = {}
    for number, line in enumerate(text.splitlines(), 1):
        # Japanese keyboards type wide digits
        content = unicodedata.normalize("NFKC", line.partition("#")[0]).strip()
        if not content:
            continue
        name, sign, value = content.partition("=")
        if not sign:
            message = _("Line {number} is not of the form NAME = NUMBER: {line!r}.")
            raise ValueError(message.format(number=number, line=line))
        written[name.strip()] = value.rpartition("=")[2].strip().replace("−", "-")
    seed = written.pop("seed", "0")
    if not seed.isdecimal():
        raise ValueError(_("The seed must be a whole number; it is {value!r}.").format(value=seed))
    return Answers(int(seed), written)


def mark(exercise: Exercise, answers: Answers) -> list[Mark]:
    """Compare answers with the engine's, line by line.

    An answer is right to the digits that were written, at most to four decimals: the last digit may be off by one.
    Fewer than four decimals and only one digit are too few.

    Raises:
        ValueError: if there is an answer to something that was not asked.
    """
    names = [blank.name for blank in exercise.blanks]
    unknown = [name for name in answers.written if name not in names]
    if unknown:
        message = _("Nobody asked for {name} in lesson {number}; it asks for {names}.")
        raise ValueError(message.format(name=unknown[0], number=exercise.number, names=", ".join(names)))
    return [_marked(blank, answers.written.get(blank.name, "")) for blank in exercise.blanks]


def _marked(blank: Blank, written: str) -> Mark:
    if not written:
        return Mark(blank, written, False, f"{_('Find it by:')}\n{blank.hint}")
    try:
        number = Decimal(written)
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        return Mark(blank, written, False, _("{text!r} is not a number.").format(text=written))
    advice = _advice(blank, number)
    return Mark(blank, written, not advice, advice)


def _advice(blank: Blank, number: Decimal) -> str:
    """What is wrong with an answer; nothing if it is right."""
    off = abs(float(number) - blank.answer)
    unit = _last_digit(number)
    if off <= unit and _has_enough_digits(number, blank.answer):
        return ""
    if off <= unit / 2:
        return _("Right as far as it goes: write more digits.")
    if abs(float(-number) - blank.answer) <= unit / 2:
        return _("The size is right; look at the sign.")
    return f"{_('Look again at:')}\n{blank.hint}"


def _last_digit(number: Decimal) -> float:
    """What one more in the last digit adds, four decimals at most."""
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    return float(max(Decimal(1).scaleb(exponent), _FINEST)) * (1 + _NOTHING)


def _has_enough_digits(number: Decimal, answer: float) -> bool:
    """Tell whether a number says more than its first digit, or what four decimals can say."""
    parts = number.as_tuple()
    near = abs(float(number) - answer) <= max(_NEAR * abs(answer), _NOTHING)
    return near or len(parts.digits) > 1 or _last_digit(number) < 2 * float(_FINEST)
