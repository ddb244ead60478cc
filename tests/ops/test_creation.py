"""Making tensors and converting them: values, types, shapes, aliasing, and mistakes."""

from __future__ import annotations

import math

import numpy as np
import pytest

import koubai


def test_from_data() -> None:
    assert koubai.tensor(2).dtype == koubai.int64
    assert koubai.tensor(2.0).dtype == koubai.float32
    assert koubai.tensor([True]).dtype == koubai.bool
    assert koubai.tensor([[1, 2.5]]).tolist() == [[1.0, 2.5]]
    assert koubai.tensor([]).dtype == koubai.float32
    assert koubai.tensor(np.zeros(2)).dtype == koubai.float64
    assert koubai.tensor([koubai.tensor(1.0), 2.0]).tolist() == [1.0, 2.0]
    assert koubai.tensor(3, dtype=koubai.float64, requires_grad=True).requires_grad
    array = np.ones(2)
    copied, shared = koubai.tensor(array), koubai.from_numpy(array)
    array[0] = 5
    assert (copied.tolist(), shared.tolist()) == ([1.0, 1.0], [5.0, 1.0])
    assert koubai.as_tensor(shared) is shared
    assert koubai.as_tensor([1], koubai.float64).dtype == koubai.float64


@pytest.mark.parametrize(
    ("data", "error"), [(["a"], TypeError), ([1j], TypeError), ([[1], [1, 2]], ValueError)]
)
def test_what_is_no_tensor(data: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        koubai.tensor(data)


def test_filled() -> None:
    assert koubai.zeros(2, 3).shape == koubai.zeros((2, 3)).shape == koubai.zeros([2, 3]).shape == (2, 3)
    assert koubai.ones(size=(2,), dtype=koubai.int32).tolist() == [1, 1]
    assert koubai.full((2,), 7).dtype == koubai.int64
    assert koubai.full((2,), True).dtype == koubai.bool
    assert koubai.full((2,), 1.5).tolist() == [1.5, 1.5]
    assert koubai.empty(3).shape == (3,)
    assert koubai.eye(2, 3).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    assert koubai.scalar_tensor(3).dtype == koubai.float32
    with pytest.raises(RuntimeError, match=r"a shape has no negative lengths, got \[2, -1\]"):
        koubai.zeros(2, -1)


def test_like_and_new() -> None:
    x = koubai.ones(2, dtype=koubai.float64)
    made = [koubai.zeros_like(x), koubai.ones_like(x), koubai.full_like(x, 3), koubai.empty_like(x)]
    made += [x.new_zeros(2), x.new_ones((2,)), x.new_full((2,), 3), x.new_empty(2), x.new_tensor([1, 2])]
    assert {(t.shape, t.dtype) for t in made} == {((2,), koubai.float64)}
    assert koubai.zeros_like(x, dtype=koubai.int64).dtype == koubai.int64
    assert x.new_zeros(3, dtype=koubai.bool).tolist() == [False] * 3


def test_ranges() -> None:
    assert koubai.arange(4).tolist() == [0, 1, 2, 3]
    assert koubai.arange(1, 2.5, 0.5).tolist() == [1.0, 1.5, 2.0]
    assert koubai.arange(5, 0, -2).tolist() == [5, 3, 1]
    assert koubai.arange(0, 3, dtype=koubai.float64).dtype == koubai.float64
    assert koubai.linspace(0, 1, 5).tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert koubai.linspace(3, 4, 1).tolist() == [3.0]
    assert koubai.logspace(0, 2, 3).tolist() == [1.0, 10.0, 100.0]
    assert koubai.tril_indices(2, 3).tolist() == [[0, 1, 1], [0, 0, 1]]
    assert koubai.triu_indices(2, 3, 1).tolist() == [[0, 0, 1], [1, 2, 2]]
    with pytest.raises(RuntimeError, match="arange: steps of -1 do not lead from 0 to 3"):
        koubai.arange(0, 3, -1)
    with pytest.raises(RuntimeError, match="the number of steps must not be negative, got -1"):
        koubai.linspace(0, 1, -1)


def test_one_hot() -> None:
    classes = koubai.tensor([[0, 2], [1, 0]])
    assert koubai.one_hot(classes).tolist() == [[[1, 0, 0], [0, 0, 1]], [[0, 1, 0], [1, 0, 0]]]
    assert koubai.one_hot(classes, 5).shape == (2, 2, 5)
    program = koubai.trace(lambda c: koubai.one_hot(c, 3), classes)
    assert koubai.equal(program(classes), koubai.one_hot(classes))
    with pytest.raises(RuntimeError, match="every class must be from 0 to 1"):
        koubai.one_hot(classes, 2)
    with pytest.raises(
        RuntimeError, match=r"classes must be int64 numbers, got float32; convert with \.long\(\)"
    ):
        koubai.one_hot(koubai.ones(2))


def test_conversions() -> None:
    x = koubai.tensor([1.7, -2.2])
    kinds = {"half": "float16", "float": "float32", "double": "float64", "int": "int32", "long": "int64"}
    kinds |= {"short": "int16", "char": "int8", "bool": "bool"}
    assert {name: str(getattr(x, name)().dtype) for name in kinds} == kinds
    assert x.long().tolist() == [1, -2]
    assert x.float() is x
    assert x.to("cpu") is x
    assert x.to(koubai.float64).dtype == x.type(koubai.float64).dtype == koubai.float64
    assert x.to("cpu", koubai.int64).dtype == x.to(koubai.tensor([1])).dtype == koubai.int64
    assert x.type_as(koubai.tensor([1])).dtype == koubai.int64
    assert x.to(koubai.float32, copy=True) is not x
    y = koubai.ones(2, requires_grad=True)
    y.double().sum().backward()
    assert y.grad.dtype == koubai.float32


def test_the_device_is_the_cpu() -> None:
    x = koubai.zeros(2, device="cpu")
    assert x.device == koubai.device("cpu") == "cpu"
    assert (str(x.device), x.device.type, repr(x.device)) == ("cpu", "cpu", "device(type='cpu')")
    assert x.to(x.device) is x.cpu() is x


def test_clones_and_detached_tensors() -> None:
    x = koubai.ones(2, requires_grad=True)
    copy, cut = x.clone(), x.detach()
    assert (copy.requires_grad, cut.requires_grad) == (True, False)
    cut.fill_(3)
    assert (x.tolist(), copy.tolist()) == ([3.0, 3.0], [1.0, 1.0])
    assert koubai.grad(copy.sum(), x)[0].tolist() == [1.0, 1.0]


def test_values_set_in_place() -> None:
    x = koubai.zeros(2, 2)
    x.copy_(koubai.tensor([1, 2]))
    assert x.tolist() == [[1.0, 2.0], [1.0, 2.0]]
    x[0].zero_()
    assert x.tolist() == [[0.0, 0.0], [1.0, 2.0]]
    assert koubai.fill(x, 5).tolist() == [[5.0, 5.0], [5.0, 5.0]]
    source = koubai.tensor([3.0, 4.0], requires_grad=True)
    x.copy_(source)
    x.sum().backward()
    assert source.grad.tolist() == [2.0, 2.0]


def test_data_is_the_value_without_the_graph() -> None:
    weight = koubai.ones(2, requires_grad=True)
    weight.data -= 0.5
    assert (weight.tolist(), weight.requires_grad) == ([0.5, 0.5], True)
    weight.data = koubai.tensor([1.0, 2.0, 3.0])
    assert weight.shape == (3,)


def test_a_cell_filled_while_traced_is_read_as_filled() -> None:
    state = koubai.ones(2)

    def step(x: koubai.Tensor) -> koubai.Tensor:
        state.zero_()
        return x + state

    program = koubai.trace(step, koubai.ones(2))
    assert program(koubai.tensor([1.0, 2.0])).tolist() == [1.0, 2.0]
    assert state.tolist() == [0.0, 0.0]


def test_what_a_tensor_says_about_itself() -> None:
    x = koubai.zeros(2, 3, dtype=koubai.float64)
    assert (x.dim(), x.ndim, x.size(), x.size(-1), x.numel(), x.nelement()) == (2, 2, (2, 3), 3, 6, 6)
    assert (x.element_size(), x.itemsize, x.nbytes, x.is_floating_point(), x.is_cuda) == (
        8,
        8,
        48,
        True,
        False,
    )
    assert koubai.is_tensor(x)
    assert not koubai.is_tensor(np.zeros(1))
    assert not koubai.is_complex(x)


def test_limits_and_constants() -> None:
    assert koubai.finfo(koubai.float32).eps == np.finfo(np.float32).eps
    assert koubai.iinfo(koubai.int8).max == 127
    assert (koubai.pi, koubai.inf) == (math.pi, math.inf)
