"""Kernels that run strip by strip compute what they would compute for the whole batch, and keep less."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import koubai
from koubai import dtypes, nn
from koubai.compiler import explain
from koubai.compiler.checking.races import RaceError, check_races
from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.expression import constant, inside, load
from koubai.compiler.language.index import Axis, Index
from koubai.compiler.language.kernel import Loops, Stage, Store, Strips
from koubai.compiler.runtime.target import current
from koubai.compiler.schedule import strips
from koubai.compiler.schedule.memory import plan
from koubai.compiler.schedule.phases import Phase
from koubai.nn import functional as F

F32 = dtypes.float32


@pytest.fixture
def always(monkeypatch):
    """Put kernels together however small their arrays are."""
    monkeypatch.setenv("KOUBAI_CACHE", "off")
    monkeypatch.setenv("KOUBAI_CHECK", "1")
    for name in ("LARGE", "ROWS", "ELEMENTS", "TERMS"):
        monkeypatch.setattr(strips, name, 1)
    monkeypatch.setattr(strips, "PARTS", 0)


@pytest.fixture(autouse=True)
def threads():
    """Leave the number of threads as it was."""
    before = koubai.get_num_threads()
    yield
    koubai.set_num_threads(before)


def attention(q, k, v, mask=None):
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    if mask is not None:
        scores = scores.masked_fill(mask, float("-inf"))
    return koubai.softmax(scores, dim=-1) @ v


def with_gradients(q, k, v, mask):
    q, k, v = (x.detach().requires_grad_() for x in (q, k, v))
    out = attention(q, k, v, mask)
    return (out.detach(), *koubai.autograd.grad(out.square().sum(), [q, k, v]))


def strips_in(function, *arguments):
    """Return the lines of the step's strips."""
    return [line for line in explain(function, *arguments).after("phases").splitlines() if "strips" in line]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_step_of_any_kind_trains_the_same(workload, always, threads):
    function, arguments = workload
    koubai.set_num_threads(threads)
    native = koubai.compile(
        function
    )  # whose first run is compared with eager, and its schedule checked for races
    native(*arguments)
    assert native.falls_back is None


@given(
    st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 19), st.integers(1, 9)),
    st.booleans(),
    st.integers(1, 3),
)
@settings(max_examples=15, deadline=None)
def test_attention_is_that_of_eager(shape, causal, threads):
    batch, heads, length, size = shape
    koubai.manual_seed(0)
    koubai.set_num_threads(threads)
    q, k, v = (koubai.randn(batch, heads, length, size) for _ in range(3))
    mask = koubai.ones(length, length, dtype=koubai.bool).triu(1) if causal else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KOUBAI_CACHE", "off")
        patch.setenv("KOUBAI_CHECK", "1")
        for name in ("LARGE", "ROWS", "ELEMENTS"):
            patch.setattr(strips, name, 1)
        found = koubai.compile(lambda q, k, v: with_gradients(q, k, v, mask))(q, k, v)
    for a, b in zip(found, with_gradients(q, k, v, mask), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-5)


def test_the_scores_of_attention_are_never_kept_for_the_whole_batch():
    koubai.manual_seed(0)
    koubai.set_num_threads(2)
    q, k, v = (koubai.randn(8, 4, 128, 16) for _ in range(3))
    native = koubai.compile(attention)
    np.testing.assert_allclose(native(q, k, v).numpy(), attention(q, k, v).numpy(), rtol=1e-4, atol=1e-5)
    assert len(strips_in(native, q, k, v)) == 1
    assert native.report.arena_bytes < 8 * 4 * 128 * 128 * 4


def test_an_image_is_convolved_and_pooled_before_the_next():
    koubai.manual_seed(0)
    koubai.set_num_threads(2)
    model = nn.Sequential(nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2))
    x = koubai.randn(32, 1, 28, 28)
    with koubai.no_grad():
        native = koubai.compile(model)
        np.testing.assert_allclose(native(x).numpy(), model(x).numpy(), rtol=1e-4, atol=1e-5)
        assert strips_in(native, x)
    assert native.report.arena_bytes < 32 * 16 * 24 * 24 * 4


def test_the_gradient_of_a_large_image_is_used_up_before_the_next():
    """The weight gradient sums over the images: it is summed for each of them, and the sums are added up."""
    koubai.manual_seed(0)
    koubai.set_num_threads(2)
    model = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    x, weights = koubai.randn(24, 1, 28, 28), koubai.randn(24, 16, 14, 14)

    def gradients(x, weights):
        return koubai.autograd.grad((model(x) * weights).sum(), list(model.parameters()))

    native = koubai.compile(gradients)
    for found, wanted in zip(native(x, weights), gradients(x, weights), strict=True):
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-4, atol=1e-4)
    assert len(strips_in(native, x, weights)) == 1
    assert native.report.arena_bytes < 24 * 16 * 28 * 28 * 4


def test_channels_that_lie_side_by_side_are_not_cut_apart():
    """Vectors go along them: a strip of one channel would read single numbers, far from each other."""
    koubai.manual_seed(0)
    koubai.set_num_threads(2)
    model = nn.Sequential(
        nn.Conv2d(16, 96, 1), nn.BatchNorm2d(96), nn.ReLU6(), nn.Conv2d(96, 96, 3, padding=1, groups=96)
    )
    x = koubai.randn(8, 16, 24, 24)

    def gradients(x):
        return koubai.autograd.grad(model(x).square().sum(), list(model.parameters()))

    found = strips_in(koubai.compile(gradients), x)
    assert found
    assert not any(":96" in line for line in found)


def test_what_needs_the_whole_batch_is_not_cut(always):
    """A mean over the batch stands between the kernels, and a batch that is turned around reads other strips."""
    koubai.manual_seed(0)
    koubai.set_num_threads(2)
    x, w = koubai.randn(8, 32, 32), koubai.randn(32, 32)

    def centred(x):
        y = F.relu(x @ w)
        return y - y.mean(0)

    def turned(x):
        y = F.relu(x @ w)
        return y.flip(0) @ w

    for function in (centred, turned):
        found = koubai.compile(function)(x)
        np.testing.assert_allclose(found.numpy(), function(x).numpy(), rtol=1e-4, atol=1e-4)


def test_the_same_bits_with_any_number_of_threads(always):
    koubai.manual_seed(0)
    q, k, v = (koubai.randn(6, 2, 16, 8) for _ in range(3))
    found = []
    for threads in (1, 2, 3):
        koubai.set_num_threads(threads)
        found.append(koubai.compile(attention)(q, k, v).numpy())
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


# --- schedules that are wrong


def at(*indices):
    return tuple(map(Index.of, indices))


def stored(buffer, place, value, axis):
    return Loops(buffer.name, (axis,), [Stage(stores=[Store(buffer, place, value)])])


def pair(write, read, shape=(4, 8), guard=None):
    """Return strips that write a buffer at one place and read it at another, where a condition on the column holds."""
    handed, out = Buffer("handed", shape, F32), Buffer("out", (4, 8), F32)
    strip, thread, i, j = Axis(4), Axis(2), Axis(8), Axis(8)
    first = stored(handed, at(*write(strip, thread, i)), constant(1.0, F32), i)
    second = stored(out, at(strip, j), load(handed, at(*read(strip, thread, j)), guard and guard(j)), j)
    return Strips("pair", (strip,), thread, [first, second])


def check(kernel):
    phases = [Phase([kernel])]
    check_races(phases, plan(phases, [], {}), current(), 2)


def test_strips_leave_each_other_alone():
    check(pair(lambda s, t, i: (s, i), lambda s, t, j: (s, j)))
    check(pair(lambda s, t, i: (t, i), lambda s, t, j: (t, j), (2, 8)))
    with pytest.raises(RaceError, match="two pieces write"):
        check(pair(lambda s, t, i: (0, i), lambda s, t, j: (0, j)))
    with pytest.raises(RaceError, match="another one writes"):
        check(pair(lambda s, t, i: (s, i), lambda s, t, j: (Index.of(s) * -1 + 3, j)))
    with pytest.raises(RaceError):
        check(pair(lambda s, t, i: (t, i), lambda s, t, j: (0, j), (2, 8)))


def test_what_a_condition_forbids_to_read_is_not_read():
    """Pieces of a concatenation are read at places that lie outside of them wherever another piece is meant."""

    def shifted(s, t, j):
        return (s, Index.of(j) - 4)

    check(pair(lambda s, t, i: (s, i), shifted, guard=lambda j: inside(Index.of(j), 4, 8)))
    with pytest.raises(RaceError, match="not in a dimension"):
        check(pair(lambda s, t, i: (s, i), shifted))
    turned = pair(
        lambda s, t, i: (s, i),
        lambda s, t, j: (Index.of(s) * -1 + 3, Index.of(j) - 4),
        guard=lambda j: inside(Index.of(j), 4, 8),
    )
    with pytest.raises(RaceError, match="another one writes"):
        check(turned)
