"""Products whose factors are rounded to bfloat16 are what float64 makes of rounded factors, whatever their shapes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import koubai
from koubai import nn, optim
from koubai.compiler import export
from koubai.compiler.build import Roles, build
from koubai.compiler.checking.interpret import Checker
from koubai.compiler.checking.verify import in_float64
from koubai.compiler.graph.precision import with_precision
from koubai.compiler.key import text_of
from koubai.compiler.llvm import contraction_pair_tiles
from koubai.compiler.llvm.bodies import body_of
from koubai.compiler.llvm.driver import every_kernel
from koubai.compiler.llvm.products import ContractionFunction
from koubai.compiler.runtime import available, get_num_threads, target
from koubai.nn import functional as F
from koubai.ops.bfloat16 import to_bfloat16
from koubai.ops.call import call, inlined
from koubai.ops.graph import interpret
from koubai.train import Trainer

from .conftest import WORKLOADS
from .differential import run_natively

if not available():
    pytest.skip("LLVM makes no code for this machine", allow_module_level=True)

needs_bf16 = pytest.mark.skipif(
    not target.current().has_bf16,
    reason=f"{target.current().cpu} has no AVX512-BF16, which multiplies bfloat16",
)


def array(*shape, seed=0):
    return koubai.tensor(np.random.default_rng(seed).normal(size=shape).astype("f4"))


def traced(function, *arguments):
    """Return the graph of a function in bf16, and the arrays that it is called with."""
    function(*arguments)
    program = koubai.trace(function, *arguments)
    return with_precision(program.graph, "bf16"), [np.asarray(x) for x in program._inputs(list(arguments))]


def check(function, *arguments, threads=1, tolerance=2e-6):
    """Compare all results of a function that is one product deep with the same in float64, with rounded factors."""
    graph, inputs = traced(function, *arguments)
    found = run_natively(graph, inputs, threads)
    expected = interpret(in_float64(graph), [x.astype("f8") if x.dtype.kind == "f" else x for x in inputs])
    for native, exact in zip(found, expected, strict=True):
        assert native.dtype == np.float32
        scale = np.abs(exact).max(initial=0) + 1
        np.testing.assert_allclose(native, exact, rtol=0, atol=tolerance * scale)
    return graph, inputs


# --- rounding -----------------------------------------------------------------------------------------------


def test_rounding_is_to_nearest_with_ties_to_even():
    for dtype in ("f4", "f8"):
        x = np.array([1, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, -1 - 2**-8, 0.0, -0.0], dtype)
        expected = np.array([1, 1, 1 + 2**-6, 1 + 2**-7, -1, 0.0, -0.0], dtype)
        found = to_bfloat16(np, x)
        assert found.dtype == x.dtype
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


def test_rounding_keeps_what_is_not_finite_and_overflows():
    for dtype in ("f4", "f8"):
        x = np.array([np.inf, -np.inf, np.nan, 3.4e38, -3.4e38, 3.38e38], dtype)
        found = to_bfloat16(np, x)
        np.testing.assert_array_equal(found[[0, 1, 2, 3, 4]], [np.inf, -np.inf, np.nan, np.inf, -np.inf])
        assert np.isfinite(found[5])
    quiet_in_the_last_bit = np.array([0x7F800001, 0xFFFFFFFF], np.uint32).view(np.float32)
    assert np.isnan(to_bfloat16(np, quiet_in_the_last_bit)).all()


@given(st.lists(st.floats(width=32), min_size=1))
def test_rounding_float64_and_float32_agree(numbers):
    x = np.array(numbers, np.float32)
    x[np.abs(x) < 2.0**-126] = 0
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(to_bfloat16(np, x), to_bfloat16(np, x.astype("f8")).astype("f4"))


# --- products -----------------------------------------------------------------------------------------------

sizes = st.integers(1, 40) | st.sampled_from([48, 64, 97, 130])
batches = st.sampled_from([((), ()), ((3,), (3,)), ((2, 3), (3,)), ((3,), ()), ((), (2,)), ((2, 1), (1, 3))])


@needs_bf16
@settings(max_examples=25, deadline=None)
@given(batches, sizes, sizes, sizes, st.booleans(), st.booleans(), st.sampled_from([1, 2, 3]))
def test_matrix_products(batch, m, k, n, turned_left, turned_right, threads):
    def function(a, b):
        return (a.transpose(-1, -2) if turned_left else a) @ (b.transpose(-1, -2) if turned_right else b)

    left = array(*batch[0], *((k, m) if turned_left else (m, k)))
    right = array(*batch[1], *((n, k) if turned_right else (k, n)), seed=1)
    check(function, left, right, threads=threads)


@needs_bf16
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("m", "k", "n"), [(70, 301, 70), (200, 33, 20), (7, 640, 100)])
def test_several_blocks_and_passes(monkeypatch, m, k, n, turned, threads):
    """With little memory, the left side is packed in blocks, and sums wait between passes over the depth."""
    monkeypatch.setattr(contraction_pair_tiles, "_LEFT", 4000)
    monkeypatch.setattr(contraction_pair_tiles, "_PANEL", 2000)
    left = array(k, m) if turned else array(m, k)
    check(lambda a, b: (a.transpose(0, 1) if turned else a) @ b, left, array(k, n, seed=1), threads=threads)
    check(lambda a, b: a @ b, array(3, m, k), array(3, k, n, seed=1), threads=threads)
    check(lambda a, b: a @ b, array(3, m, k), array(k, n, seed=1), threads=threads)


@needs_bf16
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("length", [1, 2, 7, 16])
@pytest.mark.parametrize("turned", [False, True])
def test_a_factor_that_is_the_same_in_all_steps_of_the_innermost_loop(turned, length, threads):
    x, w = array(3, length, 23), array(3, 20, seed=1)

    def product(x, w):  # such as a weight's gradient behind a mean over a sequence
        same = w.unsqueeze(1).expand(3, length, 20).reshape(3 * length, 20)
        rows = x.reshape(3 * length, 23)
        return rows.T @ same if turned else same.T @ rows

    check(product, x, w, threads=threads)


@needs_bf16
def test_a_long_depth():
    check(lambda a, b: a @ b, array(20, 20001), array(20001, 40, seed=1), tolerance=1e-5)


@needs_bf16
def test_float64_is_not_rounded():
    x = koubai.tensor(np.random.default_rng(0).normal(size=(9, 9)))
    graph, inputs = traced(lambda a: a @ a, x)
    np.testing.assert_allclose(run_natively(graph, inputs)[0], inputs[0] @ inputs[0], rtol=1e-12)


@needs_bf16
def test_nan_and_infinities_are_where_they_are_in_eager():
    a, b = (x.numpy().copy() for x in (array(19, 33), array(33, 21, seed=1)))
    a[2, 32], a[5, 0], b[7, 3], b[32, 20], a[9, 32] = np.inf, np.nan, -np.inf, np.nan, -np.inf
    graph, inputs = traced(lambda a, b: a @ b, koubai.tensor(a), koubai.tensor(b))
    with np.errstate(all="ignore"):
        eager = a @ b
    found = run_natively(graph, inputs)[0]
    np.testing.assert_array_equal(np.isnan(found), np.isnan(eager))
    np.testing.assert_array_equal(found[np.isinf(eager)], eager[np.isinf(eager)])
    assert np.isfinite(found[np.isfinite(eager)]).all()


# --- convolutions -------------------------------------------------------------------------------------------

CONVOLUTIONS = {  # input channels, output channels, kernel, further settings
    "plain": (4, 16, 3, {}),
    "one channel": (1, 20, 3, {"padding": 1}),
    "odd": (5, 7, 3, {"padding": 1}),
    "stride": (6, 18, 3, {"stride": 2, "padding": 1}),
    "dilation": (3, 17, 3, {"dilation": 2, "padding": 2}),
    "pointwise": (33, 40, 1, {}),
    "wide": (3, 33, 5, {"padding": 2, "stride": 2}),
    "groups": (6, 9, 3, {"groups": 3, "padding": 1}),
    "depthwise": (6, 6, 3, {"groups": 6, "padding": 1}),
}


def gradients(layer):
    def function(x):
        x = x.detach().requires_grad_()
        layer.zero_grad()
        y = layer(x)
        (
            y * y.detach()
        ).sum().backward()  # the gradient that arrives is the output, the same in all precisions
        return y, x.grad, layer.weight.grad

    return function


@needs_bf16
@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_and_their_gradients(name, threads, rank):
    c, o, kernel, more = CONVOLUTIONS[name]
    koubai.manual_seed(0)
    layer = (nn.Conv1d if rank == 1 else nn.Conv2d)(c, o, kernel, **more)
    graph, inputs = traced(gradients(layer), array(3, c, *(11, 9)[:rank]))
    found = run_natively(graph, inputs, threads)
    wide = [x.astype("f8") if x.dtype.kind == "f" else x for x in inputs]
    exact, plain = interpret(in_float64(graph), wide), interpret(with_precision(graph, "float32"), inputs)
    for native, e, p in zip(found, exact, plain, strict=True):
        scale = np.abs(e).max() + 1
        flips = np.abs(native - e) > 1e-5 * scale  # of the output, which is rounded again, to the other side
        assert flips.mean() < 0.05
        np.testing.assert_allclose(native, e, rtol=0, atol=5e-3 * scale)
        assert np.abs(p - e).max() > 1e-4 * scale  # that rounding makes a difference


@needs_bf16
def test_winograd_is_not_used():
    layer = nn.Conv2d(32, 32, 3, padding=1)
    graph, _ = traced(lambda x: layer(x), array(2, 32, 16, 16))
    roles = Roles(list(graph.inputs), [], [], [0], [])
    kernels = list(every_kernel(build(graph, roles, target.current(), 1).phases))
    products = [k for k in kernels if "contraction" in str(k)]
    assert [type(body_of(k, target.current(), 1)) for k in products] == [ContractionFunction]
    assert "in bf16" in str(products[0])


def test_products_in_a_rule_are_rounded_too():
    weights = [nn.Parameter(array(4, 4, seed=n)) for n in range(2)]
    optimizer = optim.Muon(weights)

    def step(x):
        optimizer.zero_grad()
        (x @ weights[0] @ weights[1]).sum().backward()
        optimizer.step()

    graph = with_precision(koubai.trace(step, array(3, 4)).graph, "bf16")
    assert len({id(node.attributes["body"]) for node in graph.nodes if node.op is call}) == 1
    products = [node for node in inlined(graph).nodes if node.op.name == "matmul"]
    assert len(products) > 20
    assert {node.attributes.get("precision") for node in products} == {"bf16"}


# --- steps --------------------------------------------------------------------------------------------------


@needs_bf16
def test_kernels_compute_what_the_graph_says_after_every_pass(workload):
    function, arguments = workload
    graph, inputs = traced(function, *arguments)
    names = {f"argument{number}": x for number, x in enumerate(inputs)}
    checker = Checker(names, interpret(graph, inputs)[:1])
    roles = Roles(list(graph.inputs), [], [], [0], [])
    build(graph, roles, target.current(), 2, checker)
    assert len(checker.passed) >= 3


@needs_bf16
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_step_is_compared_with_rounded_factors(workload, threads, monkeypatch):
    monkeypatch.setenv("KOUBAI_CACHE", "off")
    monkeypatch.setenv("KOUBAI_CHECK", "1")
    function, arguments = workload
    before = get_num_threads()
    koubai.set_num_threads(threads)
    try:
        step = koubai.compile(function, precision="bf16")
        step(*arguments)
    finally:
        koubai.set_num_threads(before)
    assert step.report.verified
    products = [n for n in nodes(step.steps[0].program.graph) if n.op.kind.value == "contraction"]
    assert products
    assert {n.attributes.get("precision") for n in products} == {"bf16"}


def nodes(graph):
    """Yield all nodes, those in loops too."""
    for node in graph.nodes:
        yield node
        if "loop" in node.attributes:
            yield from nodes(node.attributes["loop"].body)


def train(name, precision, count=20):
    koubai.manual_seed(0)
    function, arguments = WORKLOADS[name]()
    step = koubai.compile(function, precision=precision)
    losses = []
    for _ in range(count):
        found = step(*arguments)
        losses.append((found[0] if isinstance(found, tuple) else found).item())
    return np.array(losses), step


@needs_bf16
@pytest.mark.parametrize("name", WORKLOADS)
def test_training_is_close_to_float32_and_the_same_again(name):
    plain, _ = train(name, "float32")
    rounded, step = train(name, "bf16")
    assert step.falls_back is None
    assert not np.array_equal(plain, rounded)
    np.testing.assert_allclose(rounded, plain, rtol=0.03, atol=0.01)
    again, _ = train(name, "bf16")
    np.testing.assert_array_equal(again, rounded)


@needs_bf16
def test_gathered_rows_are_rounded_before_they_are_added_up():
    """The exchange of products and gathered rows must not round sums instead."""
    koubai.manual_seed(0)
    embedding, layer = nn.Embedding(5, 16), nn.Linear(16, 40, bias=False)
    targets = array(300, 40)

    def function(x):
        embedding.zero_grad()
        layer.zero_grad()
        (layer(embedding(x)) * targets).sum().backward()
        return embedding.weight.grad, layer.weight.grad

    check(function, koubai.tensor(np.arange(300) % 5), tolerance=1e-5)


@needs_bf16
def test_weights_and_the_optimizer_stay_float32():
    koubai.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 24), nn.ReLU(), nn.Linear(24, 5))
    optimizer = optim.Adam(model.parameters(), lr=1e-5)
    before = {name: np.array(t.numpy()) for name, t in model.state_dict().items()}

    @koubai.compile(precision="bf16")
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    assert step(array(7, 20), koubai.zeros(7, dtype=koubai.int64)).dtype == koubai.float32
    for name, tensor in model.state_dict().items():
        assert tensor.dtype == koubai.float32
        assert (tensor.numpy() != before[name]).any(), "an update smaller than bfloat16 can tell is lost"
    moments = [t for s in optimizer.state.values() for t in s.values() if isinstance(t, koubai.Tensor)]
    assert moments
    assert {t.dtype for t in moments} == {koubai.float32}


@needs_bf16
def test_trainer():
    koubai.manual_seed(0)
    x = array(64, 10)
    y = (x.numpy()[:, 0] > 0).astype(np.int64)
    model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    trainer = Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=0.02), precision="bf16")
    history = trainer.fit((x, koubai.tensor(y)), epochs=10, batch_size=16)
    assert history["loss"][-1] < 0.2 * history["loss"][0]
    step = trainer.native._compiled["step"]
    assert step.precision == "bf16"
    assert step.steps


@needs_bf16
def test_precision_is_part_of_the_key():
    graph, _ = traced(lambda a: a @ a, array(4, 4))
    roles = Roles(list(graph.inputs), [], [], [0], [])
    assert text_of(graph, roles, 1) != text_of(with_precision(graph, "float32"), roles, 1)


# --- what cannot be had -------------------------------------------------------------------------------------


def test_an_unknown_precision():
    with pytest.raises(ValueError, match=r"'half'.*float32 and bf16"):
        koubai.compile(lambda x: x, precision="half")
    model = nn.Linear(2, 2)
    with pytest.raises(ValueError, match=r"'half'.*float32 and bf16"):
        Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1), precision="half")


def test_a_processor_without_the_instructions(monkeypatch):
    monkeypatch.setenv("KOUBAI_TARGET", "x86-64-v3")
    with pytest.raises(ValueError, match=r'AVX512-BF16.*x86-64-v3.*precision="float32"'):
        koubai.compile(lambda x: x, precision="bf16")
    model = nn.Linear(2, 2)
    with pytest.raises(ValueError, match="AVX512-BF16"):
        Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1), precision="bf16")


def test_a_trainer_that_does_not_compile():
    model = nn.Linear(2, 2)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(ValueError, match=r"leave compile=False away|AVX512-BF16"):
        Trainer(model, nn.MSELoss(), optimizer, precision="bf16", compile=False)


@needs_bf16
def test_export_for_a_processor_without_them(tmp_path):
    layer = nn.Linear(20, 30)
    forward = koubai.compile(layer, precision="bf16")
    with koubai.no_grad(), pytest.raises(ValueError, match="AVX512-BF16"):
        export(forward, tmp_path, "layer", array(4, 20), target="aarch64")
