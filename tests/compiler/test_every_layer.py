"""Layers, losses and the recipes' models in float32, forward and backward, as native code.

In float64 the tests of each of them compile it too, see `differential.check_compiled`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import koubai
from koubai import Tensor, nn
from koubai import models as networks
from koubai.compiler.graph.channels_last import with_channels_last
from koubai.compiler.graph.simplify import simplify
from koubai.compiler.lower.choice import is_host
from koubai.compiler.runtime import available
from koubai.nn import functional as F
from koubai.nn.utils import rnn
from koubai.ops.call import inlined
from koubai.ops.graph import Graph
from koubai.recipes import models

from .differential import check_graph

if not available():
    pytest.skip("LLVM makes no code for this machine", allow_module_level=True)


def real(*shape: int) -> Tensor:
    """Normal numbers."""
    return koubai.randn(*shape).requires_grad_()


def whole(limit: int, *shape: int) -> Tensor:
    """Whole numbers below a limit."""
    return koubai.randint(0, limit, shape)


class Called(nn.Module):
    """A layer whose last inputs are given by name, and some options."""

    def __init__(self, layer: nn.Module, *names: str, **options: Any) -> None:
        super().__init__()
        self.layer, self.names, self.options = layer, names, options

    def forward(self, *inputs: Tensor) -> Any:
        first = len(inputs) - len(self.names)
        return self.layer(*inputs[:first], **dict(zip(self.names, inputs[first:])), **self.options)


class PackedGRU(nn.GRU):
    """A layer on sequences of different lengths, given by the parts of a packed sequence."""

    def forward(self, *parts: Tensor) -> Any:  # type: ignore[override]
        output, last = super().forward(rnn.PackedSequence(*parts))
        return output.data, last


EDGES = koubai.tensor([[0, 1, 1, 2, 4, 2, 0], [1, 0, 2, 1, 3, 2, 4]])
CASES: dict[str, Callable[[], tuple[Any, ...]]] = {
    "bilinear": lambda: (nn.Bilinear(3, 4, 5), real(6, 3), real(6, 4)),
    "embedding": lambda: (nn.Embedding(10, 4, padding_idx=0, scale_grad_by_freq=True), whole(10, 5, 3)),
    "embedding with a largest norm": lambda: (nn.Embedding(10, 4, max_norm=1.0), whole(10, 5, 3)),
    "bag": lambda: (nn.EmbeddingBag(10, 4, mode="max"), whole(10, 5, 3)),
    "RNN": lambda: (nn.RNN(3, 17), real(5, 2, 3)),
    "GRU": lambda: (nn.GRU(3, 4, num_layers=2), real(5, 2, 3)),
    "LSTM": lambda: (nn.LSTM(3, 4, bidirectional=True), real(5, 2, 3)),
    "lengths": lambda: (
        Called(nn.LSTM(3, 4, 2, bidirectional=True), "lengths"),
        real(5, 3, 3),
        koubai.tensor([5, 0, 3]),
    ),
    "packed": lambda: (
        PackedGRU(3, 4),
        real(6, 3),
        *(koubai.tensor(numbers) for numbers in ([3, 2, 1], [1, 2, 0], [2, 0, 1])),
    ),
    "one time": lambda: (nn.LSTM(3, 4), real(1, 2, 3)),
    "transformer": lambda: (nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0), real(5, 2, 8)),
    "attention": lambda: (
        Called(
            nn.MultiheadAttention(8, 2, 0.3, add_bias_kv=True, add_zero_attn=True, kdim=5, vdim=6),
            "key_padding_mask",
            "attn_mask",
            average_attn_weights=False,
        ),
        *(real(length, 2, width) for length, width in ((3, 8), (4, 5), (4, 6))),
        koubai.tensor([[False] * 4, [False, False, True, True]]),
        koubai.randn(3, 4),
    ),
    "decoder": lambda: (
        Called(nn.TransformerDecoderLayer(8, 2, 16, norm_first=True), "tgt_mask", tgt_is_causal=True),
        real(3, 2, 8),
        real(4, 2, 8),
        nn.Transformer.generate_square_subsequent_mask(3),
    ),
    "whole transformer": lambda: (
        nn.Transformer(8, 2, 1, 1, 16, activation="gelu"),
        real(4, 2, 8),
        real(3, 2, 8),
    ),
    "cells": lambda: (nn.LSTMCell(3, 4), real(2, 3)),
    "sinusoidal positions": lambda: (Called(nn.SinusoidalPositions(6), "start"), real(5, 2, 6), whole(9)),
    "learned positions": lambda: (nn.LearnedPositions(6, 9, batch_first=True), real(2, 5, 6)),
    "rotary positions": lambda: (Called(nn.RotaryPositions(6), "start"), real(2, 3, 5, 6), whole(9)),
    "GCN": lambda: (nn.GCNConv(3, 2), real(5, 3), EDGES, koubai.rand(7)),
    "SAGE": lambda: (nn.SAGEConv(3, 2, "max", normalize=True), real(5, 3), EDGES),
    "GAT": lambda: (nn.GATConv(3, 4, heads=2, residual=True), real(5, 3), EDGES),
    "GIN": lambda: (nn.GINConv(nn.Linear(3, 2), train_eps=True), real(5, 3), EDGES),
    "attention over a graph": lambda: (
        Called(nn.AttentionalAggregation(nn.Linear(3, 1)), dim_size=3),
        real(6, 3),
        whole(3, 6),
    ),
    "mean over graphs": lambda: (
        lambda x, batch: nn.global_mean_pool(x, batch, 3) + nn.global_max_pool(x, batch, 3),
        real(6, 3),
        whole(3, 6),
    ),
    "separable": lambda: (nn.SeparableConv2d(6, 8, 3, padding=1), real(2, 6, 7, 7)),
    "separable sequences": lambda: (nn.SeparableConv1d(6, 8, 5, 2, 2), real(2, 6, 9)),
    "squeeze and excitation": lambda: (nn.SqueezeExcitation(8, 2), real(2, 8, 5, 5)),
    "basic block": lambda: (networks.BasicBlock(8, 8), real(2, 8, 6, 6)),
    "bottleneck": lambda: (networks.Bottleneck(16, 4), real(2, 16, 6, 6)),
    "small ResNet": lambda: (
        networks.ResNet(networks.BasicBlock, (1, 1), 3, widths=(8, 16), small_images=True),
        real(2, 3, 8, 8),
    ),
    "ResNet": lambda: (
        networks.ResNet(networks.Bottleneck, (1, 1), 3, widths=(4, 8)),
        real(2, 3, 32, 32),
    ),
    "sound": lambda: (networks.ConvStack1d(1, (8, 8), (8, 3), (4, 1)), real(2, 1, 64)),
    "causal convolutions": lambda: (networks.TemporalConvNet(2, (8, 8)), real(2, 2, 9)),
    "autoencoder": lambda: (networks.DenoisingAutoencoder.dense(9, 6, 3, masking=0.2), real(4, 9)),
    "variational autoencoder": lambda: (
        networks.vae_loss,
        *(real(4, n) for n in (9, 3, 3)),
        koubai.rand(4, 9),
    ),
    "codes": lambda: (networks.VariationalAutoencoder.dense(9, 6, 3), real(4, 9)),
    "ratings": lambda: (networks.MatrixFactorization(7, 5, 3, 3.5), whole(7, 6), whole(5, 6)),
    "towers": lambda: (networks.TwoTower(nn.Linear(3, 4), nn.Linear(2, 4)), real(5, 3), real(6, 2)),
    "adaptive maximum": lambda: (nn.AdaptiveMaxPool2d((2, 3)), real(1, 2, 7, 8)),
    "adaptive mean": lambda: (nn.AdaptiveAvgPool2d(1), real(2, 3, 9, 9)),
    "large windows": lambda: (
        lambda x: F.max_pool2d(x, 7, 2, 3) + F.avg_pool2d(x, 7, 2, 3),
        real(1, 2, 9, 9),
    ),
    "large fold": lambda: (nn.Fold((9, 9), 7, padding=1), real(1, 2 * 49, 25)),
    "depthwise": lambda: (nn.Conv2d(18, 18, 3, groups=18, padding=1), real(2, 18, 6, 6)),
    "few channels in a group": lambda: (nn.Conv2d(8, 8, 3, groups=4, stride=2), real(2, 8, 6, 7)),
    "circular": lambda: (nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"), real(2, 4, 6, 6)),
    "transposed": lambda: (nn.ConvTranspose2d(4, 4, 2, padding=3), real(2, 4, 9, 9)),
    "bicubic": lambda: (nn.Upsample(scale_factor=2, mode="bicubic"), real(1, 2, 4, 4)),
    "batch norm": lambda: (nn.BatchNorm2d(3), real(4, 3, 5, 5)),
    "group norm": lambda: (nn.GroupNorm(2, 6), real(4, 6, 5)),
    "group norm of images": lambda: (
        nn.Sequential(
            nn.Conv2d(3, 48, 1), nn.GroupNorm(3, 48), nn.SiLU(), nn.Conv2d(48, 6, 3), nn.GroupNorm(3, 6)
        ),
        real(2, 3, 7, 6),
    ),
    "dropout": lambda: (nn.Sequential(nn.Dropout2d(0.3), nn.AlphaDropout(0.2)), real(6, 4, 3, 3)),
    "recipe's MLP": lambda: (models.mlp((1, 8, 8), 10, (33, 17), 0.2), real(5, 1, 8, 8)),
    "recipe's CNN": lambda: (models.cnn((1, 16, 16), 10, 32, 0.2), real(3, 1, 16, 16)),
}
LOSSES: dict[str, Callable[[], tuple[Any, ...]]] = {
    "L1": lambda: (nn.L1Loss(), real(6, 4), koubai.randn(6, 4)),
    "MSE": lambda: (nn.MSELoss(reduction="sum"), real(6, 4), koubai.randn(6, 4)),
    "Huber": lambda: (nn.HuberLoss(), real(6, 4), koubai.randn(6, 4)),
    "cross entropy": lambda: (nn.CrossEntropyLoss(label_smoothing=0.1), real(6, 4), whole(4, 6)),
    "weighted": lambda: (nn.CrossEntropyLoss(koubai.rand(4), ignore_index=2), real(6, 4), whole(4, 6)),
    "of pictures": lambda: (nn.CrossEntropyLoss(reduction="none"), real(2, 4, 3, 3), whole(4, 2, 3, 3)),
    "soft labels": lambda: (nn.CrossEntropyLoss(), real(6, 4), koubai.rand(6, 4)),
    "binary": lambda: (nn.BCEWithLogitsLoss(), real(6, 4), koubai.rand(6, 4)),
    "KL": lambda: (
        lambda x, y: F.kl_div(x.log_softmax(1), y, reduction="batchmean"),
        real(6, 4),
        koubai.rand(6, 4),
    ),
    "Poisson": lambda: (nn.PoissonNLLLoss(full=True), real(6, 4), koubai.rand(6, 4) * 5),
    "Gaussian": lambda: (nn.GaussianNLLLoss(), real(6, 4), koubai.randn(6, 4), koubai.rand(6, 4)),
    "margins": lambda: (nn.MultiMarginLoss(), real(6, 4), whole(4, 6)),
    "many labels": lambda: (nn.MultiLabelMarginLoss(), real(3, 4), koubai.tensor([[3, 0, -1, 1]] * 3)),
    "triplets": lambda: (nn.TripletMarginLoss(swap=True), real(6, 4), real(6, 4), real(6, 4)),
    "cosine": lambda: (nn.CosineEmbeddingLoss(), real(6, 4), real(6, 4), koubai.sign(koubai.randn(6))),
    "CTC": lambda: (
        lambda x: F.ctc_loss(
            x.log_softmax(2),
            koubai.tensor([[1, 2, 2], [1, 3, 1]]),
            koubai.tensor([8, 7]),
            koubai.tensor([3, 2]),
        ),
        real(8, 2, 5),
    ),
    "CTC, targets in a row": lambda: (
        lambda x, targets, lengths: F.ctc_loss(
            x.log_softmax(2), targets, koubai.tensor([8, 7, 3]), lengths, reduction="none", zero_infinity=True
        ),
        real(8, 3, 5),
        koubai.tensor([1, 2, 2, 3, 1, 4, 4, 4, 4, 2]),
        koubai.tensor([3, 2, 5]),  # the last one does not fit into its input
    ),
}


def on_the_host(graph: Graph) -> list[str]:
    """The ops that NumPy would run."""
    found = []
    for node in simplify(with_channels_last(simplify(inlined(graph)))).nodes:
        loop = node.attributes.get("loop")
        found += on_the_host(loop.body) if loop is not None else [node.op.name] if is_host(node) else []
    return found


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("name", [*CASES, *LOSSES])
def test_it_computes_what_eager_does_and_all_of_it_is_native(name: str, threads: int) -> None:
    koubai.manual_seed(1)
    layer, *inputs = (CASES | LOSSES)[name]()
    parameters = list(layer.parameters()) if isinstance(layer, nn.Module) else []

    def step(*values: Tensor) -> list[Tensor]:
        result = layer(*values)
        outputs = list(result) if isinstance(result, tuple) else [result]
        outputs = [x for x in outputs if isinstance(x, Tensor)]
        leaves = [x for x in values if x.requires_grad] + parameters
        return [*outputs, *koubai.grad(outputs[0].sin().sum(), leaves, materialize_grads=True)]

    program = koubai.trace(step, *inputs)
    assert on_the_host(program.graph) == []
    values = {s: np.asarray(x.payload) for s, x in zip(program.arguments, inputs)}
    values.update((s, np.asarray(x.payload)) for x, s in program.captured.items())
    values.update((s, np.asarray(host())) for host, s in program.hosts.items())
    check_graph(program.graph, [values[s] for s in program.graph.inputs], threads)


def test_a_step_of_generation_is_native() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    layer.self_attn.rotary = nn.RotaryPositions(4)
    cache = layer.self_attn.new_cache(2, 6)

    def step(x: Tensor) -> Tensor:
        with koubai.no_grad():
            return layer(x, cache=cache)  # type: ignore[no-any-return]

    assert on_the_host(koubai.trace(step, koubai.randn(2, 1, 8)).graph) == []


def test_greedy_decoding_is_native() -> None:
    lengths = koubai.tensor([6, 2])
    program = koubai.trace(F.ctc_greedy_decode, koubai.randn(6, 2, 4), lengths)
    assert on_the_host(program.graph) == []


@pytest.mark.parametrize("lengths", [[3, 2, 4], [9, 0, 0], [0, 0, 9], [2, 1, 0]])
@pytest.mark.parametrize("zero_infinity", [False, True])
def test_targets_of_any_length_go_through_one_compiled_ctc_loss(
    lengths: list[int], zero_infinity: bool
) -> None:
    loss = nn.CTCLoss(reduction="none", zero_infinity=zero_infinity)
    inputs = koubai.randn(8, 3, 6).log_softmax(-1), koubai.randint(1, 6, (9,)), koubai.tensor([8, 8, 6])
    compiled = koubai.compile(loss, max_compiles=1)
    for some in (lengths, [1, 1, 7]):
        expected = loss(*inputs, koubai.tensor(some)).numpy()
        np.testing.assert_allclose(compiled(*inputs, koubai.tensor(some)).numpy(), expected, rtol=1e-5)
    assert not compiled.falls_back
