"""`summary` counts without computing, and leaves the model as it was."""

import pytest

import koubai
from koubai import nn


def convnet() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(4 * 8 * 8, 10),
    )


def test_parameters_and_multiply_adds_of_each_layer():
    model = convnet()
    model[5].weight.requires_grad_(False)
    result = nn.summary(model, koubai.zeros(2, 1, 8, 8), show=False)
    rows = {layer.path: layer for layer in result.layers}
    assert [rows[path].parameters for path in ("0", "1", "5")] == [40, 8, 2570]
    assert rows["5"].trainable == 10
    assert rows["0"].multiply_adds == 2 * 4 * 8 * 8 * 9
    assert rows["5"].multiply_adds == 2 * 256 * 10
    assert rows["0"].output_shapes == [(2, 4, 8, 8)]
    assert result.total("parameters") == 2618
    assert result.parameter_bytes == 4 * 2618


def test_activations_grow_with_the_batch():
    layer = nn.Sequential(nn.Linear(10, 20), nn.Tanh(), nn.Linear(20, 5))
    result = nn.summary(layer, koubai.zeros(4, 10), show=False)
    assert result.total("activations") == 4 * 20 * 4  # tanh's output; the input is the caller's
    assert result.activations_at(32) == 32 * 20 * 4


def test_the_table_is_printed(capsys):
    result = nn.summary(nn.Sequential(nn.Linear(10, 20), nn.Linear(20, 5)), koubai.zeros(4, 10))
    printed = capsys.readouterr().out
    assert printed == f"{result}\n"
    lines = printed.splitlines()
    assert lines[0].split() == [
        "layer", "output", "shape", "parameters", "trainable", "multiply-adds", "activations",
    ]  # fmt: skip
    assert lines[2].split() == ["0", "(Linear)", "(4,", "20)", "220", "220", "800"]
    assert "activations by batch size: 1: " in printed
    assert repr(result) == "<Summary of Sequential: 325 parameters>"


def test_nothing_is_changed():
    model = convnet()
    model[4].eval()
    koubai.manual_seed(0)
    state = koubai.get_rng_state().tolist()
    nn.summary(model, koubai.zeros(2, 1, 8, 8), show=False)
    assert koubai.get_rng_state().tolist() == state
    assert model[1].num_batches_tracked.item() == 0
    assert model[1].running_mean.tolist() == [0] * 4
    assert model.training
    assert not model[4].training
    assert not any(module._hooks for module in model.modules())


def test_an_error_leaves_no_hooks_behind():
    model = convnet()
    with pytest.raises(RuntimeError, match="conv2d"):
        nn.summary(model, koubai.zeros(2, 3, 8, 8))
    assert not any(module._hooks for module in model.modules())


def test_shared_and_unused_layers():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used = nn.Linear(3, 3)
            self.unused = nn.Linear(3, 3)

        def forward(self, x, y):
            return self.used(self.used(x)) @ y

    result = nn.summary(Net(), (koubai.zeros(2, 3), koubai.zeros(3, 3)), show=False)
    rows = {layer.path: layer for layer in result.layers}
    assert rows["used"].parameters == 12
    assert rows["used"].multiply_adds == 2 * 2 * 9
    assert rows[""].multiply_adds == 2 * 9
    assert "unused (Linear)  not called" in str(result)


def test_mode_is_train_or_eval():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    with pytest.raises(ValueError, match="more than one value per channel"):
        nn.summary(model, koubai.zeros(1, 2))
    nn.summary(model, koubai.zeros(1, 2), mode="eval", show=False)
    with pytest.raises(ValueError, match="'train' or 'eval', got 'test'"):
        nn.summary(model, koubai.zeros(1, 2), mode="test")
