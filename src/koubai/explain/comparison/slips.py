"""What a learner probably did instead: a formula is calculated again with one typical slip, and the results compared.

Nothing is guessed from the size of a number. Each slip is a change of the very formula that stands on the
worksheet, such as a factor left out, calculated with the numbers that the learner had until then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from koubai.explain.chain import chain_of
from koubai.explain.comparison.answers import Answer
from koubai.explain.expression import (
    Apply,
    Named,
    Role,
    Term,
    add,
    divide,
    evaluated_term,
    is_plain,
    multiply,
    names_in,
    negative,
    value_of,
)
from koubai.explain.symbol import Derivative, Letter, Symbol
from koubai.explain.text import TextNotation
from koubai.explain.worksheet import Worksheet
from koubai.i18n import _

__all__ = ["likely_slips"]

_MOST = 2


@dataclass(frozen=True)
class _Slip:
    """What might have been calculated instead.

    Attributes:
        words: what was done, in the user's language.
        formula: what it leads to.
    """

    words: str
    formula: Term


def likely_slips(cell: Named, answer: Answer, sheet: Worksheet, numbers: Mapping[Named, float]) -> list[str]:
    """Say which typical slips lead to a wrong number.

    Args:
        cell: the number that should be there.
        answer: what the learner has.
        sheet: the worksheet.
        numbers: what the learner had for the other numbers.

    Returns:
        the most likely ones first; nothing if no slip that we know leads there.
    """
    if 0 < abs(cell.value) - abs(answer.value) < answer.unit * (1 - 1e-6) and cell.value * answer.value > 0:
        return [_("It is cut off instead of rounded.")]
    for digits, slips in ((2, _own_slips), (2, _doubled), (3, _other_numbers)):
        if (
            abs(answer.value) >= 10 ** (digits - 1) * answer.unit
        ):  # with fewer, many things are the same by chance
            found = [s for s in slips(cell, sheet) if _leads_to(s, answer, cell, numbers)]
            if found:
                return _told_apart(found)
    return []


def _told_apart(slips: Sequence[_Slip]) -> list[str]:
    """The words of a few; of those with the same result only the first."""
    results: dict[float, str] = {}
    for slip in slips:
        results.setdefault(round(value_of(slip.formula), 12), slip.words)
    return list(results.values())[:_MOST]


def _leads_to(slip: _Slip, answer: Answer, cell: Named, numbers: Mapping[Named, float]) -> bool:
    """Tell whether a slip gives the learner's number, with the learner's numbers or the right ones."""
    right = {name: name.value for name in names_in(slip.formula)}
    return any(
        answer.is_near(value, 0.75) and not answer.is_near(cell.value)
        for value in (
            evaluated_term(slip.formula, {**right, **numbers}),
            evaluated_term(slip.formula, right),
        )
    )


def _own_slips(cell: Named, sheet: Worksheet) -> Iterator[_Slip]:
    """Slips in the number's own formula, the most telling first."""
    if cell.formula is None:
        return
    if cell.role is Role.GRADIENT:
        yield from _in_the_chain(cell, sheet)
    if isinstance(cell.symbol, Letter) and cell.symbol.new:
        yield from _in_the_update(cell)
    yield _Slip(_("The sign is turned around."), negative(cell.formula))
    yield from _left_out(cell.formula)
    yield from _mixed_up(cell, sheet)
    yield from _other_functions(cell.formula)


def _doubled(cell: Named, sheet: Worksheet) -> Iterator[_Slip]:
    if cell.formula is not None:
        half = _("It is half of the right number: a factor 2 was left out, or a ½ is too much.")
        yield _Slip(half, divide(cell.formula, 2))
        twice = _("It is twice the right number: a factor ½ was left out, or a 2 is too much.")
        yield _Slip(twice, multiply(2.0, cell.formula))


# --- gradients


def _in_the_chain(cell: Named, sheet: Worksheet) -> Iterator[_Slip]:
    chain = chain_of(cell)
    name = TextNotation().name
    for link in chain.links:
        local, incoming = name(link.local), name(link.incoming.symbol)
        if len(chain.links) == 1:
            message = _(
                "The gradient that arrives, {incoming}, was not multiplied by the local derivative {local} = {formula}."
            )
            if not (is_plain(link.derivative) and abs(link.derivative) == 1):
                formula = TextNotation().write(link.derivative)
                words = message.format(incoming=incoming, local=local, formula=formula)
                yield _Slip(words, add(link.incoming, chain.direct))
            message = _(
                "The local derivative {local} was not multiplied by the gradient that arrives, {incoming}."
            )
            yield _Slip(message.format(incoming=incoming, local=local), link.derivative)
        else:
            only = multiply(link.incoming, link.derivative)
            message = _(
                "Only one of the paths was followed, the one over {incoming}; their gradients are added up."
            )
            yield _Slip(message.format(incoming=incoming), only)
            message = _("The path over {incoming} was left out; the gradients of all paths are added up.")
            rest = add(cell.formula, negative(only))
            yield _Slip(message.format(incoming=incoming), rest)
    yield from _derived_elsewhere(cell, sheet)
    yield from _with_new_weights(cell, sheet)


def _derived_elsewhere(cell: Named, sheet: Worksheet) -> Iterator[_Slip]:
    """f′ written in terms of the activation was calculated with the weighted sum: z(1 − z) instead of a(1 − a)."""
    assert isinstance(cell.symbol, Derivative)
    owner = next((c for value in sheet.forward for c in value if c.symbol == cell.symbol.by), None)
    if owner is None:
        return
    for other in (c for value in sheet.forward for c in value if owner in names_in(c.formula)):
        if other in names_in(cell.formula):
            message = _("The derivative was calculated with {wrong} instead of {right}.")
            words = message.format(wrong=_name(owner), right=_name(other))
            yield _Slip(words, _replaced(cell.formula, {other: owner}))


def _with_new_weights(cell: Named, sheet: Worksheet) -> Iterator[_Slip]:
    """The gradient was calculated after the update of the weights in it."""
    new = _after_update(sheet)
    changed = {name: new[name] for name in names_in(cell.formula) if name in new}
    if changed:
        words = _(
            "Updated weights were used; gradients are calculated with the old ones, and then all weights are updated."
        )
        yield _Slip(words, _replaced(cell.formula, changed))


def _after_update(sheet: Worksheet) -> dict[Named, Named]:
    new = {cell.symbol: cell for value in sheet.updates[-1].parameters for cell in value}
    old = (cell for value in sheet.parameters for cell in value)
    return {
        cell: new[replace(cell.symbol, new=True)]
        for cell in old
        if isinstance(cell.symbol, Letter) and replace(cell.symbol, new=True) in new
    }


# --- the update


def _in_the_update(cell: Named) -> Iterator[_Slip]:
    names = names_in(cell.formula)
    rates = [name for name in names if name.symbol.key == "lr"]
    others = [name for name in names if name.role is Role.OPTION and name not in rates]
    if rates:
        yield _Slip(
            _("The learning rate η was left out."), _replaced(cell.formula, dict.fromkeys(rates, 1.0))
        )
        words = _("The step goes up the gradient instead of down: the sign of η is turned around.")
        yield _Slip(words, _replaced(cell.formula, {rate: negative(rate) for rate in rates}))
        moved = _replaced(cell.formula, {n: 0.0 for n in names if n.role is Role.PARAMETER})
        yield _Slip(_("It is only the change; the old weight was not added."), moved)
    for option in others:
        words = _("{name} was left out.").format(name=_name(option))
        yield _Slip(words, _replaced(cell.formula, {option: 1.0}))


# --- any formula


def _left_out(formula: Term) -> Iterator[_Slip]:
    """One term of a sum, one factor of a product, or a square."""
    notation = TextNotation()
    for part, others in _parts(formula):
        yield _Slip(
            _forgotten(others.function).format(term=notation.write(part)), _without(formula, others, part)
        )


def _forgotten(function: str) -> str:
    """What was not done with a part of a formula."""
    return {
        "add": _("The term {term} was left out."),
        "mul": _("The factor {term} was left out."),
        "div": _("It was not divided by {term}."),
        "pow": _("It was not raised to the power of {term}."),
    }[function]


def _parts(formula: Term) -> Iterator[tuple[Term, Apply]]:
    """Parts of a formula that may be forgotten, each with what it stands in."""
    if not isinstance(formula, Apply):
        return
    if formula.function in ("add", "mul", "div", "pow"):
        forgotten = formula.arguments[1:] if formula.function in ("div", "pow") else formula.arguments
        yield from ((part, formula) for part in forgotten)
    for argument in formula.arguments:
        yield from _parts(argument)


def _without(term: Term, where: Apply, part: Term) -> Term:
    """A formula without a part of it."""
    if term is where:
        kept = [argument for argument in where.arguments if argument is not part]
        return kept[0] if len(kept) == 1 else Apply(where.function, *kept) if kept else where
    return _rebuilt(term, lambda argument: _without(argument, where, part))


def _other_functions(formula: Term) -> Iterator[_Slip]:
    changed = _with_function(formula, "log", "log10")
    if changed is not formula:
        yield _Slip(_("The logarithm to the base 10 was taken; log is the natural one here (ln)."), changed)


def _with_function(term: Term, old: str, new: str) -> Term:
    if isinstance(term, Apply) and term.function == old:
        return Apply(new, *term.arguments)
    return _rebuilt(term, lambda argument: _with_function(argument, old, new))


def _mixed_up(cell: Named, sheet: Worksheet) -> Iterator[_Slip]:
    """Weights with their indices the wrong way round: w₁₂ for w₂₁."""
    by = {c.symbol: c for value in sheet.parameters for c in value}
    swaps = {}
    for name in names_in(cell.formula):
        if name.role is Role.PARAMETER and isinstance(name.symbol, Letter) and len(name.symbol.index) == 2:
            other = by.get(replace(name.symbol, index=name.symbol.index[::-1]))
            if other is not None and other is not name:
                swaps[name] = other
    if swaps:
        first, other = next(iter(swaps.items()))
        message = _("The indices of the weights are mixed up, such as {wrong} for {right}.")
        words = message.format(wrong=_name(other), right=_name(first))
        yield _Slip(words, _replaced(cell.formula, swaps))


def _other_numbers(cell: Named, sheet: Worksheet) -> Iterator[_Slip]:
    """It is the number of something else on the sheet: of what it is made of, of the same tensor, or of any."""
    made_of, name = names_in(cell.formula), _without_index(cell.symbol)
    cells = [other for other in sheet.cells() if other is not cell and other.role is not Role.OPTION]
    for other in sorted(cells, key=lambda c: (c not in made_of, _without_index(c.symbol) != name)):
        yield _Slip(_("It is the number of {name}.").format(name=_name(other)), other)


def _without_index(symbol: Symbol) -> Symbol:
    if isinstance(symbol, Derivative):
        return Derivative(symbol.of, replace(symbol.by, index=()))
    return replace(symbol, index=())


def _name(cell: Named) -> str:
    return TextNotation().name(cell.symbol)


def _replaced(term: Term, names: Mapping[Named, Term]) -> Term:
    if isinstance(term, Named):
        return names.get(term, term)
    return _rebuilt(term, lambda argument: _replaced(argument, names))


def _rebuilt(term: Term, change: Callable[[Term], Term]) -> Term:
    """A formula with its parts changed; itself, if none of them is."""
    if not isinstance(term, Apply):
        return term
    arguments: Sequence[Term] = [change(argument) for argument in term.arguments]
    if all(new is old for new, old in zip(arguments, term.arguments)):
        return term
    return Apply(term.function, *arguments)
