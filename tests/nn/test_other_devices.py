"""Layers, losses and trainings on another device, the stand-in for a GPU: the same numbers as on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import koubai
from koubai import Tensor, nn
from koubai.nn import functional as F

from ..compiler.test_every_layer import CASES, LOSSES
from ..engine.stand_in import Array
from .networks import NETWORKS, both, losses_of
from .test_every_layer import LAYERS

ALL = CASES | LOSSES


def results_of(layer: Any, inputs: list[Tensor]) -> list[Tensor]:
    """What a layer gives, the gradients of its inputs and parameters, and its buffers afterwards."""
    outputs = layer(*inputs)
    listed = list(outputs) if isinstance(outputs, tuple) else [outputs]
    tensors = [x for x in listed if isinstance(x, Tensor)]
    tensors[0].sin().sum().backward()
    module = isinstance(layer, nn.Module)
    parameters, buffers = (list(layer.parameters()), list(layer.buffers())) if module else ([], [])
    return [*tensors, *(x.grad for x in [*inputs, *parameters] if x.grad is not None), *buffers]


def compare(layer: Any, inputs: list[Tensor], precision: float) -> None:
    """Compare a layer on both devices."""

    def run(layer: Any, device: str) -> list[Tensor]:
        own = [x.detach().to(device) for x in inputs]
        return results_of(layer, [x.requires_grad_(x.is_floating_point()) for x in own])

    there, here = both(run, layer, "stand-in")
    for ours, cpus in zip(there, here, strict=True):
        assert isinstance(ours.payload, Array)
        assert ours.dtype == cpus.dtype
        np.testing.assert_allclose(ours.numpy(force=True), cpus.numpy(force=True), precision, precision)


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer(name: str) -> None:
    make, shapes = LAYERS[name]
    layer = make().double()
    compare(layer, [koubai.randn(*shape, dtype=koubai.float64) for shape in shapes], 1e-12)


@pytest.mark.parametrize("name", ALL)
def test_whole_networks_and_losses(name: str) -> None:
    koubai.manual_seed(1)
    layer, *inputs = ALL[name]()
    compare(layer, inputs, 1e-4)


def test_a_module_takes_everything_along_and_stays_the_same() -> None:
    layer = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    layer(koubai.ones(2, 1, 4, 4)).sum().backward()
    parameters = list(layer.parameters())
    assert layer.to("stand-in") is layer
    assert all(a is b for a, b in zip(layer.parameters(), parameters))
    tensors = [*parameters, *(p.grad for p in parameters), *layer.buffers()]
    assert {str(tensor.device) for tensor in tensors} == {"stand-in"}
    assert {
        str(tensor.device) for tensor in layer.to(koubai.zeros(1, dtype=koubai.float64)).state_dict().values()
    } == {"cpu"}
    assert layer[0].weight.dtype == koubai.float64
    assert layer[1].num_batches_tracked.dtype == koubai.int64


def test_layers_are_made_on_a_device_with_the_weights_that_they_would_have_on_the_cpu() -> None:
    for make in (
        lambda **kind: nn.Linear(3, 2, **kind),
        lambda **kind: nn.Conv2d(1, 2, 3, **kind),
        lambda **kind: nn.GRU(3, 2, **kind),
        lambda **kind: nn.TransformerEncoderLayer(4, 2, 8, **kind),
        lambda **kind: nn.BatchNorm1d(3, **kind),
        lambda **kind: nn.Embedding(5, 2, padding_idx=1, **kind),
        lambda **kind: nn.RotaryPositions(4, **kind),
    ):
        koubai.manual_seed(3)
        here = make()
        koubai.manual_seed(3)
        there = make(device="stand-in")
        for ours, cpus in zip(
            [*there.parameters(), *there.buffers()], [*here.parameters(), *here.buffers()], strict=True
        ):
            assert ours.device == "stand-in"
            assert np.array_equal(ours.numpy(force=True), cpus.numpy(force=True))


def test_every_initialiser_fills_on_the_device() -> None:
    for name in koubai.nn.init.__all__:
        if not name.endswith("_") or name == "lsuv_":
            continue
        shape = (4, 4, 3) if name == "dirac_" else (4, 6)
        filled = []
        for device in ("stand-in", "cpu"):
            koubai.manual_seed(5)
            tensor = koubai.empty(*shape, device=device)
            arguments = {"constant_": (2.0,), "sparse_": (0.3,)}.get(name, ())
            try:
                getattr(nn.init, name)(tensor, *arguments)
            except TypeError:  # takes a model
                continue
            filled.append(tensor)
        if filled:
            assert filled[0].device == "stand-in"
            assert np.array_equal(filled[0].numpy(force=True), filled[1].numpy())


def test_a_state_is_loaded_from_any_device_and_saved_from_any(tmp_path: Any) -> None:
    here, there = nn.Linear(3, 2), nn.Linear(3, 2).to("stand-in")
    there.load_state_dict(here.state_dict())
    assert there.weight.device == "stand-in"
    koubai.save({"model": there.state_dict(), "epoch": 3}, tmp_path / "both")
    koubai.save(there.state_dict(), tmp_path / "model.safetensors")
    assert np.array_equal(
        koubai.load(tmp_path / "both")["model"]["weight"].numpy(), here.weight.numpy(force=True)
    )
    loaded = koubai.load(tmp_path / "model.safetensors", map_location="stand-in")
    assert loaded["weight"].device == "stand-in"
    other = nn.Linear(3, 2)
    other.load_state_dict(loaded)
    assert other.weight.device == "cpu"
    assert other.bias.tolist() == here.bias.tolist()


# --- trainings


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_trains_step_by_step_as_on_the_cpu(name: str) -> None:
    koubai.manual_seed(0)
    make, data = NETWORKS[name]
    model, x = make(), data()
    there, here = both(lambda m, device: losses_of(m, device, x, 5), model, "stand-in")
    assert here[-1] < here[0]
    np.testing.assert_allclose(there, here, 1e-5)


OPTIMIZERS = [
    name
    for name, kind in vars(koubai.optim).items()
    if isinstance(kind, type)
    and issubclass(kind, koubai.optim.Optimizer)
    and kind is not koubai.optim.Optimizer
]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_steps_on_the_device_of_its_parameters(name: str) -> None:
    def train(model: nn.Module, device: str) -> list[float]:
        optimizer = getattr(koubai.optim, name)(model.parameters(), lr=0.01)
        x, y = koubai.randn(6, 5).to(device), koubai.randn(6, 3).to(device)

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), y)
            loss.backward()
            return loss

        losses = [float(optimizer.step(closure)) for _ in range(2)]
        state = optimizer.state_dict()
        other = getattr(koubai.optim, name)(model.parameters(), lr=0.01)
        other.load_state_dict(state)
        optimizer = other
        return [*losses, float(optimizer.step(closure))]

    koubai.manual_seed(0)
    bias = name != "Muon"  # which is for matrices
    model = nn.Sequential(nn.Linear(5, 8, bias), nn.Tanh(), nn.Linear(8, 3, bias))
    there, here = both(train, model, "stand-in")
    np.testing.assert_allclose(there, here, 1e-5)
