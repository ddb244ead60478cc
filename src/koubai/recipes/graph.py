"""The recipe "graph": what class a node of a graph has, told by its features and by its neighbours."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

import koubai
from koubai import nn
from koubai.data import GraphData, TensorDataset, cora, graph_from_csv
from koubai.engine.tensor import Tensor
from koubai.i18n import N_, _
from koubai.recipes.classes import confusion, in_words
from koubai.recipes.exhibit import Exhibit, Table
from koubai.recipes.outcome import Outcome
from koubai.recipes.predictor import AnswerOptions, Predictor
from koubai.recipes.recipe import Recipe
from koubai.recipes.settings import Settings
from koubai.recipes.task import Task

_CSV = Annotated[Path, AfterValidator(Path.absolute)]  # a run may be resumed from another folder


class GraphSettings(Settings):
    """Settings of a network for the nodes of a graph."""

    model: Literal["gcn", "gat", "sage"] = Field(
        "gcn", description=N_("neighbours averaged, weighed by attention, or beside the node itself")
    )
    hidden: int = Field(
        32, ge=1, description=N_("numbers kept of each node; gat has 8 heads of a quarter as many")
    )
    dropout: float = Field(
        0.6, ge=0, lt=1, description=N_("share of numbers left out at random while training")
    )
    nodes: _CSV | None = Field(
        None,
        description=N_("CSV file of your own nodes: name, numbers, and the column of the class"),
        json_schema_extra={"unset": N_("the papers of Cora")},
    )
    edges: _CSV | None = Field(
        None,
        description=N_("CSV file of your own edges: two names in each row"),
        json_schema_extra={"unset": N_("none")},
    )
    label: str = Field("label", description=N_("the column of the class; empty cells are not known"))

    @model_validator(mode="after")
    def _both_files(self) -> GraphSettings:
        if (self.nodes is None) != (self.edges is None):
            raise ValueError(_("a graph of your own needs both --nodes and --edges"))
        return self


class NodeClassifier(nn.Module):
    """Two graph layers; asked for some nodes, it answers from the whole graph (Kipf and Welling 2017).

    Args:
        graph: the graph it knows.
        layers: from features to hidden numbers, and from them to classes.
        dropout: before each of them.

    Shape:
        nodes: integers (N,); output (N, classes).
    """

    features: Tensor
    edge_index: Tensor

    def __init__(self, graph: GraphData, layers: tuple[nn.Module, nn.Module], dropout: float) -> None:
        super().__init__()
        self.register_buffer("features", koubai.from_numpy(graph.features), persistent=False)
        self.register_buffer("edge_index", koubai.from_numpy(graph.edge_index), persistent=False)
        self.first, self.second = layers
        self.dropout = nn.Dropout(dropout)

    def forward(self, nodes: Tensor) -> Tensor:
        """The scores of the classes for these nodes."""
        hidden = self.first(self.dropout(self.features), self.edge_index).relu()  # (V, hidden)
        return self.second(self.dropout(hidden), self.edge_index).index_select(0, nodes)  # type: ignore[no-any-return]


_LAYERS: dict[str, Callable[[int, int, int], tuple[nn.Module, nn.Module]]] = {
    "gcn": lambda inputs, hidden, classes: (nn.GCNConv(inputs, hidden), nn.GCNConv(hidden, classes)),
    "sage": lambda inputs, hidden, classes: (nn.SAGEConv(inputs, hidden), nn.SAGEConv(hidden, classes)),
    "gat": lambda inputs, hidden, classes: (
        nn.GATConv(inputs, max(hidden // 4, 1), heads=8, dropout=0.6),
        nn.GATConv(8 * max(hidden // 4, 1), classes, dropout=0.6),
    ),
}


class NodePredictor(Predictor):
    """Answers for nodes of the graph, by their names.

    Attributes:
        class_names: of the classes.
        node_names: of the nodes.
    """

    class_names: tuple[str, ...]
    node_names: tuple[str, ...]

    def answer(self, model: nn.Module, source: str, options: AnswerOptions) -> tuple[Table]:
        """A row for each node of "12" or "12,57": its likeliest classes."""
        names = [name.strip() for name in source.split(",")]
        places = {name: number for number, name in enumerate(self.node_names)}
        unknown = [name for name in names if name not in places]
        if unknown:
            problem = _("The graph has no node {name!r}; there are {count:,}, such as {first}.")
            raise ValueError(
                problem.format(name=unknown[0], count=len(places), first=", ".join(self.node_names[:3]))
            )
        chances = probabilities(model, np.array([places[name] for name in names]))
        rows = ((name, *in_words(self.class_names, row)) for name, row in zip(names, chances, strict=True))
        return (Table(rows=tuple(rows)),)


def probabilities(model: nn.Module, nodes: NDArray[np.int64]) -> NDArray[Any]:
    """The model's belief in each class for these nodes, (N, classes)."""
    model.eval()
    with koubai.no_grad():
        return np.asarray(nn.functional.softmax(model(koubai.from_numpy(nodes)), dim=1).numpy())


@cache
def _graph(nodes: Path | None, edges: Path | None, label: str, seed: int) -> GraphData:
    return cora() if nodes is None or edges is None else graph_from_csv(nodes, edges, label, seed=seed)


def _graph_of(settings: GraphSettings) -> GraphData:
    return _graph(settings.nodes, settings.edges, settings.label, settings.seed if settings.nodes else 0)


def graph_task(settings: GraphSettings) -> Task:
    """The known nodes in three parts; a batch as large as the training part is the whole of it."""
    graph = _graph_of(settings)
    train, validation, test = (
        TensorDataset(part, graph.labels[part]) for part in (graph.train, graph.validation, graph.test)
    )
    return Task(
        train=train,
        validation=validation,
        test=test,
        loss=nn.CrossEntropyLoss(),
        judge=partial(_judged, graph),
        predictor=NodePredictor(class_names=graph.class_names, node_names=graph.node_names),
        headline="accuracy",
        metrics=("accuracy",),
    )


def graph_model(settings: GraphSettings, predictor: NodePredictor) -> NodeClassifier:
    """The network that the settings ask for, with the graph inside."""
    graph = _graph_of(settings)
    sizes = (graph.features.shape[1], settings.hidden, len(graph.class_names))
    return NodeClassifier(graph, _LAYERS[settings.model](*sizes), settings.dropout)


def _judged(graph: GraphData, model: nn.Module, test: TensorDataset) -> Outcome:
    """Beside classes that spread along the edges alone, without features or weights."""
    nodes, truth = (np.asarray(tensor.numpy()) for tensor in test.tensors)
    chances = probabilities(model, nodes)
    predicted = chances.argmax(axis=1)
    spread = _propagated(graph)[nodes].argmax(axis=1)
    return Outcome(
        headline="accuracy",
        metrics={"accuracy": float((predicted == truth).mean())},
        baseline={"accuracy": float((spread == truth).mean())},
        baseline_name=N_("label propagation: classes spread along the edges"),
        samples=len(nodes),
        exhibits=_exhibits(graph, nodes, truth, chances),
        answers={"node": nodes, "truth": truth, "predicted": predicted},
    )


def _propagated(graph: GraphData, rounds: int = 50) -> NDArray[np.float64]:
    """Beliefs (V, classes) that spread along the edges from the training nodes (Zhu and Ghahramani 2002)."""
    source, target = graph.edge_index
    degree = np.maximum(np.bincount(target, minlength=len(graph.labels)), 1)[:, None]
    known = np.eye(len(graph.class_names))[graph.labels[graph.train]]
    beliefs = np.tile(known.mean(axis=0), (len(graph.labels), 1))
    for _round in range(rounds):
        beliefs[graph.train] = known
        arriving = np.zeros_like(beliefs)
        np.add.at(arriving, target, beliefs[source])
        beliefs = arriving / degree
    return beliefs


def _exhibits(
    graph: GraphData, nodes: NDArray[Any], truth: NDArray[Any], chances: NDArray[Any]
) -> tuple[Exhibit, ...]:
    """Which classes were confused, how the number of neighbours matters, and the worst mistakes."""
    predicted = chances.argmax(axis=1)
    return (
        confusion(graph.class_names, truth, predicted),
        _by_degree(graph, nodes, predicted == truth),
        _mistakes(graph, nodes, truth, chances),
    )


def _by_degree(graph: GraphData, nodes: NDArray[Any], right: NDArray[np.bool_]) -> Table:
    degree = np.bincount(graph.edge_index[1], minlength=len(graph.labels))[nodes]
    bounds = ((0, 1), (2, 3), (4, 7), (8, degree.max(initial=8)))
    chosen = [((low, high), (low <= degree) & (degree <= high)) for low, high in bounds]
    rows = (
        (f"{low}–{high}", int(part.sum()), f"{100 * right[part].mean():.1f} %")
        for (low, high), part in chosen
        if part.any()
    )
    header = (N_("neighbours"), N_("samples"), N_("accuracy"))
    return Table(title=N_("Accuracy by the number of neighbours"), header=header, rows=tuple(rows))


def _mistakes(graph: GraphData, nodes: NDArray[Any], truth: NDArray[Any], chances: NDArray[Any]) -> Table:
    """Wrong answers with the least belief in the truth, with the true classes of their neighbours."""
    wrong = np.flatnonzero(chances.argmax(axis=1) != truth)
    worst = wrong[np.argsort(chances[wrong, truth[wrong]], kind="stable")][:12]
    rows = (
        (
            graph.node_names[nodes[k]],
            graph.class_names[truth[k]],
            graph.class_names[chances[k].argmax()],
            f"{100 * chances[k].max():.1f} %",
            _neighbours(graph, int(nodes[k])),
        )
        for k in worst
    )
    header = (N_("node"), N_("true"), N_("predicted"), N_("certainty"), N_("classes of its neighbours"))
    return Table(title=N_("Samples it got most wrong"), header=header, rows=tuple(rows))


def _neighbours(graph: GraphData, node: int) -> str:
    labels = graph.labels[graph.edge_index[0][graph.edge_index[1] == node]]
    classes, counts = np.unique(labels[labels >= 0], return_counts=True)
    return ", ".join(f"{graph.class_names[k]} {n}" for k, n in zip(classes, counts, strict=True))


GRAPH = Recipe(
    "graph",
    N_("the classes of a graph's nodes: 2,708 papers that cite each other, or your own graph"),
    graph_task,
    graph_model,
    NodePredictor,
    GraphSettings,
    {"epochs": 300, "batch_size": 512, "lr": 0.01, "weight_decay": 5e-4},
)
