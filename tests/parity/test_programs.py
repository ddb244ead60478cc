"""Little programs give the same results with koubai as with torch, when only the import changes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import koubai  # noqa: E402

PROGRAMS: list[Callable[[Any], Any]] = []


def program(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Add a program: it takes the library, and returns numbers, texts and tensors, nested as it likes."""
    PROGRAMS.append(function)
    return function


def leaves(result: Any) -> Iterator[Any]:
    if isinstance(result, dict):
        result = result.items()
    elif not isinstance(result, tuple | list):
        yield result.detach().numpy() if hasattr(result, "detach") else result
        return
    for part in result:
        yield from leaves(part)


# --- the programs


def numbers(t: Any, *shape: int) -> Any:
    """Numbers without ties, the same in both libraries."""
    count = int(np.prod(shape))
    return (t.arange(float(count)).reshape(shape) * 7.3 + 0.5) % 11.1 - 5.0


@program
def axis_means_dim(t: Any) -> Any:
    x = numbers(t, 2, 3)
    whole = [x.sum(axis=0), x.mean(axis=1, keepdims=True), t.cat([x, x], axis=1), t.stack([x, x], axis=-1)]
    order = [
        x.argmin(axis=0),
        t.max(x, axis=1),
        x.min(axis=0),
        x.sort(axis=1),
        x.cumsum(axis=1),
        t.std(x, axis=0),
    ]
    moved = [
        x.unsqueeze(axis=1),
        t.unsqueeze(x, axis=1).squeeze(axis=1),
        t.softmax(x, axis=1),
        t.norm(x, dim=0),
    ]
    return (
        whole,
        order,
        moved,
        t.linalg.vector_norm(x, axis=0),
        t.all(x > 0, axis=0),
        t.index_select(x, axis=1, index=t.tensor([2, 0])),
    )


@program
def save_and_load(t: Any) -> Any:
    file = io.BytesIO()
    t.save({"weight": numbers(t, 2, 3), "count": t.tensor(3)}, file)
    file.seek(0)
    return t.load(file, map_location=t.device("cpu"), weights_only=True)


@program
def derivatives(t: Any) -> Any:
    f = t.autograd.functional
    x, y, v = numbers(t, 2), numbers(t, 2) * 0.3, t.tensor([0.5, -2.0])

    def several(x: Any, y: Any) -> Any:
        return x * y.exp(), (x**2).sum()

    def one(x: Any, y: Any) -> Any:
        return (x**3 * y.exp()).sum()

    left = t.tensor(2.0)
    return (
        f.jacobian(several, (x, y)),
        f.hessian(one, (x, y)),
        f.jacobian(t.exp, x),
        f.hessian(lambda x: (x**3).sum(), x),
        f.vjp(several, (x, y), (v, left)),
        f.jvp(several, (x, y), (v, v)),
        f.vhp(one, (x, y), (v, v)),
        f.hvp(one, (x, y), (v, v)),
    )


@program
def derivatives_that_are_differentiated_again(t: Any) -> Any:
    x = numbers(t, 3).requires_grad_()
    jacobian = t.autograd.functional.jacobian(lambda x: (x**3).cumsum(0), x, create_graph=True)
    jacobian.sum().backward()
    return x.grad


@program
def print_options(t: Any) -> Any:
    texts = []
    for options in (
        {"precision": 2},
        {"sci_mode": True},
        {"edgeitems": 1, "threshold": 5},
        {"linewidth": 30},
    ):
        t.set_printoptions(**options)
        texts += [repr(numbers(t, 3, 4)), repr(t.arange(9)), repr(numbers(t, 2) * 1e-5)]
    t.set_printoptions(profile="default")
    return texts


@program
def old_constructors(t: Any) -> Any:
    made = [t.Tensor([[1, 2], [3, 4]]), t.FloatTensor([1, 2]), t.LongTensor([[1], [2]]), t.BoolTensor([0, 1])]
    shapes = [
        tuple(x.shape) for x in (t.Tensor(2, 3), t.Tensor(4), t.IntTensor(2, 1), t.Tensor(t.ones(2, 5).shape))
    ]
    return made, shapes, [isinstance(x, t.FloatTensor) for x in made]


@program
def types_and_bits(t: Any) -> Any:
    x = numbers(t, 2, 4)
    names = [x.type(kind).type().split(".")[1] for kind in (t.float64, t.LongTensor, t.BoolTensor)]
    seen = [x.view(kind) for kind in (t.int32, t.uint8, t.float64, t.int16)]
    x.view(t.int32)[0] += 1 << 23  # doubles a float
    return names, seen, x


@program
def integrals_powers_and_choices(t: Any) -> Any:
    y, x = numbers(t, 2, 4), t.tensor([0.0, 0.5, 2.0, 2.5])
    integrals = [t.trapezoid(y), t.trapz(y, x), t.trapezoid(y, dx=0.5, dim=0), t.trapezoid(y, y + 1, dim=0)]
    running = [t.cumulative_trapezoid(y, x), t.cumulative_trapezoid(y, dim=0), t.trapezoid(y[:0], dim=0)]
    powers = [t.vander(x), t.vander(x, N=2, increasing=True), t.vander(t.arange(3))]
    choices = [
        t.combinations(x),
        t.combinations(x, 3),
        t.combinations(x, r=2, with_replacement=True),
        t.combinations(x[:1]),
    ]
    return integrals, running, powers, choices, t.combinations(x, 0)


@program
def functions_that_stand_in_nn_too(t: Any) -> Any:
    x = numbers(t, 2, 4)
    norms = [t.layer_norm(x, (4,)), t.group_norm(x, 2), t.rms_norm(x, (4,))]
    return norms, t.dropout(x, 0.5, False), t.cosine_similarity(x, x + 1), t.pairwise_distance(x, x + 1)


@program
def in_place_functions(t: Any) -> Any:
    x = numbers(t, 2, 4)
    t.abs_(x)
    t.sqrt_(x)
    t.clamp_(x, 0.5, 2.0)
    t.relu_(x)
    return t.exp_(x), x


@program
def pairs_carry_their_names(t: Any) -> Any:
    x = numbers(t, 2, 4)
    pairs = [x.max(0), t.min(x, 1), x.sort(), x.topk(2), x.median(1), x.mode(), x.kthvalue(2), x.cummax(0)]
    return [(type(pair).__name__, pair.values, pair.indices) for pair in pairs]


@program
def padded_sequences(t: Any) -> Any:
    sequences = [numbers(t, 2, 3), numbers(t, 4, 3), numbers(t, 1, 3)]
    pad = t.nn.utils.rnn.pad_sequence
    last = t.nn.utils.rnn.unpad_sequence(pad(sequences, True), t.tensor([2, 4, 1]), batch_first=True)
    return pad(sequences), pad(sequences, batch_first=True, padding_value=-1.0, padding_side="left"), last


@program
def representations_of_layers(t: Any) -> Any:
    nn = t.nn
    layers = [
        nn.Conv2d(1, 2, 3, padding="same"),
        nn.Conv1d(1, 2, 3, padding=1, padding_mode="reflect", bias=False),
    ]
    return [repr(nn.Sequential(layer, nn.ReLU())) for layer in layers]


# --- both libraries


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda function: function.__name__)
def test_program(program: Callable[[Any], Any]) -> None:
    ours, theirs = list(leaves(program(koubai))), list(leaves(program(torch)))
    assert len(ours) == len(theirs)
    for mine, expected in zip(ours, theirs):
        if isinstance(expected, np.ndarray):
            assert mine.dtype == expected.dtype
            assert mine.shape == expected.shape
            np.testing.assert_allclose(mine, expected, rtol=1e-5, atol=1e-6)
        else:
            assert mine == expected
