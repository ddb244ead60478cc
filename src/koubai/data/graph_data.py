"""A graph whose nodes have features and classes, some of them known: as data, and read from two CSV files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koubai.data.schema import is_missing
from koubai.data.split import stratified_indices
from koubai.data.table import Table, is_number, read_csv, wrong
from koubai.engine.random import Generator
from koubai.i18n import _

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class GraphData:
    """One graph, for predicting the classes of nodes.

    Attributes:
        name: of the data set.
        features: of the nodes, (V, features), float32.
        edge_index: from which node to which node, (2, E); an edge without a direction stands there both ways.
        labels: the class of each node (V,); -1 where it is not known.
        class_names: the name of each class number.
        node_names: the name of each node.
        train: nodes to learn from.
        validation: nodes to watch the training with.
        test: nodes to judge by.
    """

    name: str
    features: NDArray[np.float32]
    edge_index: Numbers
    labels: Numbers
    class_names: tuple[str, ...]
    node_names: tuple[str, ...]
    train: Numbers
    validation: Numbers
    test: Numbers

    def __repr__(self) -> str:
        nodes, features = self.features.shape
        return (
            f"GraphData({self.name!r}: {nodes} nodes with {features} features, {self.edge_index.shape[1]} edges; "
            f"{len(self.class_names)} classes)"
        )


def graph_from_csv(nodes: str | Path, edges: str | Path, label: str, *, seed: int = 0) -> GraphData:
    """Read a graph from a file of nodes and a file of edges.

    Known nodes are cut into a training (60 %), a validation (20 %) and a test part (20 %); classes keep their
    shares. Edges have no direction; one that stands there twice counts once.

    Args:
        nodes: a CSV file with a row for each node: its name in the first column, its class in the column
            `label` (empty where it is not known), numbers in all others.
        edges: a CSV file with two columns, the names of the nodes that an edge joins.
        label: the column of the classes.
        seed: decides which nodes are for which part.

    Raises:
        ValueError: when a file or a cell is wrong, with file, line and column.

    Example:
        >>> graph = graph_from_csv("papers.csv", "citations.csv", "field")
    """
    table = read_csv(nodes)
    names = table.cells(table.columns[0])
    places = {name: number for number, name in enumerate(names)}
    if len(places) < len(names):
        twice = next(row for row, name in enumerate(names) if names.index(name) != row)
        raise table.error(twice, table.columns[0], _("there are two nodes of this name"))
    classes = table.cells(label)
    class_names = tuple(sorted({cell for cell in classes if not is_missing(cell)}))
    labels = np.array([-1 if is_missing(cell) else class_names.index(cell) for cell in classes])
    train, validation, test = _parts(str(nodes), labels, seed)
    return GraphData(
        name=Path(nodes).stem,
        features=_features(table, label),
        edge_index=_edges(read_csv(edges), places),
        labels=labels,
        class_names=class_names,
        node_names=tuple(names),
        train=train,
        validation=validation,
        test=test,
    )


def undirected(pairs: Any) -> Numbers:
    """Edges both ways and each once, without those from a node to itself, sorted: (2, E).

    Args:
        pairs: nodes that are joined, (E, 2).
    """
    ends = np.asarray(pairs, np.int64).reshape(-1, 2)
    both = np.concatenate([ends, ends[:, ::-1]])
    return np.ascontiguousarray(np.unique(both[both[:, 0] != both[:, 1]], axis=0).T)


def _features(table: Table, label: str) -> NDArray[np.float32]:
    """The numbers of all columns but the first and the label's, (V, features)."""
    columns = [column for column in table.columns[1:] if column != label]
    if not columns:
        raise wrong(table.path, _("the nodes have no columns of numbers besides their name and class"))
    for column in columns:
        for row, cell in enumerate(table.cells(column)):
            if not is_number(cell):
                raise table.error(row, column, _("{cell!r} is no number").format(cell=cell))
    cells = [[float(cell) for cell in table.cells(column)] for column in columns]
    return np.array(cells, np.float32).T.copy()


def _edges(table: Table, places: dict[str, int]) -> Numbers:
    if len(table.columns) != 2:
        problem = _("a file of edges has two columns, this one has {count}")
        raise wrong(table.path, problem.format(count=len(table.columns)))
    for row, cells in enumerate(table.rows):
        for column, cell in zip(table.columns, cells, strict=True):
            if cell not in places:
                raise table.error(row, column, _("there is no node {cell!r}").format(cell=cell))
    return undirected([[places[cell] for cell in row] for row in table.rows])


def _parts(path: str, labels: Numbers, seed: int) -> list[Numbers]:
    known = np.flatnonzero(labels >= 0)
    try:
        parts = stratified_indices(labels[known], [0.6, 0.2, 0.2], Generator().manual_seed(seed))
    except ValueError as error:
        raise wrong(path, _("too few nodes have a class")) from error
    return [known[part] for part in parts]
