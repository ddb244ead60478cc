"""What is made again instead of kept: by the compiler's own choice, and where `checkpoint` asks for it."""

from __future__ import annotations

import numpy as np

import koubai
from koubai import nn, optim
from koubai.compiler.graph import recompute
from koubai.compiler.graph.simplify import simplify
from koubai.nn import functional as F
from koubai.ops.graph import interpret
from koubai.utils.checkpoint import checkpoint


def trained(blocks, x, use_checkpoint, compiled=True, steps=4):
    """Train residual blocks; return the losses, the weights, and the compiled step's memory."""
    model = nn.ModuleList(blocks)
    optimizer = optim.SGD(model.parameters(), lr=0.05)

    def step(x):
        optimizer.zero_grad()
        for block in model:
            x = x + (checkpoint(block, x) if use_checkpoint else block(x))
        loss = x.square().mean()
        loss.backward()
        optimizer.step()
        return loss

    run = koubai.compile(step) if compiled else step
    losses = [run(x).item() for _ in range(steps)]
    weights = [p.detach().numpy() for p in model.parameters()]
    return losses, weights, run.report.arena_bytes if compiled else 0


def blocks(count=6, dropout=0.0):
    koubai.manual_seed(0)
    return [
        nn.Sequential(nn.Linear(32, 256), nn.Tanh(), nn.Dropout(dropout), nn.Linear(256, 32))
        for _ in range(count)
    ]


def test_checkpoint_saves_memory_in_a_compiled_step():
    x = koubai.randn(256, 32)
    losses, weights, memory = trained(blocks(), x, use_checkpoint=False)
    again, same, less = trained(blocks(), x, use_checkpoint=True)
    assert less < 0.75 * memory
    np.testing.assert_allclose(again, losses, rtol=1e-5)
    for a, b in zip(same, weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_checkpoint_draws_the_same_numbers_again():
    x = koubai.randn(64, 32)
    koubai.manual_seed(3)
    eager, _, _ = trained(blocks(2, 0.5), x, use_checkpoint=True, compiled=False)
    koubai.manual_seed(3)
    native, _, _ = trained(blocks(2, 0.5), x, use_checkpoint=True)
    np.testing.assert_allclose(native, eager, rtol=1e-5)


def test_checkpoint_counts_a_batch_once():
    def net():
        koubai.manual_seed(0)
        return [nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8))]

    x = koubai.randn(16, 8)
    statistics = []
    for compiled in (False, True):
        block = net()
        trained(block, x, use_checkpoint=True, compiled=compiled)
        statistics.append((block[0][1].running_mean.numpy(), block[0][1].num_batches_tracked.item()))
    assert statistics[0][1] == statistics[1][1] == 4
    np.testing.assert_allclose(statistics[1][0], statistics[0][0], rtol=1e-4, atol=1e-6)


def attention_step(length, heads=4, size=16, batch=4, layers=3):
    koubai.manual_seed(0)
    width = heads * size
    layers = [
        nn.TransformerEncoderLayer(width, heads, 2 * width, dropout=0.0, batch_first=True)
        for _ in range(layers)
    ]
    model = nn.Sequential(*layers)
    optimizer = optim.SGD(model.parameters(), lr=0.01)

    def step(x):
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    return step, koubai.randn(batch, length, width)


def test_attention_keeps_no_scores_for_the_backward_pass(monkeypatch):
    monkeypatch.setenv("KOUBAI_CACHE", "off")
    memory = {}
    for length in (256, 512):
        step, x = attention_step(length)
        native = koubai.compile(step)
        native(x)
        memory[length] = native.report.arena_bytes
    scores = 4 * 4 * 512 * 512 * 4
    assert memory[512] < 2.5 * memory[256]  # all that is kept grows with the length, not with its square
    assert memory[512] < 3 * scores  # of one layer; three layers have three times two such arrays


def test_what_is_made_again_has_the_same_values():
    step, x = attention_step(96, batch=2)
    step(x)
    program = koubai.trace(step, x)
    graph = simplify(program.graph)
    values = {s: np.asarray(t.payload) for s, t in zip(program.arguments, [x])}
    values.update((s, np.asarray(t.payload)) for t, s in program.captured.items())
    values.update((s, np.asarray(host(), np.float64)) for host, s in program.hosts.items())
    more = recompute.with_recomputation(graph, cache=1 << 12)
    assert len(more.nodes) > len(graph.nodes)
    inputs = [values[s] for s in graph.inputs]
    for a, b in zip(interpret(more, inputs), interpret(graph, inputs), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_fits_the_cache_is_kept():
    step, x = attention_step(96, batch=2)
    step(x)
    graph = simplify(koubai.trace(step, x).graph)
    assert recompute.with_recomputation(graph, cache=1 << 30) is graph


def test_a_layer_whose_sums_are_long_is_kept_for_the_backward_pass():
    """Adding up 128 products for each number again would take longer than to write and read it."""
    koubai.manual_seed(0)
    model = nn.Sequential(nn.Linear(128, 512), nn.GELU(), nn.Linear(512, 128), nn.Linear(128, 128))

    def step(x):
        loss = model(x).square().mean()
        loss.backward()
        return loss

    graph = simplify(koubai.trace(step, koubai.randn(512, 128)).graph)
    assert recompute.with_recomputation(graph, cache=1 << 16) is graph


def test_dropout_of_attention_has_the_same_mask_in_both_passes():
    """A mask that was drawn anew for the backward pass would give a wrong gradient of the values."""
    koubai.manual_seed(0)
    q, k, v = (koubai.randn(2, 2, 300, 8) for _ in range(3))

    def gradients(q, k, v):
        q, k, v = (x.detach().requires_grad_() for x in (q, k, v))
        out = F.scaled_dot_product_attention(q, k, v, dropout_p=0.5)
        for _ in range(4):  # products between the two passes
            out = out @ out.transpose(-1, -2) @ out * 1e-2
        return koubai.autograd.grad(out.sum(), [q, k, v])

    koubai.manual_seed(5)
    expected = gradients(q, k, v)
    koubai.manual_seed(5)
    found = koubai.compile(gradients)(q, k, v)
    for a, b in zip(found, expected, strict=True):
        scale = np.abs(b.numpy()).max()
        np.testing.assert_allclose(a.numpy() / scale, b.numpy() / scale, atol=1e-4)
