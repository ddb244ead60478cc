"""Graph layers are products with matrices of neighbours, written as messages along edges; pooling is by graph."""

import numpy as np
import pytest

import koubai
from koubai import nn
from koubai.nn import functional as F

from .agreement import check, check_layer, close, double

EDGES = koubai.tensor([[0, 1, 1, 2, 4, 2, 0], [1, 0, 2, 1, 3, 2, 4]])
NONE = koubai.zeros(2, 0, dtype=koubai.int64)


@pytest.fixture(autouse=True, params=[0, 1])
def _seed(request):
    koubai.manual_seed(request.param)


def neighbours(edges=EDGES, nodes=5):
    """A[i, j]: how many edges go from j to i."""
    matrix = np.zeros((nodes, nodes))
    np.add.at(matrix, (edges[1].numpy(), edges[0].numpy()), 1)
    return matrix


def varied(layer):
    layer = layer.double()
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    return layer


def weights_of(layer):
    return {name: value.numpy() for name, value in layer.state_dict().items()}


def without_loops(matrix):
    return matrix * (1 - np.eye(len(matrix)))


# --- rows by group


def test_rows_are_combined_by_group():
    rows, index = double(6, 2), koubai.tensor([1, 0, 1, 3, 1, 3])
    parts = [rows.numpy()[index.numpy() == group] for group in range(5)]
    for reduce, combine in {"sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min}.items():
        expected = [combine(part, 0) if len(part) else np.zeros(2) for part in parts]
        close(F.aggregate(rows, index, 5, reduce), expected)
        check(lambda x, i: F.aggregate(x, i, 5, reduce), rows, index)  # noqa: B023
    assert F.aggregate(rows, index).shape == (4, 2)
    assert F.aggregate(rows[:0], index[:0]).shape == (0, 2)


def test_softmax_by_group():
    scores, index = double(6, 2), koubai.tensor([1, 0, 1, 3, 1, 3])
    found = F.scatter_softmax(scores, index)
    close(F.aggregate(found, index), [[1, 1], [1, 1], [0, 0], [1, 1]])
    close(found[::2][:2], scores[[0, 2, 4]].softmax(0)[:2].numpy())
    close(F.scatter_softmax(scores + 1e3, index), found.numpy())
    check(lambda x, i: F.scatter_softmax(x, i, 4), scores, index)
    left_out = koubai.where(koubai.arange(6).unsqueeze(1) < 2, float("-inf"), scores)
    found = F.scatter_softmax(left_out, index)
    assert not found[:2].any()
    assert found.isfinite().all()


def test_the_number_of_groups_is_given_while_tracing():
    rows, index = double(3, 2), koubai.tensor([0, 1, 1])
    with pytest.raises(RuntimeError, match="values of an index that is traced: give size"):
        koubai.trace(F.aggregate, rows, index)
    with pytest.raises(ValueError, match="'sum', 'mean', 'max' or 'min', got 'median'"):
        F.aggregate(rows, index, 2, "median")
    with pytest.raises(IndexError, match="out of"):
        F.aggregate(rows, index, 1)


# --- layers


def test_gcn_is_a_product_with_the_normalised_matrix():
    layer, x = varied(nn.GCNConv(3, 2)), double(5, 3)
    w = weights_of(layer)
    matrix = without_loops(neighbours()) + np.eye(5)
    scale = np.diag(matrix.sum(1) ** -0.5)
    expected = scale @ matrix @ scale @ x.numpy() @ w["lin.weight"].T + w["bias"]
    close(layer(x, EDGES), expected)
    edges, weight = nn.gcn_norm(EDGES, num_nodes=5, dtype=koubai.float64)
    plain = nn.GCNConv(3, 2, normalize=False).double()
    plain.load_state_dict(layer.state_dict())
    close(plain(x, edges, weight), expected)


def test_gcn_improved_counts_a_node_twice():
    layer, x = varied(nn.GCNConv(3, 2, improved=True, bias=False)), double(5, 3)
    matrix = without_loops(neighbours()) + 2 * np.eye(5)
    scale = np.diag(matrix.sum(1) ** -0.5)
    close(layer(x, EDGES), scale @ matrix @ scale @ x.numpy() @ weights_of(layer)["lin.weight"].T)


def test_sage_combines_neighbours_and_the_node_itself():
    layer, x = varied(nn.SAGEConv(3, 2)), double(5, 3)
    w, matrix = weights_of(layer), neighbours()
    mean = matrix @ x.numpy() / np.maximum(matrix.sum(1, keepdims=True), 1)
    expected = mean @ w["lin_l.weight"].T + w["lin_l.bias"] + x.numpy() @ w["lin_r.weight"].T
    close(layer(x, EDGES), expected)
    layer.normalize = True
    close(layer(x, EDGES), expected / np.linalg.norm(expected, axis=1, keepdims=True))


def test_gat_is_attention_to_neighbours():
    layer, x = varied(nn.GATConv(3, 2, heads=2)), double(5, 3)
    w = weights_of(layer)
    h = (x.numpy() @ w["lin.weight"].T).reshape(5, 2, 2)
    scores = (h * w["att_src"]).sum(-1)[None] + (h * w["att_dst"]).sum(-1)[:, None]  # (to, from, head)
    powers = np.exp(np.where(scores > 0, scores, 0.2 * scores))
    powers *= (without_loops(neighbours()) + np.eye(5))[..., None]
    alpha = powers / powers.sum(1, keepdims=True)
    close(layer(x, EDGES), np.einsum("ijh,jhc->ihc", alpha, h).reshape(5, 4) + w["bias"])
    layer.dropout = 1.0
    close(layer(x, EDGES), np.broadcast_to(w["bias"], (5, 4)))


def test_gin_adds_neighbours():
    layer, x = varied(nn.GINConv(nn.Linear(3, 2), eps=0.5)), double(5, 3)
    w = weights_of(layer)
    assert w["eps"] == [0.5]
    expected = (1.5 * x.numpy() + neighbours() @ x.numpy()) @ w["nn.weight"].T + w["nn.bias"]
    close(layer(x, EDGES), expected)


LAYERS = {
    "GCN": lambda: nn.GCNConv(3, 2),
    "SAGE max": lambda: nn.SAGEConv(3, 2, aggr="max", normalize=True, project=True),
    "GAT": lambda: nn.GATConv(3, 2, heads=2, residual=True),
    "GAT mean": lambda: nn.GATConv(3, 2, heads=2, concat=False, add_self_loops=False),
    "GIN": lambda: nn.GINConv(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), train_eps=True),
}
each_layer = pytest.mark.parametrize("name", LAYERS)


@each_layer
@pytest.mark.parametrize("edges", [EDGES, NONE], ids=["edges", "none"])
def test_gradients_to_second_order_and_replay(name, edges):
    check_layer(varied(LAYERS[name]()), double(5, 3), edges)


@each_layer
def test_the_order_of_nodes_does_not_matter(name):
    layer, x = varied(LAYERS[name]()), double(5, 3)
    order = koubai.tensor([3, 1, 4, 0, 2])
    found = layer(x[order], order.argsort()[EDGES])
    close(found, layer(x, EDGES)[order].numpy(force=True))


@each_layer
def test_graphs_side_by_side_are_each_alone(name):
    layer, x = varied(LAYERS[name]()), double(8, 3)
    other = koubai.tensor([[0, 1, 2], [1, 2, 0]])
    both = layer(x, koubai.cat([EDGES, other + 5], 1))
    alone = koubai.cat([layer(x[:5], EDGES), layer(x[5:], other)])
    close(both, alone.numpy(force=True))


def test_weights_of_edges_have_gradients_and_loops_keep_theirs():
    layer, x = varied(nn.GCNConv(3, 2)), double(5, 3)
    weights = double(7).abs() + 0.5
    check_layer(layer, x, EDGES, weights)
    _, found = nn.gcn_norm(EDGES, weights, 5)
    matrix = np.eye(5)
    for (a, b), w in zip(EDGES.T.tolist(), weights.tolist()):
        matrix[b, a] = w
    scale = matrix.sum(1) ** -0.5
    dense = np.zeros((5, 5))
    edges, _ = nn.gcn_norm(EDGES, weights, 5)
    np.add.at(dense, (edges[1].numpy(), edges[0].numpy()), found.numpy())
    np.testing.assert_allclose(dense, scale[:, None] * matrix * scale, rtol=1e-9)


def test_first_weights():
    layer = nn.GATConv(50, 8, heads=4)
    assert 0.25 < layer.lin.weight.abs().max().item() <= (6 / 82) ** 0.5 + 1e-6
    assert 0.5 < layer.att_src.abs().max().item() <= (6 / 12) ** 0.5
    assert not layer.bias.any()
    assert repr(nn.SAGEConv(3, 2, aggr="max", root_weight=False, project=False)).startswith(
        "SAGEConv(\n  3, 2, aggr='max'"
    )


# --- pooling


def test_pooling_by_graph():
    x, batch = double(6, 3), koubai.tensor([0, 0, 1, 3, 3, 3])
    parts = [x.numpy()[batch.numpy() == graph] for graph in range(4)]
    pools = {nn.global_add_pool: np.sum, nn.global_mean_pool: np.mean, nn.global_max_pool: np.max}
    for pool, combine in pools.items():
        close(pool(x, batch), [combine(part, 0) if len(part) else np.zeros(3) for part in parts])
        close(pool(x), combine(x.numpy(), 0)[None])
        assert pool(x, batch, 6).shape == (6, 3)


def test_pooling_by_attention():
    layer, x = varied(nn.AttentionalAggregation(nn.Linear(3, 1), nn.Linear(3, 2))), double(6, 3)
    batch = koubai.tensor([0, 0, 1, 3, 3, 3])
    expected = [
        (layer.gate_nn(part).softmax(0) * layer.nn(part)).sum(0).numpy(force=True)
        for part in (x[:2], x[2:3], x[:0], x[3:])
    ]
    close(layer(x, batch), expected)
    check_layer(layer, x, batch, dim_size=4)
    check_layer(varied(nn.AttentionalAggregation(nn.Linear(3, 3))), x)


def test_a_small_graph_is_learned():
    """Two groups of nodes that only edges tell apart."""
    edges = koubai.tensor([(a, b) for g in (range(4), range(4, 8)) for a in g for b in g if a != b]).T
    target = koubai.tensor([0] * 4 + [1] * 4)
    model = nn.ModuleList([nn.GCNConv(8, 8), nn.GATConv(8, 2)])
    optimizer = koubai.optim.Adam(model.parameters(), lr=0.05)

    def loss():
        return F.cross_entropy(model[1](model[0](koubai.eye(8), edges).relu(), edges), target)

    @koubai.compile
    def step():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        return value

    for _ in range(60):
        step()
    assert loss().item() < 0.05


@pytest.mark.parametrize(
    ("edges", "error", "match"),
    [
        (
            EDGES.T,
            RuntimeError,
            r"GCNConv: edge_index must be integers \(2, E\), got .*\[7, 2\]; use edge_index.T",
        ),
        (EDGES.float(), RuntimeError, r"must be integers \(2, E\), got .*float32\[2, 7\]"),
        (EDGES + 1, IndexError, "out of"),
    ],
)
def test_edges_that_do_not_fit(edges, error, match):
    with pytest.raises(error, match=match):
        nn.GCNConv(3, 2)(double(5, 3).float(), edges)


def test_other_mistakes():
    with pytest.raises(RuntimeError, match=r"SAGEConv: nodes' features have the shape .* got \[3\]"):
        nn.SAGEConv(3, 2)(double(3).float(), EDGES)
    with pytest.raises(ValueError, match="self-loops are only added where weights are normalised"):
        nn.GCNConv(3, 2, add_self_loops=True, normalize=False)
