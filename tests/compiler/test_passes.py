"""After every pass of the compiler the kernels still compute what the graph says."""

from __future__ import annotations

import numpy as np
import pytest

import koubai
from koubai import nn
from koubai.compiler.build import Roles, build
from koubai.compiler.checking.interpret import Checker, InArena, run_phases
from koubai.compiler.graph.channels_last import with_channels_last
from koubai.compiler.graph.simplify import simplify
from koubai.compiler.profile.explain import explain
from koubai.compiler.runtime.target import current
from koubai.ops.call import inlined
from koubai.ops.graph import interpret
from koubai.ops.op import Kind

from .differential import traced

PASSES = [
    "lower",
    "arrange",
    "fuse",
    "spread",
    "straighten",
    "pool",
    "prologue in tiles",
    "strips",
    "prologue in strips",
    "write in place",
]


def known(function, arguments):
    """Return the graph of a step, its roles and the values of its inputs."""
    step = traced(function, arguments)
    program = step.program
    values = {s: np.asarray(t.payload) for s, t in zip(program.arguments, arguments)}
    values.update((s, np.asarray(t.payload)) for t, s in program.captured.items())
    values.update((s, np.asarray(host(), np.float64)) for host, s in program.hosts.items())
    return program.graph, step.roles, values


def blueprint_of(function, arguments):
    graph, roles, _ = known(function, arguments)
    return build(graph, roles, current(), 2)


def checker_of(graph, roles, values):
    named = {}
    for home, symbols in (("argument", roles.arguments), ("number", roles.numbers), ("state", roles.states)):
        named.update({f"{home}{n}": values[s] for n, s in enumerate(symbols)})
    with np.errstate(all="ignore"):
        return Checker(named, interpret(graph, [values[s] for s in graph.inputs]))


def check(graph, roles, values, threads=2):
    checker = checker_of(graph, roles, values)
    last = {}
    blueprint = build(
        graph, roles, current(), threads, watch=lambda *told: (checker(*told), last.update(told[3]))
    )
    assert checker.passed == PASSES
    memory = InArena(blueprint.plan)
    checker.fill(memory, [kernel for phase in blueprint.phases for kernel in phase.kernels])
    run_phases(blueprint.phases, memory, pieces=3)
    checker.compare("phases and memory", memory, last)


def computing(graph):
    """How many ops are more than another view of something."""
    return sum(node.op.kind is not Kind.MOVEMENT for node in graph.nodes)


def test_every_pass_keeps_what_a_step_computes(workload):
    function, arguments = workload
    check(*known(function, arguments))


def test_simplification_keeps_what_a_step_computes(workload):
    function, arguments = workload
    graph, _, values = known(function, arguments)
    inputs = [values[s] for s in graph.inputs]
    graph = inlined(graph)
    smaller = simplify(with_channels_last(simplify(graph)))
    assert computing(smaller) <= computing(graph)
    for before, after in zip(interpret(graph, inputs), interpret(smaller, inputs), strict=True):
        np.testing.assert_allclose(before, after, rtol=1e-4, atol=1e-6)


def classifier():
    """Channels lie innermost in the pooling, and outermost in the columns of the linear layer."""
    return nn.Sequential(
        nn.Conv2d(4, 16, 3, padding=1), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16 * 8 * 8, 10)
    )


LAYERS = {
    "classifier": (classifier, (8, 4, 16, 16)),
    "Linear with few features": (lambda: nn.Linear(64, 10), (32, 64)),
    "Conv1d": (lambda: nn.Conv1d(4, 6, 3, padding=2, dilation=2), (2, 4, 11)),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1), (2, 3, 5, 5)),
    "grouped Conv2d": (lambda: nn.Conv2d(4, 8, 3, groups=2), (2, 4, 7, 7)),
    "AvgPool2d": (lambda: nn.AvgPool2d(3, 2, padding=1), (2, 3, 8, 8)),
    "MaxPool2d": (lambda: nn.MaxPool2d(3, 2, padding=1), (2, 3, 8, 8)),
    "LayerNorm": (lambda: nn.LayerNorm(17), (3, 17)),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), (3, 4, 6)),
    "GELU": (lambda: nn.GELU(), (5, 19)),
    "Softmax": (lambda: nn.Softmax(dim=1), (4, 9, 3)),
    "GRU": (lambda: nn.GRU(4, 5), (6, 2, 4)),
    "Upsample": (lambda: nn.Upsample(scale_factor=2, mode="nearest"), (1, 2, 3, 3)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_every_pass_keeps_what_a_layer_and_its_gradient_compute(name):
    koubai.manual_seed(0)
    make, shape = LAYERS[name]
    layer, x = make(), koubai.randn(shape, requires_grad=True)

    def gradients(x):
        out = layer(x)
        out = out[0] if isinstance(out, tuple) else out
        found = koubai.autograd.grad((out * out).sum(), [x, *layer.parameters()])
        return (out, *found)

    check(*known(gradients, (x,)))


def test_a_broken_pass_is_named(small_step):
    graph, roles, values = known(*small_step)
    checker = checker_of(graph, roles, values)
    checker.expected = [array + 1 if array.dtype.kind == "f" else array for array in checker.expected]
    with pytest.raises(RuntimeError, match="after the pass 'lower', output 0"):
        build(graph, roles, current(), 1, watch=checker)


def test_a_graph_without_roles(small_step):
    function, arguments = small_step
    graph, _, values = known(function, arguments)
    check(graph, Roles(list(graph.inputs), [], [], list(range(len(graph.outputs))), []), values)


def test_numbers_side_by_side_are_stored_one_by_one():
    """Of each element nobody asks which number it is: the code grows with their number, not with its square."""
    x = koubai.randn(40, 8)

    def numbers(x):
        return koubai.stack([row.square().sum() for row in x])

    step = koubai.compile(numbers)
    np.testing.assert_allclose(step(x).numpy(), numbers(x).numpy(), rtol=1e-6)
    assert "in range" not in explain(step, x).after("lower")


def test_arrays_that_lie_across_the_vectors_of_a_kernel_are_transposed_for_it():
    model, x = classifier(), koubai.randn(8, 4, 16, 16)

    @koubai.compile
    def gradients(x):
        return koubai.autograd.grad(model(x).square().mean(), [*model.parameters()])

    expected = gradients.function(x)
    for got, wanted in zip(gradients(x), expected, strict=True):
        np.testing.assert_allclose(got.numpy(), wanted.numpy(), rtol=1e-3, atol=1e-6)
    passes = explain(gradients, x)
    assert ".t[" in passes.after("straighten")
    assert ".t[" not in passes.after("fuse")


def test_rows_of_a_large_factor_do_not_lie_in_the_same_places_of_a_cache():
    """They would if their length were a power of two; what the caller gives stays as it is."""

    def gaps(columns):
        @koubai.compile
        def product(a, b):
            return a.T @ koubai.cumsum(b, 0)

        a, b = koubai.randn(128, 96), koubai.randn(128, columns)
        np.testing.assert_allclose(
            product(a, b).numpy(), product.function(a, b).numpy(), rtol=1e-3, atol=1e-4
        )
        touched = {
            b
            for phase in blueprint_of(product.function, [a, b]).phases
            for k in phase.kernels
            for b in k.buffers
        }
        return {buffer.gap for buffer in touched if buffer.shape == (128, columns)}

    assert gaps(512) == {0, 16}
    assert gaps(500) == {0}


def test_a_layer_behind_an_embedding_works_on_its_table():
    """It multiplies, adds its bias and sums gradients for each word of the vocabulary, not for each of the text."""
    embedding, layer, x = nn.Embedding(11, 8), nn.Linear(8, 16), koubai.randint(0, 11, (64, 5))

    @koubai.compile
    def gradients(x):
        parameters = [*embedding.parameters(), *layer.parameters()]
        return koubai.autograd.grad(layer(embedding(x)).sin().sum(), parameters)

    for got, wanted in zip(gradients(x), gradients.function(x), strict=True):
        np.testing.assert_allclose(got.numpy(), wanted.numpy(), rtol=1e-4, atol=1e-5)
    lines = explain(gradients, x).after("simplify").splitlines()
    worked = [
        line for line in lines if any(f" {op}(" in line for op in ("matmul", "add", "sum", "index_add"))
    ]
    assert len(worked) == 6
    assert not any("[64, 5" in line or "[320" in line for line in worked)


def test_the_gradient_of_a_loss_is_put_at_each_class_without_a_scatter():
    """A language model's predictions are large: zeros as large are neither stored nor read again."""
    scores = koubai.randn(6, 11, requires_grad=True)
    classes = koubai.tensor([3, 0, 10, -100, 3, 7])

    @koubai.compile
    def gradient(scores, classes):
        return koubai.autograd.grad(nn.functional.cross_entropy(scores, classes), scores)[0]

    wanted = gradient.function(scores, classes).numpy()
    np.testing.assert_allclose(gradient(scores, classes).numpy(), wanted, rtol=1e-5, atol=1e-7)
    assert "index_add" not in explain(gradient, scores, classes).after("simplify")


def test_numbers_that_share_a_row_are_still_scattered():
    x, places = koubai.randn(6, 11, requires_grad=True), koubai.randint(0, 11, (6, 2))

    @koubai.compile
    def gradient(x, places):
        return koubai.autograd.grad(x.gather(1, places).square().sum(), x)[0]

    wanted = gradient.function(x, places).numpy()
    np.testing.assert_allclose(gradient(x, places).numpy(), wanted, rtol=1e-5)
    assert "index_add" in explain(gradient, x, places).after("simplify")


def test_few_columns_become_rows_where_that_fills_vectors():
    """The gradient of a classifier's weight has as many columns as classes, or as features."""
    layer, x = nn.Linear(64, 10), koubai.randn(32, 64)

    @koubai.compile
    def gradient(x):
        return koubai.autograd.grad(layer(x).square().mean(), layer.weight)[0]

    np.testing.assert_allclose(gradient(x).numpy(), gradient.function(x).numpy(), rtol=1e-4, atol=1e-6)
    products = [line for line in str(explain(gradient, x)).splitlines() if " product " in line]
    assert any("10×64 over" in line for line in products)
