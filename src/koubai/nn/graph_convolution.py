"""Graph layers: every node combines messages that its neighbours send along the edges.

A graph is its nodes' features x, (V, features), and its edges, `edge_index`, integers (2, E): row 0 has the node that
each edge comes from, row 1 the node it goes to. An undirected edge is two of them. Names, layouts, first weights and
states are PyTorch Geometric's. Messages are gathered and added by index, so the work grows with the edges.
"""

from __future__ import annotations

import math
from typing import Any

import koubai
from koubai import dtypes
from koubai.engine.tensor import Tensor
from koubai.nn import functional as F
from koubai.nn import init
from koubai.nn.linear import Linear
from koubai.nn.module import Module
from koubai.nn.parameter import Buffer, Parameter, new_parameter

__all__ = ["GATConv", "GCNConv", "GINConv", "SAGEConv", "gcn_norm"]


class _GraphConv(Module):
    """What the graph layers share: inputs are checked, and messages sent."""

    def _ends(self, x: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:
        """Return where the edges come from and where they go to, (E,) each."""
        name = type(self).__name__
        if x.ndim != 2:
            raise RuntimeError(f"{name}: nodes' features have the shape (V, features), got {list(x.shape)}")
        if edge_index.ndim != 2 or edge_index.shape[0] != 2 or dtypes.is_floating(edge_index.dtype):
            turned = edge_index.ndim == 2 and edge_index.shape[1] == 2
            raise RuntimeError(
                f"{name}: edge_index must be integers (2, E), got {edge_index.dtype}{list(edge_index.shape)}"
                + ("; use edge_index.T" if turned else "")
            )
        return edge_index[0], edge_index[1]

    def _from_neighbours(self, x: Tensor, edge_index: Tensor, reduce: str = "sum") -> Tensor:
        """Combine the neighbours' features at each node, (V, features)."""
        source, target = self._ends(x, edge_index)
        return F.aggregate(x.index_select(0, source), target, x.shape[0], reduce)


def _glorot_linear(in_features: int, out_features: int, kind: dict[str, Any]) -> Linear:
    """A product without bias that starts with Xavier's uniform weights."""
    layer = Linear(in_features, out_features, bias=False, **kind)
    init.xavier_uniform_(layer.weight)
    return layer


def _with_loops(edge_index: Tensor, nodes: int) -> Tensor:
    """Append an edge from every node to itself."""
    loops = koubai.arange(nodes, dtype=edge_index.dtype, device=edge_index.device)
    return koubai.cat([edge_index, koubai.stack([loops, loops])], 1)  # (2, E + V)


def gcn_norm(
    edge_index: Tensor,
    edge_weight: Tensor | None = None,
    num_nodes: int | None = None,
    improved: bool = False,
    add_self_loops: bool = True,
    dtype: Any = None,
) -> tuple[Tensor, Tensor]:
    """D^-½ (A + I) D^-½ as edges and weights, with D the sums of the weights that arrive (Kipf and Welling 2017).

    Args:
        edge_index: (2, E).
        edge_weight: (E,), ones by default.
        num_nodes: V; by default as many as there are in edge_index.
        improved: add 2 I instead of I.
        add_self_loops: whether to add I; edges from a node to itself that are there keep their weight instead.
        dtype: of the weights, if none are given.

    Returns:
        edge_index and weights of (E + V) edges, or of E without self-loops. Edges to be replaced have weight 0.

    Example:
        >>> gcn_norm(koubai.tensor([[0, 1], [1, 0]]))[1]
        tensor([0.5000, 0.5000, 0.5000, 0.5000])
    """
    nodes = int(edge_index.max()) + 1 if num_nodes is None else num_nodes
    kind = dtype or koubai.get_default_dtype()
    weight = edge_index.new_ones(edge_index.shape[1], dtype=kind) if edge_weight is None else edge_weight
    if add_self_loops:
        source, target = edge_index[0], edge_index[1]
        is_loop = source == target
        own = weight.new_full((nodes + 1,), 2.0 if improved else 1.0)
        if edge_weight is not None:  # the other edges write to one place more
            own = own.index_copy(0, koubai.where(is_loop, source, nodes), weight)
        edge_index = _with_loops(edge_index, nodes)
        weight = koubai.cat([koubai.where(is_loop, 0, weight), own[:nodes]])
    degree = F.aggregate(weight, edge_index[1], nodes)  # (V,)
    scale = koubai.where(degree > 0, koubai.where(degree > 0, degree, 1).rsqrt(), 0)
    return edge_index, scale.index_select(0, edge_index[0]) * weight * scale.index_select(0, edge_index[1])


class GCNConv(_GraphConv):
    """x' = D^-½ (A + I) D^-½ x Wᵀ + b, the mean over a node and its neighbours, weighted (Kipf and Welling 2017).

    Usual: two layers with dropout 0.5 between them. Many layers make all nodes alike.

    Args:
        in_channels: features of a node.
        out_channels: features of a node in the output.
        improved: add 2 I instead of I.
        cached: accepted for PyTorch Geometric's sake; for one graph, give `gcn_norm`'s result to a layer with
            normalize=False.
        add_self_loops: whether to add I; by default where weights are normalised.
        normalize: whether to weight by the degrees; otherwise by `edge_weight` only.
        bias: whether there is a b.
        device: where its tensors live.
        dtype: of the weights.

    Shape:
        x (V, in_channels), edge_index (2, E), edge_weight (E,), output (V, out_channels).

    Raises:
        ValueError: for self-loops without normalisation.

    Example:
        >>> edges = koubai.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> nn.GCNConv(3, 2)(koubai.ones(3, 3), edges).shape
        koubai.Size([3, 2])
    """

    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        improved: bool = False,
        cached: bool = False,
        add_self_loops: bool | None = None,
        normalize: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if add_self_loops and not normalize:
            raise ValueError("GCNConv: self-loops are only added where weights are normalised")
        self.in_channels, self.out_channels, self.improved = in_channels, out_channels, improved
        self.add_self_loops = normalize if add_self_loops is None else add_self_loops
        self.normalize = normalize
        kind = {"device": device, "dtype": dtype}
        self.lin = _glorot_linear(in_channels, out_channels, kind)
        self.register_parameter("bias", new_parameter(out_channels, **kind) if bias else None)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        """Apply the layer.

        Raises:
            RuntimeError: if shapes do not fit.
            IndexError: if an edge names a node that is not there.
        """
        self._ends(x, edge_index)
        if self.normalize:
            loops = (self.improved, self.add_self_loops)
            edge_index, edge_weight = gcn_norm(edge_index, edge_weight, x.shape[0], *loops, x.dtype)
        source, target = edge_index[0], edge_index[1]
        messages = self.lin(x).index_select(0, source)  # (E, out_channels)
        if edge_weight is not None:
            messages = messages * edge_weight.unsqueeze(1)
        output = F.aggregate(messages, target, x.shape[0])
        return output if self.bias is None else output + self.bias

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.in_channels}, {self.out_channels}"


class SAGEConv(_GraphConv):
    """x' = W₁ mean(neighbours' x) + b + W₂ x (Hamilton et al. 2017), for graphs that grow or differ.

    Args:
        in_channels: features of a node.
        out_channels: features of a node in the output.
        aggr: how neighbours are combined: "mean", "max", "min" or "add".
        normalize: divide each output by its norm.
        root_weight: whether there is a W₂.
        project: apply a linear layer and ReLU to the neighbours before they are combined, as the paper does for "max".
        bias: whether there is a b.
        device: where its tensors live.
        dtype: of the weights.

    Shape:
        x (V, in_channels), edge_index (2, E), output (V, out_channels).

    Example:
        >>> nn.SAGEConv(3, 2, aggr="max")(koubai.ones(3, 3), koubai.tensor([[0, 1], [1, 2]])).shape
        koubai.Size([3, 2])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        aggr: str = "mean",
        normalize: bool = False,
        root_weight: bool = True,
        project: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.aggr, self.normalize = aggr, normalize
        kind = {"device": device, "dtype": dtype}
        self.lin = Linear(in_channels, in_channels, **kind) if project else None
        self.lin_l = Linear(in_channels, out_channels, bias=bias, **kind)
        self.lin_r = Linear(in_channels, out_channels, bias=False, **kind) if root_weight else None

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Apply the layer.

        Raises:
            RuntimeError: if shapes do not fit.
            IndexError: if an edge names a node that is not there.
            ValueError: for another `aggr`.
        """
        sent = x if self.lin is None else F.relu(self.lin(x))
        output: Tensor = self.lin_l(self._from_neighbours(sent, edge_index, self.aggr))
        if self.lin_r is not None:
            output = output + self.lin_r(x)
        return F.normalize(output, dim=-1) if self.normalize else output

    def extra_repr(self) -> str:
        """The sizes, and how neighbours are combined."""
        return f"{self.in_channels}, {self.out_channels}, aggr={self.aggr!r}"


class GATConv(_GraphConv):
    """Σ αᵢⱼ W xⱼ over a node and its neighbours, with α a softmax of LeakyReLU(a₁·W xⱼ + a₂·W xᵢ) (Veličković 2018).

    Args:
        in_channels: features of a node.
        out_channels: features of a node in each head of the output.
        heads: attentions side by side.
        concat: join the heads' outputs; otherwise take their mean, as in a last layer.
        negative_slope: of the LeakyReLU.
        dropout: probability of dropping an attention weight, while training.
        add_self_loops: let every node look at itself too, once.
        bias: whether there is a bias.
        residual: add a linear map of x.
        device: where its tensors live.
        dtype: of the weights.

    Shape:
        x (V, in_channels), edge_index (2, E), output (V, heads · out_channels), or (V, out_channels) without concat.

    Example:
        >>> nn.GATConv(3, 4, heads=2)(koubai.ones(3, 3), koubai.tensor([[0, 1], [1, 2]])).shape
        koubai.Size([3, 8])
    """

    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        heads: int = 1,
        concat: bool = True,
        negative_slope: float = 0.2,
        dropout: float = 0.0,
        add_self_loops: bool = True,
        *,
        bias: bool = True,
        residual: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels, self.heads = in_channels, out_channels, heads
        self.concat, self.negative_slope, self.dropout = concat, negative_slope, dropout
        self.add_self_loops = add_self_loops
        kind = {"device": device, "dtype": dtype}
        width = heads * out_channels if concat else out_channels
        self.att_src = new_parameter(1, heads, out_channels, **kind)
        self.att_dst = new_parameter(1, heads, out_channels, **kind)
        self.register_parameter("bias", new_parameter(width, **kind) if bias else None)
        self.lin = _glorot_linear(in_channels, heads * out_channels, kind)
        self.res = _glorot_linear(in_channels, width, kind) if residual else None
        bound = math.sqrt(6 / (heads + out_channels))
        for attention in (self.att_src, self.att_dst):
            init.uniform_(attention, -bound, bound)

    def forward(
        self, x: Tensor, edge_index: Tensor, return_attention_weights: bool = False
    ) -> Tensor | tuple[Tensor, tuple[Tensor, Tensor]]:
        """Apply the layer.

        Args:
            x: (V, in_channels).
            edge_index: (2, E).
            return_attention_weights: whether to return (output, (edge_index, weights)) instead, with the edges that
                were used, (2, E + V) with self-loops, and weights (E + V, heads). Edges of the given graph from a node
                to itself then have weight 0.

        Raises:
            RuntimeError: if shapes do not fit.
            IndexError: if an edge names a node that is not there.
        """
        nodes, given = x.shape[0], self._ends(x, edge_index)
        features = self.lin(x).reshape(nodes, self.heads, self.out_channels)  # (V, H, C)
        if self.add_self_loops:
            edge_index = _with_loops(edge_index, nodes)
        weights = self._attention(features, edge_index[0], edge_index[1], given)  # (E, H)
        messages = features.index_select(0, edge_index[0]) * weights.unsqueeze(-1)  # (E, H, C)
        output = F.aggregate(messages, edge_index[1], nodes)  # (V, H, C)
        output = output.flatten(1) if self.concat else output.mean(1)
        for more in (None if self.res is None else self.res(x), self.bias):
            output = output if more is None else output + more
        return (output, (edge_index, weights)) if return_attention_weights else output

    def _attention(
        self, features: Tensor, source: Tensor, target: Tensor, given: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Return the weight of each edge in each head, (E, H)."""
        sent, received = (features * self.att_src).sum(-1), (features * self.att_dst).sum(-1)  # (V, H)
        scores = sent.index_select(0, source) + received.index_select(0, target)
        scores = F.leaky_relu(scores, self.negative_slope)
        if self.add_self_loops:  # those that were there are left out
            is_loop = koubai.cat(
                [given[0] == given[1], features.new_zeros(features.shape[0], dtype=koubai.bool)]
            )
            scores = koubai.where(is_loop.unsqueeze(1), float("-inf"), scores)
        weights = F.scatter_softmax(scores, target, features.shape[0])
        return F.dropout(weights, self.dropout, self.training)

    def extra_repr(self) -> str:
        """The sizes, and the number of heads."""
        return f"{self.in_channels}, {self.out_channels}, heads={self.heads}"


class GINConv(_GraphConv):
    """x' = nn((1 + ε) x + Σ neighbours' x) (Xu et al. 2019), which tells apart all that such layers can.

    Args:
        nn: the network for every node, usually of two linear layers.
        eps: ε, or where it starts.
        train_eps: whether it is learned.

    Shape:
        x (V, features), edge_index (2, E), output (V, features of `nn`); eps (1,).

    Example:
        >>> layer = nn.GINConv(nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)))
        >>> layer(koubai.ones(3, 3), koubai.tensor([[0, 1], [1, 2]])).shape
        koubai.Size([3, 2])
    """

    def __init__(self, nn: Module, eps: float = 0.0, train_eps: bool = False) -> None:
        super().__init__()
        self.nn = nn
        self.eps = (Parameter if train_eps else Buffer)(koubai.tensor([float(eps)]))

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Apply the layer.

        Raises:
            RuntimeError: if shapes do not fit.
            IndexError: if an edge names a node that is not there.
        """
        return self.nn((1 + self.eps) * x + self._from_neighbours(x, edge_index))  # type: ignore[no-any-return]
