"""Layers that PyTorch does not have agree with their formulas, written in PyTorch: values and gradients, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import koubai  # noqa: E402
from koubai import models, nn  # noqa: E402

from .comparison import compare, leaves  # noqa: E402

Formula = Callable[..., Any]
seeds = pytest.mark.parametrize("seed", [0, 1, 2])


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def agree(layer: nn.Module, formula: Formula, *inputs: Any, seed: int = 0) -> None:
    """Compare a layer with `formula(parameters, *inputs)`, after all its parameters are drawn anew.

    Args:
        layer: in float64.
        formula: takes PyTorch's tensors, the parameters and buffers by name.
        inputs: arrays; gradients of floating ones are compared too.
        seed: of the parameters.
    """
    layer.load_state_dict(
        {name: numbers(*p.shape, seed=seed) for name, p in layer.named_parameters()}, strict=False
    )
    theirs = [torch.from_numpy(x).requires_grad_(x.dtype.kind == "f") for x in inputs]
    ours = [koubai.from_numpy(x).requires_grad_(x.dtype.kind == "f") for x in inputs]
    state = {name: torch.from_numpy(p.numpy(force=True).copy()) for name, p in layer.named_parameters()}
    state = {name: tensor.requires_grad_() for name, tensor in state.items()}
    expected = formula(state, *theirs)
    found = layer(*ours)
    compare(found, expected, "output")
    sum(x.sin().sum() for x in leaves(expected, torch.Tensor)).backward()
    total = sum(x.sin().sum() for x in leaves(found, koubai.Tensor))
    pairs = [(x, y.grad) for x, y in zip(ours, theirs, strict=True) if y.requires_grad]
    pairs += [(p, state[name].grad) for name, p in layer.named_parameters()]
    gradients = koubai.grad(total, [x for x, _ in pairs], materialize_grads=True)
    for one, (_, other) in zip(gradients, pairs, strict=True):
        compare(one, torch.zeros(one.shape).double() if other is None else other, "gradient")


# --- positions


def turned(state: dict[str, Any], x: Any) -> Any:
    """Llama's form of rotary positions: pairs as complex numbers, times unit numbers."""
    frequencies = 1.0 / (10000.0 ** (torch.arange(0, x.shape[-1], 2).double() / x.shape[-1]))
    angles = torch.outer(torch.arange(x.shape[-2]).double(), frequencies)
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2)


@seeds
def test_positions(seed: int) -> None:
    x = numbers(2, 3, 7, 8, seed=seed)
    agree(nn.RotaryPositions(8, dtype=koubai.float64), turned, x)
    learned = nn.LearnedPositions(8, 10, batch_first=True).double()
    agree(learned, lambda state, x: x + state["weight"][: x.shape[1]], x[0], seed=seed)


# --- graphs: as products with dense matrices; tests/parity/test_graph.py compares with PyTorch Geometric itself

EDGES = np.array([[0, 1, 1, 2, 4, 2, 0], [1, 0, 2, 1, 3, 3, 4]])


def reached(nodes: int) -> Any:
    """A[i, j]: whether an edge goes from j to i."""
    matrix = torch.zeros(nodes, nodes).double()
    matrix[EDGES[1], EDGES[0]] = 1.0
    return matrix


def gcn(state: dict[str, Any], x: Any) -> Any:
    matrix = reached(len(x)) + torch.eye(len(x))
    scale = torch.diag(matrix.sum(1) ** -0.5)
    return scale @ matrix @ scale @ x @ state["lin.weight"].T + state["bias"]


def sage(state: dict[str, Any], x: Any) -> Any:
    matrix = reached(len(x))
    mean = matrix @ x / matrix.sum(1, keepdim=True).clamp(min=1)
    return mean @ state["lin_l.weight"].T + state["lin_l.bias"] + x @ state["lin_r.weight"].T


def gat(state: dict[str, Any], x: Any) -> Any:
    h = (x @ state["lin.weight"].T).unflatten(1, (2, -1))
    scores = (h * state["att_src"]).sum(-1)[None] + (h * state["att_dst"]).sum(-1)[:, None]
    hidden = (reached(len(x)) + torch.eye(len(x)) == 0).unsqueeze(-1)
    scores = torch.nn.functional.leaky_relu(scores, 0.2).masked_fill(hidden, -torch.inf)
    return torch.einsum("ijh,jhc->ihc", scores.softmax(1), h).flatten(1) + state["bias"]


def gin(state: dict[str, Any], x: Any) -> Any:
    total = (1 + state["eps"]) * x + reached(len(x)) @ x
    return total @ state["nn.weight"].T + state["nn.bias"]


class OnGraph(nn.Module):
    """A graph layer on the edges above; the parameters keep their names."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self._parameters, self._modules = layer._parameters, layer._modules
        self.layer_forward = layer.forward

    def forward(self, x: Any) -> Any:
        return self.layer_forward(x, koubai.from_numpy(EDGES))


GRAPH_LAYERS: dict[str, tuple[Callable[[], nn.Module], Formula]] = {
    "GCN": (lambda: nn.GCNConv(3, 2), gcn),
    "SAGE": (lambda: nn.SAGEConv(3, 2), sage),
    "GAT": (lambda: nn.GATConv(3, 2, heads=2), gat),
    "GIN": (lambda: nn.GINConv(nn.Linear(3, 2), train_eps=True), gin),
}


@seeds
@pytest.mark.parametrize("name", GRAPH_LAYERS)
def test_graph_layers(name: str, seed: int) -> None:
    make, formula = GRAPH_LAYERS[name]
    agree(OnGraph(make().double()), formula, numbers(5, 3, seed=seed), seed=seed)


@seeds
def test_pooling_by_attention(seed: int) -> None:
    def pooled(state: dict[str, Any], x: Any, batch: Any) -> Any:
        parts = [x[batch == graph] for graph in range(3)]
        gates = [(part @ state["gate_nn.weight"].T + state["gate_nn.bias"]).softmax(0) for part in parts]
        return torch.stack([(gate * part).sum(0) for gate, part in zip(gates, parts)])

    layer = nn.AttentionalAggregation(nn.Linear(3, 1)).double()
    agree(layer, pooled, numbers(6, 3, seed=seed), np.array([0, 0, 1, 2, 2, 2]), seed=seed)


# --- images


def normalised(state: dict[str, Any], x: Any, name: str) -> Any:
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    return torch.nn.functional.batch_norm(x, None, None, weight, bias, training=True)


def basic_block(state: dict[str, Any], x: Any) -> Any:
    conv2d = torch.nn.functional.conv2d
    around = conv2d(x, state["downsample.0.weight"], stride=2)
    around = normalised(state, around, "downsample.1")
    y = normalised(state, conv2d(x, state["conv1.weight"], stride=2, padding=1), "bn1").relu()
    return (normalised(state, conv2d(y, state["conv2.weight"], padding=1), "bn2") + around).relu()


def bottleneck(state: dict[str, Any], x: Any) -> Any:
    conv2d = torch.nn.functional.conv2d
    y = normalised(state, conv2d(x, state["conv1.weight"]), "bn1").relu()
    y = normalised(state, conv2d(y, state["conv2.weight"], padding=1), "bn2").relu()
    return (normalised(state, conv2d(y, state["conv3.weight"]), "bn3") + x).relu()


def squeezed(state: dict[str, Any], x: Any) -> Any:
    mean = x.mean((2, 3), keepdim=True)
    between = torch.nn.functional.conv2d(mean, state["fc1.weight"], state["fc1.bias"]).relu()
    return x * torch.nn.functional.conv2d(between, state["fc2.weight"], state["fc2.bias"]).sigmoid()


def separable(state: dict[str, Any], x: Any) -> Any:
    conv2d = torch.nn.functional.conv2d
    each = conv2d(x, state["depthwise.weight"], stride=2, padding=1, groups=x.shape[1])
    return conv2d(each, state["pointwise.weight"], state["pointwise.bias"])


IMAGE_LAYERS: dict[str, tuple[Callable[[], nn.Module], Formula]] = {
    "basic": (
        lambda: models.BasicBlock(
            4, 6, 2, nn.Sequential(nn.Conv2d(4, 6, 1, 2, bias=False), nn.BatchNorm2d(6))
        ),
        basic_block,
    ),
    "bottleneck": (lambda: models.Bottleneck(4, 1), bottleneck),
    "squeeze": (lambda: nn.SqueezeExcitation(4, 2), squeezed),
    "separable": (lambda: nn.SeparableConv2d(4, 5, 3, stride=2, padding=1), separable),
}


@seeds
@pytest.mark.parametrize("name", IMAGE_LAYERS)
def test_image_layers(name: str, seed: int) -> None:
    make, formula = IMAGE_LAYERS[name]
    agree(make().double(), formula, numbers(3, 4, 6, 6, seed=seed), seed=seed)


# --- sequences, codes and ratings


@seeds
def test_causal_convolutions(seed: int) -> None:
    def block(state: dict[str, Any], x: Any) -> Any:
        y = x
        for name in ("conv1", "conv2"):
            weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
            y = torch.nn.functional.conv1d(y, weight, bias, padding=4, dilation=2)[..., :-4].relu()
        return (y + torch.nn.functional.conv1d(x, state["shortcut.weight"], state["shortcut.bias"])).relu()

    agree(models.TemporalBlock(2, 3, 3, dilation=2).double(), block, numbers(2, 2, 7, seed=seed), seed=seed)


@seeds
def test_variational_autoencoder(seed: int) -> None:
    def reproduced(state: dict[str, Any], x: Any) -> Any:
        linear = torch.nn.functional.linear
        h = linear(x, state["encoder.0.weight"], state["encoder.0.bias"]).relu()
        mean, log_variance = (
            linear(h, state[f"{name}.weight"], state[f"{name}.bias"]) for name in ("mean", "log_variance")
        )
        back = linear(mean, state["decoder.0.weight"], state["decoder.0.bias"]).relu()
        return linear(back, state["decoder.2.weight"], state["decoder.2.bias"]), mean, log_variance

    model = models.VariationalAutoencoder.dense(6, 4, 2).double().eval()
    agree(model, reproduced, numbers(3, 6, seed=seed), seed=seed)


@seeds
def test_factorisation_and_towers(seed: int) -> None:
    def rating(state: dict[str, Any], users: Any, items: Any) -> Any:
        p, q = state["user_factors.weight"][users], state["item_factors.weight"][items]
        biases = state["user_bias.weight"][users] + state["item_bias.weight"][items]
        return 2.5 + biases[:, 0] + torch.einsum("nk,nk->n", p, q)

    pairs = np.array([0, 4, 2, 2]), np.array([3, 0, 1, 3])
    agree(models.MatrixFactorization(5, 4, 3, mean=2.5).double(), rating, *pairs, seed=seed)

    def cosines(state: dict[str, Any], users: Any, items: Any) -> Any:
        a, b = users @ state["user_tower.weight"].T, items @ state["item_tower.weight"].T
        return torch.nn.functional.cosine_similarity(a[:, None], b[None], dim=-1) / 0.5

    model = models.TwoTower(nn.Linear(3, 4, bias=False), nn.Linear(2, 4, bias=False), 0.5).double()
    agree(model, cosines, numbers(3, 3, seed=seed), numbers(5, 2, seed=seed), seed=seed)
