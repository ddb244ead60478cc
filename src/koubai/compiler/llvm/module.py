"""A module of LLVM IR: functions with what they need declared, of which some may be in other modules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
