"""From nodes to graphs: what a graph's nodes have in sum, on average, at most, or weighted by attention.

Several graphs are one graph whose parts no edge joins; `batch`, (V,), says to which of them each node belongs. Names
are PyTorch Geometric's.
"""

from __future__ import annotations

import koubai
from koubai.engine.tensor import Tensor
from koubai.nn import functional as F
from koubai.nn.module import Module

__all__ = ["AttentionalAggregation", "global_add_pool", "global_max_pool", "global_mean_pool"]


def global_add_pool(x: Tensor, batch: Tensor | None = None, size: int | None = None) -> Tensor:
    """Add up the nodes of each graph.

    Args:
        x: (V, features).
        batch: the graph of each node, integers (V,); without it there is one graph.
        size: the number of graphs; by default as many as `batch` names, which needs its values.

    Returns:
        (graphs, features).

    Example:
        >>> nn.global_add_pool(koubai.ones(3, 2), koubai.tensor([0, 1, 1]))
        tensor([[1., 1.],
                [2., 2.]])
    """
    return _pooled(x, batch, size, "sum")


def global_mean_pool(x: Tensor, batch: Tensor | None = None, size: int | None = None) -> Tensor:
    """Take the mean of the nodes of each graph; arguments are `global_add_pool`'s."""
    return _pooled(x, batch, size, "mean")


def global_max_pool(x: Tensor, batch: Tensor | None = None, size: int | None = None) -> Tensor:
    """Take the largest of the nodes of each graph, feature by feature; arguments are `global_add_pool`'s."""
    return _pooled(x, batch, size, "max")


def _pooled(x: Tensor, batch: Tensor | None, size: int | None, reduce: str) -> Tensor:
    return F.aggregate(x, *_graphs(x, batch, size), reduce)


def _graphs(x: Tensor, batch: Tensor | None, size: int | None) -> tuple[Tensor, int | None]:
    """Return the graph of each node, and the number of graphs, if it is known."""
    return (x.new_zeros(x.shape[0], dtype=koubai.int64), 1) if batch is None else (batch, size)


class AttentionalAggregation(Module):
    """Σ softmax(gate_nn(x)) · nn(x) over the nodes of each graph (Li et al. 2016; 2019).

    Args:
        gate_nn: gives each node a score, or one for every feature of `nn`.
        nn: applied to the nodes before; by default they stay as they are.

    Shape:
        x (V, features), index (V,), output (graphs, features).

    Example:
        >>> pool = nn.AttentionalAggregation(nn.Linear(4, 1))
        >>> pool(koubai.ones(3, 4), koubai.tensor([0, 0, 1])).shape
        koubai.Size([2, 4])
    """

    nn: Module | None

    def __init__(self, gate_nn: Module, nn: Module | None = None) -> None:
        super().__init__()
        self.gate_nn = gate_nn
        self.add_module("nn", nn)

    def forward(self, x: Tensor, index: Tensor | None = None, dim_size: int | None = None) -> Tensor:
        """Pool the nodes; `index` and `dim_size` are the `batch` and `size` of `global_add_pool`."""
        batch, size = _graphs(x, index, dim_size)
        weights = F.scatter_softmax(self.gate_nn(x), batch, size)  # (V, 1) or (V, features)
        features = x if self.nn is None else self.nn(x)
        return F.aggregate(weights * features, batch, size)
