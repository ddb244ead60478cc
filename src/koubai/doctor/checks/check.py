"""What a check is, and the list of all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from koubai.doctor.consultation import Consultation
from koubai.doctor.finding import CAUSES, Finding

__all__ = ["CHECKS", "Check", "check", "found"]

Evidence = dict[str, Any]


class Check(NamedTuple):
    """A function that looks for one cause.

    Attributes:
        cause: the name in `CAUSES`.
        look: the function.
        static: whether it needs no training: then it may speak before the first step.
        harms: whether what it finds is harm in itself, also where the model does as well as a simple one.
    """

    cause: str
    look: Callable[[Consultation], Evidence | None]
    static: bool
    harms: bool

    def __call__(self, c: Consultation) -> Finding | None:
        """Return what it finds."""
        try:
            evidence = self.look(c)
        except (RuntimeError, ValueError, IndexError):
            if c.history.error is None:
                raise
            return None  # the training has ended in an error: what ended it is in the way of looking, too
        return None if evidence is None else Finding(self.cause, **evidence)


CHECKS: list[Check] = []


def check(
    cause: str, static: bool = False, harms: bool = False
) -> Callable[[Callable[[Consultation], Evidence | None]], Check]:
    """Make the decorated function the check for a cause."""
    assert cause in CAUSES

    def register(look: Callable[[Consultation], Evidence | None]) -> Check:
        made = Check(cause, look, static, harms)
        CHECKS.append(made)
        return made

    return register


def found(confidence: float, symptom: str, remedy: str, **more: Any) -> Evidence:
    """Return the evidence of a finding; see `Finding` for what else can be given."""
    return {"confidence": confidence, "symptom": symptom, "remedy": remedy, **more}
