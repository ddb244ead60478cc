"""Random programs with random shapes, compiled and eager: the loss and all gradients agree."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import koubai
from koubai import Tensor
from koubai.compiler.runtime import available
from koubai.nn import functional as F

from .differential import check_graph

if not available():
    pytest.skip("LLVM makes no code for this machine", allow_module_level=True)

LENGTHS = st.sampled_from([1, 2, 3, 4, 5, 7, 8, 16, 17, 33])
LARGEST = 2000  # elements
SETTINGS = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

MAPS = {
    "tanh": koubai.tanh,
    "exp": lambda x: (-x.abs()).exp(),
    "sigmoid": koubai.sigmoid,
    "relu": koubai.relu,
    "square": lambda x: x * x * 0.5,
    "negative": lambda x: -x,
    "sin": koubai.sin,
    "log": lambda x: (x.abs() + 1).log(),
    "divided": lambda x: x / (x * x + 1),
    "gelu": F.gelu,
    "clamp": lambda x: x.clamp(-0.7, 0.9),
}
PAIRS = {
    "add": koubai.add,
    "sub": koubai.sub,
    "mul": lambda a, b: (a * b).tanh(),
    "maximum": koubai.maximum,
    "where": lambda a, b: koubai.where(a > b, a * 2, b),
    "hypot": lambda a, b: (a * a + b * b + 1).sqrt(),
}


class Program:
    """A random program, drawn while it runs on examples; the same choices are made when it runs again."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.steps: list[Any] = []
        self.leaves: list[np.ndarray[Any, Any]] = []
        self.rng = np.random.default_rng(draw(st.integers(0, 10**6)))

    def leaf(self, shape: tuple[int, ...]) -> int:
        """Add an input of the program and return its number."""
        self.leaves.append(self.rng.standard_normal(shape).astype("f4"))
        return len(self.leaves) - 1

    def run(self, leaves: list[Tensor]) -> Tensor:
        """Run the steps: the first leaf goes through all of them."""
        x, total = leaves[0], None
        for step in self.steps:
            x = step(x, leaves)
            if total is None or self.steps.index(step) % 3 == 0:
                total = x.sum() if total is None else total + (x * 0.3).sum()
        return x.cos().sum() + total  # type: ignore[no-any-return]


def one(draw: Any, p: Program, x: Tensor) -> Any:
    """Draw a step that fits an array; it is a function of the array and the leaves."""
    shape = tuple(x.shape)
    choice = draw(st.sampled_from(KINDS))
    return choice(draw, p, shape)


def a_map(draw: Any, p: Program, shape: Any) -> Any:
    function = MAPS[draw(st.sampled_from(sorted(MAPS)))]
    return lambda x, _: function(x)


def a_pair(draw: Any, p: Program, shape: Any) -> Any:
    function = PAIRS[draw(st.sampled_from(sorted(PAIRS)))]
    kept = draw(st.integers(0, len(shape)))
    other = tuple(draw(st.sampled_from([1, n])) for n in shape[len(shape) - kept :])
    number, swapped = p.leaf(other), draw(st.booleans())
    return lambda x, leaves: function(leaves[number], x) if swapped else function(x, leaves[number])


def a_permutation(draw: Any, p: Program, shape: Any) -> Any:
    dims = draw(st.permutations(range(len(shape))))
    return lambda x, _: x.permute(*dims) if dims else x


def a_reshape(draw: Any, p: Program, shape: Any) -> Any:
    size = math.prod(shape)
    new = []
    for _ in range(draw(st.integers(0, 3))):
        divisors = [n for n in range(1, size + 1) if size % n == 0] if size else [0]
        new.append(draw(st.sampled_from(divisors)))
        size //= new[-1] or 1
    new.append(size)
    return lambda x, _: x.reshape(new)


def a_slice(draw: Any, p: Program, shape: Any) -> Any:
    slices = []
    for n in shape:
        start = draw(st.integers(0, max(n - 1, 0)))
        slices.append(
            slice(start, draw(st.integers(start, n)) if draw(st.booleans()) else n, draw(st.integers(1, 3)))
        )
    if not draw(st.integers(0, 9)):
        return lambda x, _: x[tuple(slices)]
    safe = [s if s.start < s.stop else slice(0, None) for s in slices]
    return lambda x, _: x[tuple(safe)]


def a_flip(draw: Any, p: Program, shape: Any) -> Any:
    dims = [d for d in range(len(shape)) if draw(st.booleans())]
    return lambda x, _: x.flip(dims) if dims else x


def a_cat(draw: Any, p: Program, shape: Any) -> Any:
    if not shape:
        return lambda x, _: koubai.stack([x, x * 2])
    dim = draw(st.integers(0, len(shape) - 1))
    length = draw(st.sampled_from([0, 1, 2, 5]))
    number = p.leaf((*shape[:dim], length, *shape[dim + 1 :]))
    return lambda x, leaves: koubai.cat([x, leaves[number], x.tanh()], dim)


def an_expansion(draw: Any, p: Program, shape: Any) -> Any:
    length = draw(st.sampled_from([1, 2, 3]))
    return lambda x, _: x.unsqueeze(0).expand(length, *shape)


def a_padding(draw: Any, p: Program, shape: Any) -> Any:
    if not shape:
        return lambda x, _: x.unsqueeze(0)
    amounts = (draw(st.integers(0, 3)), draw(st.integers(0, 2)))
    value = draw(st.sampled_from([0.0, 0.5]))
    return lambda x, _: F.pad(x, amounts, value=value)


def a_reduction(draw: Any, p: Program, shape: Any) -> Any:
    dims = [d for d in range(len(shape)) if draw(st.booleans())]
    kind = draw(st.sampled_from(["sum", "mean", "amax", "var", "logsumexp", "softmax", "prod"]))
    keepdim = draw(st.booleans())
    if not dims or 0 in shape:
        return lambda x, _: x + 1
    if kind == "softmax":
        return lambda x, _: x.softmax(dims[0])
    if kind == "prod":
        return lambda x, _: (x * 0.1 + 1).clamp(0.5, 1.5).prod(dims[0], keepdim=keepdim)
    if kind == "var":
        return lambda x, _: x.var(dims, unbiased=False, keepdim=keepdim)
    return lambda x, _: getattr(x, kind)(dims, keepdim=keepdim)


def a_product(draw: Any, p: Program, shape: Any) -> Any:
    if not shape:
        return lambda x, _: x * 3
    columns, scale = draw(LENGTHS), 1 / math.sqrt(max(shape[-1], 1))
    batch = shape[:-2] if draw(st.booleans()) else ()
    number = p.leaf((*batch, shape[-1], columns))
    return lambda x, leaves: (x @ leaves[number]) * scale


def a_convolution(draw: Any, p: Program, shape: Any) -> Any:
    if len(shape) < 2 or not all(shape[-2:]):
        return lambda x, _: x.tanh()
    channels, length = shape[-2:]
    kernel = draw(st.integers(1, min(3, length)))
    groups = draw(st.sampled_from([g for g in (1, 2, channels) if channels % g == 0]))
    outputs = groups * draw(st.sampled_from([1, 2, 5]))
    number = p.leaf((outputs, channels // groups, kernel))
    options = {"stride": draw(st.integers(1, 2)), "padding": draw(st.integers(0, 2)), "groups": groups}
    return lambda x, leaves: F.conv1d(x.reshape(-1, channels, length), leaves[number] * 0.5, **options)


def a_gather(draw: Any, p: Program, shape: Any) -> Any:
    if not shape or not shape[0]:
        return lambda x, _: x.sin()
    positions = koubai.tensor(p.rng.integers(-shape[0], shape[0], draw(st.sampled_from([1, 3, 6]))))
    return lambda x, _: x[positions]


def a_scatter(draw: Any, p: Program, shape: Any) -> Any:
    if not shape or not shape[0]:
        return lambda x, _: x.cos()
    positions = koubai.tensor(p.rng.integers(0, 4, shape[0]))
    kind = draw(st.sampled_from(["add", "copy"]))
    number = p.leaf((4, *shape[1:]))
    return lambda x, leaves: getattr(leaves[number], f"index_{kind}")(0, positions, x)


def an_assignment(draw: Any, p: Program, shape: Any) -> Any:
    if not shape or shape[-1] < 2:
        return lambda x, _: x * 0.5
    step = draw(st.integers(1, 2))

    def assign(x: Tensor, _: Any) -> Tensor:
        y = x.clone()
        y[..., 1::step] = x[..., 1::step] * 2 + 1
        return y

    return assign


def a_pooling(draw: Any, p: Program, shape: Any) -> Any:
    if len(shape) < 2 or shape[-1] < 2 or 0 in shape:
        return lambda x, _: x.sigmoid()
    stride, padding = draw(st.integers(1, 3)), draw(st.integers(0, 1))
    pool = draw(st.sampled_from([F.max_pool1d, F.avg_pool1d]))
    return lambda x, _: pool(x.reshape(-1, *shape[-2:]), 2, stride, padding)


def a_running_sum(draw: Any, p: Program, shape: Any) -> Any:
    if not shape:
        return lambda x, _: x
    dim = draw(st.integers(0, len(shape) - 1))
    return lambda x, _: x.cumsum(dim).tanh()


KINDS = [
    a_map, a_map, a_pair, a_pair, a_permutation, a_reshape, a_slice, a_flip, a_cat, an_expansion, a_padding,
    a_reduction, a_reduction, a_product, a_convolution, a_gather, a_scatter, an_assignment, a_pooling, a_running_sum,
]  # fmt: skip


@SETTINGS
@given(st.data())
def test_a_random_program_and_its_gradients(data: Any) -> None:
    draw = data.draw
    p = Program(draw)
    shape = draw(st.lists(st.sampled_from([1, 2, 3, 4, 5, 7, 16, 17, 0, 8]), max_size=4).map(tuple))
    if math.prod(shape) > LARGEST:
        shape = shape[:2]
    p.leaf(shape)
    x = koubai.from_numpy(p.leaves[0])
    for _ in range(draw(st.integers(2, 8))):
        step = one(draw, p, x)
        after = step(x, [koubai.from_numpy(leaf) for leaf in p.leaves])
        if after.numel() <= LARGEST and after.ndim <= 5:
            p.steps.append(step)
            x = after
    if not p.steps:
        return

    def function(*leaves: Tensor) -> list[Tensor]:
        loss = p.run(list(leaves))
        return [loss, *koubai.grad(loss, leaves, materialize_grads=True)]

    leaves = [koubai.from_numpy(leaf).requires_grad_() for leaf in p.leaves]
    program = koubai.trace(function, *leaves)
    check_graph(program.graph, program._inputs(leaves), draw(st.sampled_from([1, 2, 3])))
