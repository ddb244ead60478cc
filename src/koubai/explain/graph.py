"""The computation graph of a worksheet: which value is made of which, in what order, and where to draw it.

A node is a named tensor, or with folding everything that a module does. Columns run from the inputs to the loss; a node
stands one column behind the last thing that it is made of, and what is given just before it is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from koubai.explain.expression import Named, Role, names_in
from koubai.explain.value import Value
from koubai.explain.worksheet import Worksheet

__all__ = ["Node", "graph_of"]

_SWEEPS = 4  # over all columns, to bring nodes beside those that they are connected with


@dataclass(eq=False)
class Node:
    """A tensor in the graph, or a module.

    Attributes:
        values: the named tensors in it; one, unless a module is folded.
        gradients: their gradients, of those that have one.
        module: the path of the module that it belongs to; empty for what the model does itself.
        kind: the name of the module's class where a module is folded; else empty.
        role: what it is in the step.
        forward: its place in the forward pass; 0 for what is given.
        backward: its place in the backward pass, from 1; 0 if no gradient reaches it.
        inputs: the nodes that it is made of.
        column: where it stands, from the left.
        row: where it stands in its column, from the top.
    """

    values: list[Value]
    gradients: list[Value]
    module: str
    role: Role
    forward: int = 0
    backward: int = 0
    kind: str = ""
    inputs: list[Node] = field(default_factory=list)
    column: int = 0
    row: float = 0.0


def graph_of(sheet: Worksheet, fold: bool = False) -> list[Node]:
    """Return the graph of a worksheet, with its layout.

    Args:
        sheet: the worksheet.
        fold: make one node of each module directly below the model, with its parameters.

    Returns:
        the nodes, each behind those that it is made of.
    """
    gradients = {value.letter: value for value in sheet.backward}
    owners = [name.rpartition(".")[0] for name, _parameter in sheet.problem.model.named_parameters()]
    given = [(value, "", Role.INPUT) for value in sheet.inputs]
    given += [(value, owner, Role.PARAMETER) for value, owner in zip(sheet.parameters, owners)]
    made = [(value, value.path, Role.VALUE) for value in sheet.forward]
    nodes = [
        Node([value], [gradients[value.letter]] if value.letter in gradients else [], module, role)
        for value, module, role in given + made
    ]
    _order(nodes, len(given), sheet)
    _connect(nodes)
    if fold:
        nodes = _folded(nodes, sheet)
    _place(nodes)
    return nodes


def _order(nodes: Sequence[Node], given: int, sheet: Worksheet) -> None:
    """Number the nodes in the order of both passes."""
    places = {value.letter: place for place, value in enumerate(sheet.backward, 1)}
    for number, node in enumerate(nodes):
        node.forward = max(0, number - given + 1)
        node.backward = places.get(node.values[0].letter, 0)


def _connect(nodes: Sequence[Node]) -> None:
    """Find what each node is made of, in its formulas."""
    owner = {cell: node for node in nodes for value in node.values for cell in value}
    for node in nodes:
        found: dict[Node, None] = {}
        for value in node.values:
            for cell in value:
                found.update(dict.fromkeys(owner[name] for name in _parts(cell) if name in owner))
        node.inputs = list(found)


def _parts(cell: Named) -> list[Named]:
    return names_in(cell.formula) if cell.formula is not None else []


def _folded(nodes: Sequence[Node], sheet: Worksheet) -> list[Node]:
    """Put all nodes of a module into one, in the place of the last of them."""
    groups: dict[str, list[Node]] = {}
    for node in nodes:
        groups.setdefault(_outermost(node.module), []).append(node)
    merged: dict[Node, Node] = {}
    for module, members in groups.items():
        if module:
            whole = _whole(module, members, type(sheet.problem.model.get_submodule(module)).__name__)
            merged.update(dict.fromkeys(members, whole))
    kept = list(dict.fromkeys(merged.get(node, node) for node in sorted(nodes, key=lambda n: n.forward)))
    for node in kept:
        inputs = [merged.get(part, part) for part in node.inputs]
        node.inputs = [part for part in dict.fromkeys(inputs) if part is not node]
    return _sorted(kept)


def _outermost(path: str) -> str:
    return path.partition(".")[0]


def _whole(module: str, members: Sequence[Node], kind: str) -> Node:
    last = max(members, key=lambda node: node.forward)
    return Node(
        [value for node in members for value in node.values],
        [gradient for node in members for gradient in node.gradients],
        module,
        Role.VALUE,
        last.forward,
        max(node.backward for node in members),
        kind,
        [part for node in members for part in node.inputs],
    )


def _sorted(nodes: Sequence[Node]) -> list[Node]:
    """Put each node behind those that it is made of; a module that is used twice may close a circle, which is cut."""
    done: dict[Node, None] = {}
    for node in nodes:
        node.inputs = [part for part in node.inputs if part.forward <= node.forward]
    for node in sorted(nodes, key=lambda n: n.forward):
        done[node] = None
    return list(done)


def _place(nodes: Sequence[Node]) -> None:
    """Give every node its column and row."""
    for node in nodes:
        node.column = max((part.column + 1 for part in node.inputs), default=0)
    readers: dict[Node, list[Node]] = {node: [] for node in nodes}
    for node in nodes:
        for part in node.inputs:
            readers[part].append(node)
    for node in nodes:
        if not node.inputs and readers[node]:
            node.column = max(0, min(reader.column for reader in readers[node]) - 1)
    columns: dict[int, list[Node]] = {}
    for node in nodes:
        columns.setdefault(node.column, []).append(node)
    _arrange(columns, readers)


def _arrange(columns: Mapping[int, list[Node]], readers: Mapping[Node, list[Node]]) -> None:
    """Sort each column by the mean place of the neighbours, so that few lines cross; columns are centred."""
    highest = max(map(len, columns.values()))
    for column in columns.values():
        _stack(column, highest)
    for _sweep in range(_SWEEPS):
        for number in sorted(columns):
            columns[number].sort(key=lambda node: _mean_row([*node.inputs, *readers[node]], node.row))
            _stack(columns[number], highest)


def _stack(column: Sequence[Node], highest: int) -> None:
    for row, node in enumerate(column):
        node.row = row + (highest - len(column)) / 2


def _mean_row(nodes: Sequence[Node], alone: float) -> float:
    return sum(node.row for node in nodes) / len(nodes) if nodes else alone
