"""Tensors on another device, the stand-in for a GPU; and what a machine without one says."""

from __future__ import annotations

import copy
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import koubai
from koubai import Tensor, arrays, cupy_arrays, nn
from koubai.ops.op import DataDependentError

from . import stand_in
from .stand_in import Array

THERE = "stand-in"


def test_a_device_is_a_name() -> None:
    assert koubai.device("cuda:1") == koubai.device("cuda", 1) == "cuda:1"
    assert (koubai.device("cuda:1").type, koubai.device("cuda:1").index) == ("cuda", 1)
    assert repr(koubai.device("cuda:1")) == "device(type='cuda', index=1)"
    assert koubai.device(koubai.device("cuda:1")) == koubai.device(1) == "cuda:1"
    assert len({koubai.device("cpu"), koubai.device("cpu"), koubai.device("cuda")}) == 2
    for wrong in ("tpu", "cuda:x"):
        with pytest.raises(RuntimeError, match=f"there is no device '{wrong}'; the kinds are cpu, cuda"):
            koubai.device(wrong)


@pytest.mark.skipif(importlib.util.find_spec("cupy") is not None, reason="CuPy is installed here")
def test_without_cupy_the_message_says_what_to_install() -> None:
    x = koubai.zeros(2)
    for attempt in (
        lambda: x.to("cuda"),
        lambda: x.cuda(),
        lambda: koubai.ones(1, device="cuda:0"),
        lambda: koubai.rand(2, device="cuda"),
        lambda: nn.Linear(1, 1).to("cuda"),
        lambda: nn.Linear(1, 1, device="cuda"),
        lambda: koubai.cuda.synchronize(),
    ):
        with pytest.raises(RuntimeError, match=r"'cuda' needs CuPy.*pip install cupy-cuda13x"):
            attempt()
    assert not koubai.cuda.is_available()
    assert koubai.cuda.device_count() == 0
    koubai.cuda.empty_cache()


def test_a_tensor_goes_to_a_device_and_comes_back_with_its_gradient() -> None:
    x = koubai.tensor([1.0, 2.0], requires_grad=True)
    moved = x.to(THERE)
    assert isinstance(moved.payload, Array)
    assert moved.device == THERE
    assert not moved.is_cuda
    assert moved.to(THERE) is moved
    assert moved.to(moved.device) is moved
    assert moved.to(moved) is moved
    assert moved.to(THERE, copy=True) is not moved
    (moved * moved).cpu().sum().backward()
    assert x.grad is not None
    assert x.grad.device == "cpu"
    assert x.grad.tolist() == [2.0, 4.0]
    assert moved.to("cpu", koubai.float64).dtype == koubai.float64
    assert koubai.zeros(1).type_as(moved).device == THERE
    (slope,) = koubai.grad((x.to(THERE) ** 3).sum(), x, create_graph=True)
    assert koubai.grad(slope.sum(), x)[0].tolist() == [6.0, 12.0]


def test_values_are_read_from_the_device() -> None:
    x = koubai.tensor([[1.5, 2.0], [3.0, float("nan")]]).to(THERE)
    assert x[0, 1].item() == 2.0
    assert float(x[0, 0]) == 1.5
    assert x[0].tolist() == [1.5, 2.0]
    assert bool((x[0] == koubai.tensor([1.5, 2.0]).to(THERE)).all())
    assert repr(x) == "tensor([[1.5000, 2.0000],\n        [3.0000,    nan]], device='stand-in')"
    assert f"{x[0, 0]:.1f}" == "1.5"
    assert len(x) == 2
    assert 3.0 in x
    assert [row.tolist() for row in x[:, :1]] == [[1.5], [3.0]]
    with pytest.raises(
        TypeError, match=r"can't convert stand-in device type tensor to numpy. Use Tensor.cpu\(\)"
    ):
        x.numpy()
    with pytest.raises(TypeError, match="can't convert"):
        np.asarray(x)
    assert x.requires_grad_().numpy(force=True)[0].tolist() == [1.5, 2.0]
    assert koubai.equal(copy.deepcopy(x)[0], x[0])


def test_tensors_are_made_on_a_device() -> None:
    like = koubai.zeros(2, 3, device=THERE)
    for made in (
        koubai.tensor([1, 2], device=THERE),
        koubai.as_tensor(np.ones(2), device=THERE),
        koubai.full((2,), 3, device=THERE),
        koubai.full((2,), koubai.tensor(3), device=THERE),
        koubai.ones(2, device=THERE),
        koubai.eye(2, device=THERE),
        koubai.arange(3, device=THERE),
        koubai.linspace(0, 1, 3, device=THERE),
        koubai.tril_indices(2, 2, device=THERE),
        koubai.randperm(3, device=THERE),
        koubai.randint(3, (2,), device=THERE),
        koubai.zeros_like(like),
        koubai.rand_like(like),
        koubai.tensor(like),
        like.new_zeros(2),
        like.new_full((2,), 1),
        like.new_tensor([1]),
        koubai.normal(like, 1.0),
        koubai.bernoulli(like),
        koubai.multinomial(like + 1, 2),
    ):
        assert made.device == THERE
        assert isinstance(made.payload, Array)
    assert koubai.zeros_like(like, device="cpu").device == "cpu"
    assert koubai.tensor([1.0], device=THERE, requires_grad=True).is_leaf


def test_random_numbers_are_the_same_on_every_device() -> None:
    def numbers(device: str) -> list[Any]:
        koubai.manual_seed(4)
        x = koubai.empty(3, 4, device=device)
        drawn = [
            koubai.randn(3, device=device),
            x.normal_(),
            koubai.nn.functional.dropout(x + 1),
            x.exponential_(),
        ]
        return [tensor.tolist() for tensor in drawn]

    assert numbers(THERE) == numbers("cpu")


def test_operands_on_different_devices_are_refused() -> None:
    x, y = koubai.ones(2, 3), koubai.ones(2, 3).to(THERE)
    message = (
        r"add: its operands live on different devices: float32\[2, 3\] on stand-in and float32\[2, 3\] on cpu"
    )
    with pytest.raises(RuntimeError, match=message):
        y + x
    with pytest.raises(RuntimeError, match="matmul: its operands"):
        nn.Linear(3, 2)(y)
    with pytest.raises(RuntimeError, match="different devices"):
        koubai.cat([x, y])
    assert (y + koubai.tensor(2.0)).device == THERE  # a single number may come from anywhere
    assert (y * 2 + 1).tolist() == [[3.0] * 3] * 2


def test_what_is_written_into_a_tensor_comes_to_its_device() -> None:
    x = koubai.zeros(3, 2, device=THERE)
    x[0] = 1
    x[1] = koubai.tensor([2.0, 3.0])
    x[[2]] = np.array([[4.0, 5.0]])
    assert x.device == THERE
    assert x.tolist() == [[1, 1], [2, 3], [4, 5]]
    number = koubai.zeros((), device=THERE)
    number.copy_(koubai.tensor(3.0))
    number += 1
    assert number.device == THERE
    assert number.item() == 4.0
    assert x[koubai.tensor([2, 0])].tolist() == [[4, 5], [1, 1]]
    assert x[np.array([True, False, False])].tolist() == [[1, 1]]


def test_of_several_values_for_one_place_the_last_one_counts() -> None:
    places = koubai.tensor([1, 0, 1, 1])
    for device in ("cpu", THERE):
        values = koubai.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
        x = koubai.zeros(3, device=device)
        x[places.to(device)] = values.to(device)
        assert x.tolist() == [2, 4, 0]
        x.sum().backward()
        assert values.grad is not None
        assert values.grad.tolist() == [0, 1, 0, 1]


def test_singular_matrices_are_refused() -> None:
    singular = koubai.ones(2, 2, device=THERE)
    with pytest.raises(RuntimeError, match="is singular"):
        koubai.linalg.inv(singular)
    with pytest.raises(RuntimeError, match="is singular"):
        koubai.linalg.solve(singular, koubai.ones(2, 1, device=THERE))
    with pytest.raises(RuntimeError, match="not positive-definite"):
        koubai.linalg.cholesky(-singular)


def test_a_loop_over_time_takes_constants_of_its_step_along() -> None:
    def last(device: str) -> Tensor:
        weight = koubai.tensor([[0.5, 0.1], [0.2, 0.3]], device=device, requires_grad=True)
        total, _ = koubai.scan(
            lambda h, x: ((h @ weight + x).tanh() * koubai.tensor([1.0, 2.0]) + koubai.arange(2), h.sum()),
            koubai.zeros(2, 2, device=device),
            koubai.ones(3, 2, 2, device=device),
        )
        total.sum().backward()
        assert weight.grad is not None
        return weight.grad.cpu()

    assert koubai.allclose(last(THERE), last("cpu"))


def test_a_function_of_the_users_runs_there_too() -> None:
    class Twice(koubai.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
            return x * 2, x * 3

        @staticmethod
        def backward(ctx: Any, g: Tensor, unused: Tensor) -> Tensor:
            assert unused.device == THERE
            return g * 2 + unused

    x = koubai.ones(2, device=THERE, requires_grad=True)
    Twice.apply(x)[0].sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 2.0]
    again = koubai.checkpoint(lambda x: (x * x).sin(), x)
    again.sum().backward()
    assert x.grad.device == THERE


def test_a_compiled_function_of_tensors_elsewhere_runs_eagerly(caplog: pytest.LogCaptureFixture) -> None:
    step = koubai.compile(lambda x: (x * 2).sum())
    x = koubai.ones(3, device=THERE)
    assert step(x).item() == step(x).item() == 6.0
    assert step(x).device == THERE
    assert [record.getMessage().partition(" runs eagerly: ")[2] for record in caplog.records] == [
        "it has tensors on stand-in, and compiled code is for the CPU"
    ]


@pytest.mark.parametrize("moved", ["model", "argument", "both"])
def test_a_compiled_function_runs_eagerly_once_its_tensors_are_elsewhere(moved: str) -> None:
    layer = nn.Linear(3, 2)
    step = koubai.compile(lambda x: layer(x).sum())
    x = koubai.ones(4, 3)
    here = step(x).item()
    assert step.falls_back is None
    if moved != "argument":
        layer.to(THERE)
    if moved != "model":
        x = x.to(THERE)
    if moved == "both":
        assert step(x).item() == pytest.approx(here)
        assert step.scan(x[None]).item() == pytest.approx(here)
        assert step.each([(x,)]) == []
    else:
        with pytest.raises(RuntimeError, match="stand-in"):
            step(x)
    assert step.falls_back == "it has tensors on stand-in, and compiled code is for the CPU"


def test_a_traced_function_moves_nothing_to_another_device(caplog: pytest.LogCaptureFixture) -> None:
    step = koubai.compile(lambda x: x.to(THERE) * 2)
    assert step(koubai.ones(2)).device == THERE
    assert "cannot move tensors to stand-in" in caplog.text
    with pytest.raises(DataDependentError, match="cannot move tensors to stand-in"):
        koubai.trace(lambda x: x.to(THERE), koubai.ones(2))


# --- the device "cuda", with CuPy's module replaced


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A module `cupy` that finds one GPU, made of the stand-in."""
    runtime = SimpleNamespace(
        CUDARuntimeError=type("CUDARuntimeError", (RuntimeError,), {}),
        getDeviceCount=lambda: 1,
        getDevice=lambda: 0,
        getDeviceProperties=lambda number: {"name": b"Stand-in"},
    )
    cuda = SimpleNamespace(runtime=runtime, Device=lambda number: nullcontext())
    fakes = {
        "array": lambda x: Array(x.copy()),
        "asnumpy": lambda x: x.values.copy(),
        "ndarray": Array,
        "cuda": cuda,
    }
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(**vars(stand_in.cupy) | fakes))  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "cupyx", SimpleNamespace(errstate=stand_in._errstate))  # type: ignore[arg-type]
    monkeypatch.setattr(arrays, "_libraries", dict(arrays._libraries))
    monkeypatch.setattr(Array, "device", SimpleNamespace(id=0), raising=False)
    cupy_arrays.library.cache_clear()
    yield runtime
    cupy_arrays.library.cache_clear()


def test_a_gpu_is_found_and_used(gpus: SimpleNamespace) -> None:
    assert koubai.cuda.is_available()
    assert (koubai.cuda.device_count(), koubai.cuda.current_device()) == (1, 0)
    assert koubai.cuda.get_device_name() == "Stand-in"
    layer = nn.Linear(3, 2).cuda()
    assert layer.weight.device == koubai.device("cuda", 0)
    assert layer.weight.is_cuda
    x = koubai.ones(4, 3, device="cuda", requires_grad=True)
    assert x.to("cuda") is x.cuda() is x.to("cuda:0") is x
    (layer(x) ** 2).sum().backward()
    assert x.grad is not None
    assert repr(x.grad).endswith("device='cuda:0')")
    with pytest.raises(RuntimeError, match="there is no device 'cuda:1': this machine has 1, counted from 0"):
        x.to("cuda:1")
    with pytest.raises(
        RuntimeError, match=r"mul: its operands live on different devices: .* on cuda:0 and .* on cpu"
    ):
        x * koubai.ones(3)


def test_a_machine_without_a_gpu_says_so_although_cupy_is_installed(gpus: SimpleNamespace) -> None:
    def none() -> int:
        raise gpus.CUDARuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")

    gpus.getDeviceCount = none
    assert not koubai.cuda.is_available()
    with pytest.raises(
        RuntimeError, match="CuPy is installed, but finds no GPU to compute on: cudaErrorNoDevice"
    ):
        koubai.zeros(1).cuda()
