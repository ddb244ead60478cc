"""The chain rule of one gradient: which gradients arrive, and by which local derivative each is multiplied."""

from __future__ import annotations

from dataclasses import dataclass

from koubai.explain.expression import Apply, Named, Term, add, coefficients, is_plain, value_of
from koubai.explain.symbol import Derivative, Letter

__all__ = ["Chain", "Link", "chain_of"]


@dataclass(frozen=True, eq=False)
class Link:
    """One path on which a gradient arrives.

    Attributes:
        incoming: the gradient that arrives, such as ∂L/∂a.
        local: the name of the local derivative, such as ∂a/∂z.
        derivative: its formula, such as a(1 − a).
    """

    incoming: Named
    local: Derivative
    derivative: Term


@dataclass(frozen=True, eq=False)
class Chain:
    """How a gradient comes about: the sum of its links, and of what comes from the loss directly.

    Attributes:
        links: the paths, in the order of the formula.
        direct: what has no arriving gradient as a factor; 0 for most.
    """

    links: tuple[Link, ...]
    direct: Term

    @property
    def rule(self) -> Term:
        """The chain rule in names alone: ∂L/∂a · ∂a/∂z + …"""
        total = self.direct
        for link in self.links:
            total = add(total, Apply("mul", link.incoming, Named(link.local, value_of(link.derivative))))
        return total

    @property
    def written(self) -> Term:
        """The sum, each link as incoming gradient times local derivative."""
        total = self.direct
        for link in self.links:
            total = add(total, Apply("mul", link.incoming, link.derivative))  # also where that is 1
        return total


def chain_of(gradient: Named) -> Chain:
    """Take the formula of a gradient apart.

    Args:
        gradient: a number whose name is a derivative of the loss.

    Raises:
        NotWritten: if its formula is not linear in the gradients that arrive.
    """
    assert gradient.formula is not None
    factors = coefficients(gradient.formula)
    direct = factors.pop(None, 0)
    links = [
        Link(incoming, Derivative(_by(incoming), _by(gradient)), factor)
        for incoming, factor in factors.items()
        if incoming is not None and not (is_plain(factor) and factor == 0)
    ]
    return Chain(tuple(links), direct)


def _by(gradient: Named) -> Letter:
    assert isinstance(gradient.symbol, Derivative)
    return gradient.symbol.by
