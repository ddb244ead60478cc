"""What holds for every layer: its gradient is the numerical one, it traces and compiles, it copies, and it moves by its
state."""

import copy

import numpy as np
import pytest

import koubai
from koubai import nn

from ..compiler.differential import check_compiled

LAYERS = {
    "Linear": (lambda: nn.Linear(3, 2), [(4, 3)]),
    "Bilinear": (lambda: nn.Bilinear(3, 2, 2), [(4, 3), (4, 2)]),
    "Residual": (lambda: nn.Residual(nn.Linear(3, 3)), [(4, 3)]),
    "Sequential": (lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), [(4, 3)]),
    "Conv1d": (lambda: nn.Conv1d(2, 4, 3, stride=2, padding=1, groups=2), [(2, 2, 6)]),
    "Conv2d": (
        lambda: nn.Conv2d(2, 3, 3, padding="same", dilation=2, padding_mode="reflect"),
        [(1, 2, 5, 5)],
    ),
    "Conv3d": (lambda: nn.Conv3d(1, 2, 2, bias=False), [(1, 1, 3, 3, 3)]),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(2, 2, 3, stride=2, output_padding=1), [(2, 2, 4)]),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(2, 4, 3, stride=2, padding=1, groups=2), [(1, 2, 3, 3)]),
    "ConvTranspose3d": (lambda: nn.ConvTranspose3d(1, 1, 2, dilation=2), [(1, 1, 2, 2, 2)]),
    "MaxPool1d": (lambda: nn.MaxPool1d(2, stride=1), [(2, 2, 5)]),
    "MaxPool2d": (lambda: nn.MaxPool2d(2, ceil_mode=True), [(1, 2, 5, 5)]),
    "MaxPool3d": (lambda: nn.MaxPool3d(2), [(1, 1, 4, 4, 4)]),
    "AvgPool1d": (lambda: nn.AvgPool1d(2), [(2, 2, 6)]),
    "AvgPool2d": (lambda: nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False), [(1, 2, 5, 5)]),
    "AvgPool3d": (lambda: nn.AvgPool3d(2, divisor_override=3), [(1, 1, 4, 4, 4)]),
    "LPPool2d": (lambda: nn.LPPool2d(2, 2), [(1, 2, 4, 4)]),
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d((2, 3)), [(1, 2, 5, 4)]),
    "AdaptiveMaxPool1d": (lambda: nn.AdaptiveMaxPool1d(2), [(1, 2, 5)]),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(3), [(4, 3)]),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(2, momentum=None), [(2, 2, 3, 2)]),
    "BatchNorm2d evaluated": (lambda: nn.BatchNorm2d(2).eval(), [(2, 2, 3, 2)]),
    "InstanceNorm1d": (lambda: nn.InstanceNorm1d(2, affine=True, track_running_stats=True), [(2, 2, 5)]),
    "LayerNorm": (lambda: nn.LayerNorm((2, 3)), [(4, 2, 3)]),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), [(2, 4, 3)]),
    "RMSNorm": (lambda: nn.RMSNorm(5), [(3, 5)]),
    "LocalResponseNorm": (lambda: nn.LocalResponseNorm(3, alpha=0.3), [(2, 4, 3)]),
    "Flatten": (lambda: nn.Flatten(), [(2, 3, 4)]),
    "Unflatten": (lambda: nn.Unflatten(1, (2, 3)), [(2, 6)]),
    "Unfold": (lambda: nn.Unfold(2, padding=1), [(1, 2, 3, 3)]),
    "Fold": (lambda: nn.Fold((3, 4), 2), [(1, 8, 6)]),
    "PixelShuffle": (lambda: nn.PixelShuffle(2), [(1, 4, 2, 3)]),
    "PixelUnshuffle": (lambda: nn.PixelUnshuffle(2), [(1, 2, 4, 2)]),
    "ChannelShuffle": (lambda: nn.ChannelShuffle(2), [(1, 4, 2)]),
    "Upsample": (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), [(1, 2, 3, 3)]),
    "ReflectionPad2d": (lambda: nn.ReflectionPad2d(1), [(1, 2, 3, 3)]),
    "CircularPad1d": (lambda: nn.CircularPad1d(2), [(1, 2, 4)]),
    "ConstantPad3d": (lambda: nn.ConstantPad3d(1, 2.0), [(1, 1, 2, 2, 2)]),
    "CosineSimilarity": (lambda: nn.CosineSimilarity(), [(3, 4), (3, 4)]),
    "PairwiseDistance": (lambda: nn.PairwiseDistance(), [(3, 4), (3, 4)]),
    "SeparableConv1d": (lambda: nn.SeparableConv1d(2, 3, 3, stride=2, padding=1), [(2, 2, 6)]),
    "SeparableConv2d": (
        lambda: nn.SeparableConv2d(2, 3, 3, padding="same", dilation=2, padding_mode="reflect"),
        [(1, 2, 5, 5)],
    ),
    "SqueezeExcitation": (lambda: nn.SqueezeExcitation(4, 2, nn.Tanh), [(2, 4, 3, 2)]),
    "SinusoidalPositions": (lambda: nn.SinusoidalPositions(4), [(3, 2, 4)]),
    "LearnedPositions": (lambda: nn.LearnedPositions(4, 5, batch_first=True), [(2, 3, 4)]),
    "RotaryPositions": (lambda: nn.RotaryPositions(4), [(2, 3, 4)]),
}


@pytest.fixture(params=LAYERS)
def case(request):
    """A layer in float64, and inputs for it."""
    koubai.manual_seed(7)
    make, shapes = LAYERS[request.param]
    layer = make().double()
    return layer, [koubai.randn(*shape, dtype=koubai.float64) for shape in shapes]


def test_gradients_of_inputs_and_parameters_are_the_numerical_ones(case):
    layer, inputs = case
    names = [name for name, _ in layer.named_parameters()]
    count = len(inputs)

    def function(*values):
        twin = copy.deepcopy(layer)
        for name, value in zip(names, values[count:], strict=True):
            owner, _, last = name.rpartition(".")
            delattr(twin.get_submodule(owner), last)
            object.__setattr__(twin.get_submodule(owner), last, value)
        return twin(*values[:count])

    parameters = [parameter.detach() for parameter in layer.parameters()]
    koubai.check_gradients(function, *inputs, *parameters, order=2)


def test_a_traced_training_step_is_the_eager_one(case):
    layer, inputs = case
    twin = copy.deepcopy(layer)

    def step(model, *values):
        model.zero_grad()
        output = model(*values)
        output.square().sum().backward()
        return [output, *(parameter.grad for parameter in model.parameters())]

    def differentiable():
        return [x.clone().requires_grad_() for x in inputs]

    program = koubai.trace(lambda *values: step(layer, *values), *differentiable())
    check_compiled(program, differentiable())
    for _ in range(2):
        for traced, eager in zip(program(*differentiable()), step(twin, *differentiable()), strict=True):
            assert np.array_equal(traced.numpy(force=True), eager.numpy(force=True))
    for traced, eager in zip(layer.buffers(), twin.buffers(), strict=True):
        assert np.array_equal(traced.numpy(), eager.numpy())


def test_a_copy_and_a_layer_with_the_same_state_compute_the_same(case):
    layer, inputs = case
    expected = copy.deepcopy(layer)(*inputs).numpy(force=True)
    other = copy.deepcopy(layer)
    for parameter in other.parameters():
        nn.init.zeros_(parameter)
    other.load_state_dict(layer.state_dict())
    assert np.array_equal(other(*inputs).numpy(force=True), expected)


def test_the_printed_form_names_the_class(case):
    layer, _ = case
    assert repr(layer).startswith(f"{type(layer).__name__}(")
