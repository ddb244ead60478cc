"""A module of LLVM IR: functions with what they need declared, in one piece or in several that call each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from koubai.compiler.llvm.writer import Writer


@dataclass(frozen=True)
class Module:
    """Functions that are compiled together.

    Attributes:
        functions: in any order.
        attributes: of every function, such as `"prefer-vector-width"="512"`.
        table: the definition of a constant.
        elsewhere: functions of other modules that it calls.
        open: whether other modules may call its functions, also those that are internal.
    """

    functions: Sequence[Writer]
    attributes: str = ""
    table: str = ""
    elsewhere: Sequence[Writer] = ()
    open: bool = False

    @cached_property
    def text(self) -> str:
        """The module as LLVM reads it."""
        defined = {f"@{function.name}(" for function in self.functions}
        needed = {text for function in self.functions for text in function.declarations}
        needed = {text for text in needed if not any(name in text for name in defined)}
        needed |= {f"declare {function.head}" for function in self.elsewhere}
        bodies = "\n\n".join([function.text("" if self.open else None) for function in self.functions])
        head = "\n".join([*sorted(needed), *([self.table] if self.table else [])])
        return f"{head}\n\n{bodies}\n\nattributes #0 = {{ nounwind {self.attributes} }}\n"

    def shares(self, count: int) -> list[Module]:
        """Return modules that together are this one, and take about as long to compile as each other.

        Functions that are internal can be in any of them, as others call them and they call none; the rest is in the
        first, with the table.
        """
        if count == 1:
            return [self]
        inner = sorted((f for f in self.functions if f.linkage == "internal"), key=lambda f: -f.length)
        shares = [[f for f in self.functions if f.linkage != "internal"], *([] for _ in range(count - 1))]
        for function in inner:
            min(shares, key=lambda share: sum(f.length for f in share)).append(function)
        first, *others = shares
        away = [function for share in others for function in share]
        return [
            replace(self, functions=first, elsewhere=away, open=True),
            *(Module(share, self.attributes, open=True) for share in others),
        ]
