"""Graph layers and pooling agree with PyTorch Geometric's, where it is installed: states, values and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
geometric = pytest.importorskip("torch_geometric")

import koubai  # noqa: E402
from koubai import nn  # noqa: E402

from .comparison import compare  # noqa: E402

EDGES = {
    "directed": [[0, 1, 1, 2, 4, 0], [1, 0, 2, 1, 3, 3]],
    "with loops": [[0, 1, 2, 2, 3, 3], [0, 1, 2, 1, 1, 0]],
    "none": [[], []],
    "twice the same": [[0, 0, 3], [1, 1, 4]],
}
each_graph = pytest.mark.parametrize("graph", EDGES)
seeds = pytest.mark.parametrize("seed", [0, 1])


def mlp(library: Any) -> Any:
    return library.Sequential(library.Linear(3, 4), library.Tanh(), library.Linear(4, 2))


LAYERS: dict[str, Any] = {
    "GCN": lambda n, _: n.GCNConv(3, 2),
    "GCN without loops or bias": lambda n, _: n.GCNConv(3, 2, add_self_loops=False, bias=False),
    "GCN without degrees": lambda n, _: n.GCNConv(3, 2, normalize=False),
    "SAGE": lambda n, _: n.SAGEConv(3, 2),
    "SAGE max": lambda n, _: n.SAGEConv(3, 2, "max", normalize=True, project=True),
    "SAGE add": lambda n, _: n.SAGEConv(3, 2, "add", root_weight=False, bias=False),
    "GAT": lambda n, _: n.GATConv(3, 2),
    "GAT heads": lambda n, _: n.GATConv(3, 2, heads=3, negative_slope=0.3, residual=True),
    "GAT mean": lambda n, _: n.GATConv(3, 2, heads=2, concat=False, bias=False),
    "GAT without loops": lambda n, _: n.GATConv(3, 2, heads=2, add_self_loops=False),
    "GIN": lambda n, library: n.GINConv(mlp(library), eps=0.3),
    "GIN learned": lambda n, library: n.GINConv(mlp(library), train_eps=True),
}


def array(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def pair(make: Any) -> tuple[Any, Any]:
    """The layer of each library, with the same state."""
    theirs, ours = make(geometric.nn, torch.nn).double(), make(nn, nn).double()
    state = {name: tensor.numpy() for name, tensor in theirs.state_dict().items()}
    assert list(ours.state_dict()) == list(state)
    for value in ours.state_dict().items():
        assert value[1].shape == state[value[0]].shape
    ours.load_state_dict({name: array(*value.shape, seed=n) for n, (name, value) in enumerate(state.items())})
    theirs.load_state_dict(
        {name: torch.from_numpy(value.numpy().copy()) for name, value in ours.state_dict().items()}
    )
    return ours, theirs


def agree(ours: Any, theirs: Any, x: Any, *context: Any) -> None:
    """Compare values and gradients by the features and parameters."""
    a, b = koubai.from_numpy(x).requires_grad_(), torch.from_numpy(x).requires_grad_()
    found = ours(a, *(koubai.from_numpy(c) for c in context))
    expected = theirs(b, *(torch.from_numpy(c) for c in context))
    compare(found, expected, "output")
    expected.sin().sum().backward()
    parameters = list(theirs.parameters()) if isinstance(theirs, torch.nn.Module) else []
    own = list(ours.parameters()) if parameters else []
    gradients = koubai.grad(found.sin().sum(), [a, *own], materialize_grads=True)
    for one, other in zip(gradients, [b, *parameters], strict=True):
        compare(one, torch.zeros_like(other) if other.grad is None else other.grad, "gradient")


@seeds
@each_graph
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str, graph: str, seed: int) -> None:
    edges = np.array(EDGES[graph], np.int64)
    agree(*pair(LAYERS[name]), array(5, 3, seed=seed), edges)


@seeds
@each_graph
def test_weights_of_edges(graph: str, seed: int) -> None:
    edges = np.array(EDGES[graph], np.int64)
    weights = np.random.default_rng(seed).random(edges.shape[1])
    for options in ({}, {"improved": True}, {"normalize": False}):
        agree(*pair(lambda n, _: n.GCNConv(3, 2, **options)), array(5, 3, seed=seed), edges, weights)  # noqa: B023


@each_graph
def test_attention_weights(graph: str) -> None:
    edges = np.array(EDGES[graph], np.int64)
    ours, theirs = pair(lambda n, _: n.GATConv(3, 2, heads=2))
    x = array(5, 3)
    _, (index, weights) = ours(koubai.from_numpy(x), koubai.from_numpy(edges), return_attention_weights=True)
    _, (other, expected) = theirs(torch.from_numpy(x), torch.from_numpy(edges), return_attention_weights=True)
    kept = np.r_[edges[0] != edges[1], np.ones(5, bool)]
    np.testing.assert_array_equal(index.numpy()[:, kept], other.numpy())
    np.testing.assert_allclose(weights.numpy(force=True)[kept], expected.numpy(force=True), rtol=1e-9)
    assert not weights.numpy(force=True)[~kept].any()


@seeds
def test_pooling(seed: int) -> None:
    x, batch = array(6, 3, seed=seed), np.array([0, 0, 1, 3, 3, 3])
    for name in ("global_add_pool", "global_mean_pool", "global_max_pool"):
        agree(getattr(nn, name), getattr(geometric.nn, name), x, batch)
        agree(getattr(nn, name), lambda x: getattr(geometric.nn, name)(x, None), x)  # noqa: B023
    gated = pair(lambda n, library: n.AttentionalAggregation(library.Linear(3, 1), library.Linear(3, 2)))
    agree(*gated, x, batch)
    agree(*pair(lambda n, library: n.AttentionalAggregation(library.Linear(3, 3))), x, batch)
