"""A worksheet in the order in which it is read: pages with a title, a sentence and lines, without any notation yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from koubai.explain.chain import Chain, chain_of
from koubai.explain.expression import Apply, Named, Term, is_plain, names_in
from koubai.explain.notation import Notation
from koubai.explain.symbol import Derivative, Letter, Symbol
from koubai.explain.update import Update
from koubai.explain.value import Value
from koubai.explain.worksheet import Worksheet
from koubai.i18n import N_, _
from koubai.optim.sgd import SGD

__all__ = ["Line", "Page", "Part", "forms_of", "pages"]


class Part(Enum):
    """The parts of a training step; the value is the heading."""

    GIVEN = N_("What is given")
    FORWARD = N_("Forward pass")
    LOSS = N_("Loss")
    BACKWARD = N_("Backward pass")
    UPDATE = N_("Update")
    AFTER = N_("After the step")


@dataclass(frozen=True, eq=False)
class Line:
    """One number and how it comes about.

    Attributes:
        cell: the number.
        chain: for a gradient, how it is made of those that arrive.
    """

    cell: Named
    chain: Chain | None = None

    @property
    def formula(self) -> Term | None:
        """What it is equal to, in names; None for what is given."""
        return self.chain.written if self.chain else self.cell.formula


def forms_of(line: Line, names: Notation, numbers: Notation) -> list[str]:
    """Write a line in its forms: the name, then what it is equal to: in names, in numbers, the value.

    A gradient has one more form, the chain rule: ∂L/∂a · ∂a/∂z.

    Args:
        line: the line.
        names: a notation.
        numbers: the same, with numbers instead of names.
    """
    forms = [names.name(line.cell.symbol)]
    if line.chain and line.chain.links:
        forms.append(names.write(line.chain.rule))
    if line.formula is not None and not is_plain(line.formula):
        forms += [names.write(line.formula), numbers.write(line.formula)]
    return list(dict.fromkeys([*forms, numbers.write(line.cell)]))


@dataclass(frozen=True, eq=False)
class Page:
    """A few lines that belong together.

    Attributes:
        part: the part of the step.
        subject: what the lines are about.
        name: its name, to be written behind the subject.
        sentence: what is to be known about it.
        lines: the numbers.
        rules: formulas in general form, such as w ← w − η·∂L/∂w.
        signs: for the update, gradient and parameters before and after.
    """

    part: Part
    subject: str = ""
    name: Symbol | None = None
    sentence: str = ""
    lines: Sequence[Line] = ()
    rules: Sequence[tuple[Symbol, Term]] = ()
    signs: Sequence[tuple[Named, Named, Named]] = field(default=())

    @property
    def heading(self) -> str:
        """The name of the part, in the user's language."""
        return _(self.part.value)

    @property
    def is_calculated(self) -> bool:
        """Whether its lines are for the learner to calculate."""
        return self.part is not Part.GIVEN and bool(self.lines)


def pages(sheet: Worksheet) -> Iterator[Page]:
    """Yield the pages of a worksheet, in the user's language."""
    yield from _given(sheet)
    yield from (_forward(value, sheet) for value in sheet.forward[:-1])
    yield Page(
        Part.LOSS, sentence=_("One number says how wrong the answer is."), lines=_lines(sheet.forward[-1])
    )
    yield from (_backward(number, value) for number, value in enumerate(sheet.backward))
    for update in sheet.updates:
        yield _update(update)
    for update in sheet.momentum:
        sentence = _("With momentum γ (--momentum), the rule would be:")
        yield Page(Part.UPDATE, _subject(update), sentence=sentence, rules=_rules(update))
    yield _signs(sheet)
    yield _after(sheet)


def _given(sheet: Worksheet) -> Iterator[Page]:
    inputs = [Line(cell) for value in sheet.inputs for cell in value]
    yield Page(
        Part.GIVEN, _("inputs and target") if sheet.problem.target is not None else _("inputs"), lines=inputs
    )
    parameters = [Line(cell) for value in sheet.parameters for cell in value]
    yield Page(Part.GIVEN, _("weights and biases"), lines=parameters)
    yield Page(
        Part.GIVEN, _("options of the update"), lines=[Line(cell) for cell in sheet.updates[-1].options]
    )


def _lines(value: Value) -> list[Line]:
    return [Line(cell) for cell in value]


def _forward(value: Value, sheet: Worksheet) -> Page:
    subjects = {
        "z": _("weighted sum"),
        "a": _("activation"),
        "m": _("largest value"),
        "s": _("sum"),
        "p": _("probabilities (softmax)"),
        "log p": _("logarithms of the probabilities (log-softmax)"),
    }
    subject = _("output") if value is sheet.answer else subjects.get(value.letter.letter, _("value"))
    return Page(Part.FORWARD, subject, value.letter, lines=_lines(value))


def _backward(number: int, value: Value) -> Page:
    symbol = value.cells.flat[0].symbol
    assert isinstance(symbol, Derivative)
    name = Derivative(replace(symbol.of, index=()), value.letter)
    if number == 0:
        return Page(
            Part.BACKWARD,
            _("start"),
            name,
            _(
                "The error flows back from the loss. Chain rule: the gradient that arrives, times the local derivative."
            ),
            [Line(cell) for cell in value],
        )
    return Page(Part.BACKWARD, _("gradient"), name, lines=[Line(cell, chain_of(cell)) for cell in value])


def _update(update: Update) -> Page:
    lines = [Line(cell) for value in (*update.memory, *update.parameters) for cell in value]
    return Page(Part.UPDATE, _subject(update), sentence=_beginning(update), lines=lines, rules=_rules(update))


def _subject(update: Update) -> str:
    """The optimizer; for momentum the form."""
    forms = {"classical": _("momentum, classical form"), "pytorch": _("momentum, PyTorch's form")}
    return forms[update.form] if update.memory and update.optimizer is SGD else update.optimizer.__name__


def _rules(update: Update) -> list[tuple[Symbol, Term]]:
    """The update in general form."""
    firsts = [*_first_of_each(update.memory), *_first_of_each(update.parameters)]
    return [(_bare(cell.symbol), _in_general(cell)) for cell in firsts]


def _first_of_each(values: Sequence[Value]) -> list[Named]:
    """One cell for each kind of formula: a parameter's own letter does not matter."""
    found: dict[str, Named] = {}
    for value in values:
        cell = value.cells.flat[0]
        found.setdefault("w" if cell.symbol.of is None else value.letter.letter, cell)
    return list(found.values())


def _in_general(cell: Named) -> Term:
    """The formula with letters that have no indices."""
    assert cell.formula is not None
    general = {name: Named(_bare(name.symbol), name.value) for name in names_in(cell.formula)}
    return _replaced(cell.formula, general)


def _bare(symbol: Symbol) -> Symbol:
    if isinstance(symbol, Derivative):
        return Derivative(symbol.of, Letter("w"))
    if symbol.letter in "βnηγελατ":
        return symbol
    is_memory = symbol.of is not None
    return Letter(symbol.letter if is_memory else "w")


def _replaced(term: Term, names: dict[Named, Named]) -> Term:
    if isinstance(term, Named):
        return names[term]
    if isinstance(term, Apply):
        return Apply(term.function, *(_replaced(argument, names) for argument in term.arguments))
    return term


def _beginning(update: Update) -> str:
    return _("What the optimizer remembers begins at 0.") if update.memory else ""


def _signs(sheet: Worksheet) -> Page:
    """Gradient positive: the parameter gets smaller; negative: larger."""
    by = {value.letter: value for value in sheet.backward}
    rows = []
    for new in sheet.updates[-1].parameters:
        letter = replace(new.letter, new=False)
        old = next(value for value in sheet.parameters if value.letter == letter)
        rows += list(zip(by[letter], old, new))
    sentence = _("A positive gradient makes the parameter smaller, a negative one larger: downhill.")
    return Page(Part.UPDATE, _("signs"), sentence=sentence, signs=rows)


def _after(sheet: Worksheet) -> Page:
    fell = sheet.loss_after.value < sheet.loss.value
    sentence = (
        _("✓ The loss fell.")
        if fell
        else _("✗ The loss did not fall: the learning rate is too large for this step.")
    )
    if sheet.loss_after.value == sheet.loss.value:
        sentence = _("The loss did not change.")
    lines = [Line(sheet.loss)] + [Line(cell) for value in sheet.after for cell in value]
    return Page(Part.AFTER, sentence=sentence, lines=lines)
