"""What a tensor remembers besides its values: the recipe it was made by, the view it is, and how often it was changed.

A recipe keeps the values that its gradient needs, together with their versions, and hands them out only while they are
still what they were.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from koubai.engine.modes import modes, users_line
from koubai.ops.op import Op, Symbol

if TYPE_CHECKING:
    from koubai.engine.tensor import Tensor

Hook = Callable[["Tensor"], "Tensor | None"]


class Version:
    """Counts the in-place changes of a cell, which a tensor, its views and what is detached from them share.

    Attributes:
        count: how many there were.
        last: the op that made the last one.
        newest: the payload of the base since then.
        home: the tracer under which the cell was made.
    """

    __slots__ = ("count", "home", "last", "newest")

    def __init__(self) -> None:
        self.count = 0
        self.last = ""
        self.newest: Any = None
        self.home = modes.tracer


class Edge(NamedTuple):
    """Where a gradient goes: the output at `position` of a recipe, or a leaf tensor (position 0)."""

    source: Recipe | Tensor
    position: int


class Saved(NamedTuple):
    """A value that a gradient formula needs, and the version it had when it was recorded."""

    value: Any  # the input Tensor itself, or the payload of an output (which would be a cycle as a Tensor)
    version: Version
    seen: int


class Recipe:
    """How a tensor was made: the op, where its inputs came from, and the values its gradient needs."""

    __slots__ = (
        "attributes",
        "edges",
        "freed",
        "hooks",
        "inputs",
        "kind",
        "outputs",
        "rule",
        "saved",
        "where",
    )

    def __init__(self, rule: Any, attributes: dict[str, Any], edges: tuple[Edge | None, ...]) -> None:
        self.rule = rule
        self.attributes = attributes
        self.edges = edges
        self.inputs: tuple[Symbol, ...] = ()
        self.outputs: tuple[Symbol, ...] = ()
        self.saved: dict[str | int, Saved] = {}
        self.hooks: dict[int, list[Hook]] | None = None
        self.kind: type[Tensor]  # what an output is given back as
        self.freed = False
        self.where = users_line() if modes.anomaly else ""

    @property
    def name(self) -> str:
        """The name of the op."""
        return str(self.rule.name)

    @property
    def next_functions(self) -> tuple[tuple[Recipe | Tensor | None, int], ...]:
        """The (recipe or leaf, output index) pairs that this recipe's gradients go to, as in PyTorch."""
        return tuple((edge.source, edge.position) if edge else (None, 0) for edge in self.edges)

    def save_input(self, position: int, tensor: Tensor) -> None:
        """Keep the value of an input for backward."""
        self.saved[position] = Saved(tensor, tensor._version, tensor._version.count)

    def save_output(self, tensor: Tensor) -> None:
        """Keep the value of an output for backward."""
        self.kind = type(tensor)
        self.saved[f"out{tensor._index}"] = Saved(tensor._payload, tensor._version, tensor._version.count)

    def input(self, position: int) -> Tensor:
        """Return the saved input at `position`.

        Raises:
            RuntimeError: if it was changed in place since, or the graph was freed.
        """
        value: Tensor = self._unpack(position, f"input {position}")
        return value

    def output(self, index: int) -> Tensor:
        """Return the saved output `index`, connected to this recipe again."""
        tensor = self.kind(self._unpack(f"out{index}", "result"))
        tensor._recipe, tensor._index = self, index
        return tensor

    def check_not_freed(self) -> None:
        """Raise RuntimeError if the saved values are gone."""
        if self.freed:
            raise RuntimeError(
                f"backward through {self.name} a second time: the values it needs were freed by the first backward; "
                "call the first one with retain_graph=True"
            )

    def _unpack(self, key: str | int, what: str) -> Any:
        saved = self.saved[key]
        if saved.version.count != saved.seen:
            shape = self.inputs[key] if isinstance(key, int) else self.outputs[0]
            raise RuntimeError(
                f"the gradient of {self.name} needs its {what} ({shape}), but {saved.version.last} has changed it in "
                f"place since (version {saved.version.count}, expected {saved.seen}); use the out-of-place form, or "
                "clone() the tensor before changing it"
            )
        return saved.value

    def free(self) -> None:
        """Drop the saved values."""
        self.saved = {}
        self.freed = True

    def __repr__(self) -> str:
        return f"<{self.name}>"


@dataclass(slots=True)
class View:
    """What a view is a view of: `op(base, **attributes)`.

    Attributes:
        base: the tensor; use `found_base()`.
        tracked: whether gradients flow between view and base.
        through: the view that the base was itself when this view was made.
        strides: PyTorch's strides of the view, kept once somebody has asked; see `functions.layout`.
    """

    base: Tensor
    op: Op
    attributes: dict[str, Any]
    tracked: bool
    through: View | None
    strides: Any = ...

    def found_base(self) -> Tensor:
        """Return the base; if it became a view of what it was, like by `unsqueeze_`, then what it was."""
        while self.base._view is not self.through and self.base._view is not None:
            self.base = self.base._view.base
        return self.base


class HookHandle:
    """Takes a hook away again."""

    def __init__(self, hooks: list[Any], hook: Any) -> None:
        self._hooks = hooks
        self._hook = hook

    def remove(self) -> None:
        """Take the hook away; harmless when it is gone already."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()
