"""Convolutions by Winograd's method: the same results as plain sums, for all shapes, and only where it is faster."""

from __future__ import annotations

import numpy as np
import pytest

import koubai
from koubai import nn, optim
from koubai.compiler.build import Roles, build
from koubai.compiler.checking.verify import in_float64
from koubai.compiler.language.kernel import Contraction
from koubai.compiler.llvm import winograd, winograd_weights
from koubai.compiler.llvm.bodies import body_of
from koubai.compiler.llvm.driver import every_kernel
from koubai.compiler.llvm.winograd import WinogradFunction
from koubai.compiler.llvm.winograd_weights import WinogradWeightsFunction
from koubai.compiler.runtime import available, target
from koubai.compiler.schedule import partition
from koubai.nn import functional as F
from koubai.ops.graph import interpret

from .differential import check_graph, run_natively

if not available():
    pytest.skip("LLVM makes no code for this machine", allow_module_level=True)

SHAPES = {  # images, input channels, rows, columns, output channels, padding
    "even": (3, 16, 8, 8, 16, 1),
    "odd": (2, 16, 7, 7, 32, 1),
    "odd rows": (2, 20, 5, 8, 16, 1),
    "odd columns": (2, 16, 8, 15, 20, 1),
    "one image": (1, 48, 6, 6, 48, 1),
    "many channels": (2, 64, 7, 5, 65, 1),
    "ragged channels": (2, 65, 4, 4, 17, 1),
    "no padding": (2, 16, 9, 8, 16, 0),
    "wide padding": (2, 16, 5, 6, 16, 2),
    "smallest": (1, 16, 4, 4, 16, 0),
    "several blocks": (1, 16, 6, 6, 200, 1),
    "several strips": (9, 16, 9, 12, 16, 1),
}


@pytest.fixture
def always(monkeypatch):
    """Use Winograd's method wherever it can be used."""
    monkeypatch.setattr(winograd, "pays", lambda *_: True)
    monkeypatch.setattr(winograd_weights, "weights_pay", lambda *_: True)


def traced(function, *arguments):
    """Return the graph of a function and the arrays that it is called with."""
    function(*arguments)
    program = koubai.trace(function, *arguments)
    return program.graph, [np.asarray(x) for x in program._inputs(list(arguments))]


def uses(graph, chosen=None):
    """Return how many kernels of a graph, convolutions and weight gradients, are written by Winograd's method."""
    chosen = chosen or target.current()
    roles = Roles(list(graph.inputs), [], [], list(range(len(graph.outputs))), [])
    phases = build(graph, roles, chosen, 1).phases
    kinds = WinogradFunction, WinogradWeightsFunction
    return sum(isinstance(body_of(k, chosen, 1), kinds) for k in every_kernel(phases))


def image(*shape, seed=0):
    return koubai.tensor(np.random.default_rng(seed).normal(size=shape).astype("f4"))


def convolution(c, o, **settings):
    koubai.manual_seed(0)
    return nn.Conv2d(c, o, settings.pop("kernel", 3), **settings)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_forward(always, shape, threads):
    n, c, h, w, o, padding = SHAPES[shape]
    before, layer = convolution(c, c, kernel=1), convolution(c, o, padding=padding)
    graph, inputs = traced(lambda x: layer(before(x)), image(n, c, h, w))
    assert uses(graph) == 1
    check_graph(graph, inputs, threads)


@pytest.mark.parametrize("shape", ["even", "odd", "several strips"])
def test_what_follows_is_done_at_once(always, shape):
    n, c, h, w, o, padding = SHAPES[shape]
    layer = convolution(c, o, padding=padding)

    def function(x, y):
        found = F.relu(layer(x)) * y
        return F.max_pool2d(found, 2), found.sum(1)

    graph, inputs = traced(function, image(n, c, h, w), image(n, o, h, w, seed=1))
    assert uses(graph) == 1
    check_graph(graph, inputs, 2)


def gradients(shape):
    """Return a convolution between two layers with all its gradients, traced."""
    n, c, h, w, o, padding = SHAPES[shape]
    before, layer = convolution(c, c, kernel=1), convolution(c, o, padding=padding)

    def function(x):
        x = x.detach().requires_grad_()
        (layer(before(x)) ** 2).sum().backward()
        return x.grad, layer.weight.grad, layer.bias.grad

    return traced(function, image(n, c, h, w))


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients(always, shape, threads):
    graph, inputs = gradients(shape)
    assert uses(graph) == 3
    check_graph(graph, inputs, threads)


POOLINGS = {
    "max": lambda x: F.max_pool2d(F.relu(x), 2),
    "mean": lambda x: F.avg_pool2d(x, 2),
    "every second": lambda x: x[:, :, ::2, ::2] * 2,
    "wide": lambda x: F.max_pool2d(x, 3, stride=2, padding=1),
    "rows": lambda x: F.max_pool2d(x, (2, 1)),
    "kept": lambda x: (F.max_pool2d(x, 2), x),
    "twice": lambda x: F.max_pool2d(x, 2) + F.avg_pool2d(x, 2),
}


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("shape", ["even", "one image", "odd", "ragged channels", "odd columns"])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_what_is_pooled_two_by_two_is_never_stored(always, pooling, shape, threads):
    n, c, h, w, o, padding = SHAPES[shape]
    layer, before, after = convolution(c, o, padding=padding), *(convolution(i, i, kernel=1) for i in (c, o))

    def function(x):
        pooled = POOLINGS[pooling](layer(before(x)))
        return (after(pooled[0]), pooled[1]) if pooling == "kept" else after(pooled)

    graph, inputs = traced(function, image(n, c, h, w))
    roles = Roles(list(graph.inputs), [], [], list(range(len(graph.outputs))), [])
    kernels = every_kernel(build(graph, roles, target.current(), threads).phases)
    windows = [kernel.window for kernel in kernels if isinstance(kernel, Contraction) and kernel.window]
    at_once = pooling not in ("wide", "rows", "kept") and h % 2 == w % 2 == 0
    assert len(windows) == at_once
    check_graph(graph, inputs, threads)


def test_a_nan_and_equal_maxima_are_pooled_as_they_are_eagerly(always):
    layer = convolution(16, 16, padding=1)
    x = image(2, 16, 8, 8)
    x[0, 3, 2, 2] = float("nan")
    x[1] = 0.0  # all results are the bias

    def pooled(x):
        return F.max_pool2d(layer(x), 2, return_indices=True)

    with koubai.no_grad():
        for found, wanted in zip(koubai.compile(pooled)(x), pooled(x), strict=True):
            np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_training_with_pooling(always, threads):
    koubai.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(3, 20, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(20, 16, 3, padding=1), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(64, 5)),
    )

    def gradients(x, y):
        loss = F.cross_entropy(model(x), y)
        return loss, *koubai.autograd.grad(loss, list(model.parameters()))

    graph, inputs = traced(gradients, image(4, 3, 8, 8), koubai.tensor([0, 4, 2, 1]))
    check_graph(graph, inputs, threads)


@pytest.mark.parametrize(
    ("shape", "threads"),
    [("odd", 2), ("odd rows", 2), ("odd columns", 2), ("ragged channels", 2), ("several strips", 3)],
)
def test_each_thread_sums_its_own_images(always, monkeypatch, shape, threads):
    monkeypatch.setattr(partition, "MEETING", -1.0)  # as if more phases made a step faster
    n, c, h, w, o, padding = SHAPES[shape]
    layer = convolution(c, o, padding=padding, bias=False)

    def gradient(x, weights):
        return koubai.autograd.grad((layer(x) * weights).sum(), [layer.weight])

    weights = image(*layer(image(n, c, h, w)).shape, seed=1)
    graph, inputs = traced(gradient, image(n, c, h, w), weights)
    roles = Roles(list(graph.inputs), [], [], [0], [])
    kernels = every_kernel(build(graph, roles, target.current(), threads).phases)
    bodies = [body_of(kernel, target.current(), threads) for kernel in kernels]
    (found,) = (body for body in bodies if isinstance(body, WinogradWeightsFunction))
    assert found.cut.sizes.parts == threads
    check_graph(graph, inputs, threads)


@pytest.mark.parametrize("name", ["x86-64", "x86-64-v3", "x86-64-v4", "aarch64"])
@pytest.mark.parametrize("shape", ["even", "odd", "many channels"])
def test_other_processors(always, monkeypatch, name, shape):
    graph, inputs = gradients(shape)
    chosen, host = target.named(name), target.host()
    assert uses(graph, chosen) == 3
    if chosen.architecture == host.architecture and chosen.lanes_bytes <= host.lanes_bytes:
        monkeypatch.setenv("KOUBAI_TARGET", name)
        check_graph(graph, inputs, 2)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_training(always, threads):
    x, y = image(4, 16, 9, 9), koubai.tensor(np.arange(4) % 3)

    def model():
        koubai.manual_seed(0)
        layers = [nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        layers += [nn.Conv2d(32, 20, 3, padding=1, bias=False), nn.BatchNorm2d(20), nn.ReLU()]
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(20 * 16, 3))

    def losses(compiled):
        found = model()
        optimizer = optim.SGD(found.parameters(), lr=0.01, momentum=0.9)

        def step(x, y):
            optimizer.zero_grad()
            loss = F.cross_entropy(found(x), y)
            loss.backward()
            optimizer.step()
            return loss

        run = koubai.compile(step) if compiled else step
        return [run(x, y).item() for _ in range(6)]

    before = koubai.get_num_threads() if hasattr(koubai, "get_num_threads") else 1
    koubai.set_num_threads(threads)
    try:
        np.testing.assert_allclose(losses(True), losses(False), rtol=1e-4)
    finally:
        koubai.set_num_threads(before)


def test_errors_are_those_of_plain_sums(monkeypatch):
    layer, shape = convolution(32, 48, padding=1), (4, 32, 14, 14)

    def function(x, g):
        x = x.detach().requires_grad_()
        y = layer(x)
        (y * g).sum().backward()
        return y, x.grad, layer.weight.grad

    graph, inputs = traced(function, image(*shape), image(4, 48, 14, 14, seed=1))
    exact = interpret(in_float64(graph), [x.astype(np.float64) for x in inputs])
    assert uses(graph) == 3
    fast = errors(run_natively(graph, inputs), exact)
    monkeypatch.setattr(winograd, "pays", lambda *_: False)
    monkeypatch.setattr(winograd_weights, "weights_pay", lambda *_: False)
    assert uses(graph) == 0
    assert all(a < 5 * b for a, b in zip(fast, errors(run_natively(graph, inputs), exact)))


def errors(results, exact):
    return [np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in zip(results, exact)]


@pytest.mark.parametrize(
    "settings",
    [
        {"stride": 2},
        {"dilation": 2},
        {"groups": 2},
        {"kernel": 5},
        {"kernel": (3, 1)},
        {"dtype": koubai.float64},
    ],
)
def test_other_convolutions_are_plain_sums(always, settings):
    x = image(2, 32, 12, 12)
    graph, inputs = traced(convolution(32, 32, **settings), x.to(settings.get("dtype", koubai.float32)))
    assert uses(graph) == 0
    check_graph(graph, inputs)


@pytest.mark.parametrize(
    ("shape", "chosen"), [((64, 14, 32, 64), 1), ((8, 8, 64, 64), 1), ((8, 16, 4, 8), 0)]
)
def test_it_is_used_where_it_is_faster(shape, chosen):
    n, side, c, o = shape
    graph, _ = traced(convolution(c, o, padding=1), image(n, c, side, side))
    assert uses(graph) == chosen


def test_it_can_be_turned_off(always, monkeypatch):
    """Then infinity stays what it is, as in eager, and code that was kept on disk for the other way is not taken."""
    layers = nn.Sequential(convolution(16, 16, kernel=1), convolution(16, 16, padding=1))
    with koubai.no_grad():
        for layer in layers:
            layer.weight.fill_(0.1)
    x, found = np.zeros((1, 16, 8, 8), np.float32), []
    x[0, 3, 2, 2] = np.inf
    for choice in ("on", "off"):
        monkeypatch.setenv("KOUBAI_WINOGRAD", choice)
        compiled = koubai.compile(layers.__call__, verify=False)
        found.append(compiled(koubai.tensor(x)).detach().numpy())
    winograd_s, direct = found
    eager = layers(koubai.tensor(x)).detach().numpy()
    np.testing.assert_allclose(direct, eager, rtol=1e-4)
    np.testing.assert_array_equal(np.isfinite(winograd_s), np.isfinite(eager))
    assert np.isinf(eager).any()
    assert np.isnan(winograd_s).any()
