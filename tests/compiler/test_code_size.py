"""Code grows neither with the length of a sequence nor with layers that are like others, and repeats no work."""

import re

import pytest

import koubai
from koubai import nn, optim
from koubai.compiler.build import build


def blueprint_of(model, inputs, optimizer=optim.AdamW):
    """Build a training step of a model for one thread; several would share long products unlike short ones."""
    optimizer = optimizer(model.parameters(), lr=1e-3)

    @koubai.compile(verify=False)
    def step(inputs):
        optimizer.zero_grad()
        loss = model(inputs).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    compiled, _ = step.prepare((inputs,))
    return build(compiled.program.graph, compiled.roles, compiled.target, threads=1)


def kernels_in(blueprint):
    """The functions of kernels that were written."""
    return re.findall(r"^define .*@k\d+_.*$", blueprint.module.text, re.MULTILINE)


def calls_in(blueprint):
    """The calls of kernels."""
    return re.findall(r"^ *call void @k\d+_.*$", blueprint.module.text, re.MULTILINE)


class LastOfLSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(8, 16)

    def forward(self, inputs):
        return self.lstm(inputs)[0]


def bodies_in(blueprint):
    """The text of each kernel's function."""
    return re.findall(r"^define .*@k\d+_.*\n(?:.*\n)*?\}$", blueprint.module.text, re.MULTILINE)


def transformer(layers):
    layer = {"d_model": 16, "nhead": 2, "dim_feedforward": 32, "dropout": 0.0, "batch_first": True}
    return nn.Sequential(*(nn.TransformerEncoderLayer(**layer) for _ in range(layers)))


@pytest.fixture(scope="module")
def lengths():
    return [blueprint_of(LastOfLSTM(), koubai.ones(length, 4, 8)) for length in (16, 512)]


@pytest.fixture(scope="module")
def depths():
    return [blueprint_of(transformer(layers), koubai.ones(4, 8, 16)) for layers in (8, 24)]


def test_a_longer_sequence_has_no_more_code(lengths):
    """At most one kernel more: a long sum, of the bias's gradient over all times, is taken in two steps."""
    short, long = lengths
    assert 0 < len(kernels_in(short)) <= len(kernels_in(long)) <= len(kernels_in(short)) + 1
    assert len(calls_in(long)) <= len(calls_in(short)) + 1
    assert len(long.module.text) < 1.1 * len(short.module.text)


def test_equal_layers_share_their_code(depths):
    """Their kernels are written once, and so is what calls them: as a loop."""
    few, many = depths
    assert len(kernels_in(many)) == len(kernels_in(few)) > 0
    assert len(calls_in(many)) == len(calls_in(few))
    assert len(many.module.text) < 1.1 * len(few.module.text)


def test_what_is_the_same_for_all_elements_is_computed_once():
    """The learning rate, a float64, is rounded before the loops over a weight and not in them."""
    blueprint = blueprint_of(nn.Linear(64, 48), koubai.ones(32, 64), optim.SGD)
    rounding = [body for body in bodies_in(blueprint) if "fptrunc double" in body]
    assert rounding
    for body in rounding:
        assert body.count("fptrunc double") == 1
        assert body.index("fptrunc double") < body.index("\nloop")


def test_neighbouring_results_share_the_computation_of_their_places():
    """The tile of a product has many results, which lie at constant distances from the first."""
    blueprint = blueprint_of(nn.Linear(64, 48), koubai.ones(32, 64), optim.SGD)
    products = [body for body in bodies_in(blueprint) if "@llvm.fma" in body]
    assert products
    for body in products:
        computed = re.findall(r"getelementptr .*, i64 %", body)
        assert len(computed) < len(re.findall(r"^ *store <", body, re.MULTILINE))


@pytest.mark.parametrize("channels", [32, 64, 6, 48])
def test_groups_of_channels_are_normalized_along_memory(channels):
    """No number is fetched for a lane of its own, however many channels a group has.

    A narrow weight may be: it is copied transposed for the gradient of its input, a few numbers a step.
    """
    model = nn.Sequential(
        nn.Conv2d(3, channels, 1), nn.GroupNorm(2, channels), nn.SiLU(), nn.Conv2d(channels, 16, 1)
    )
    bodies = bodies_in(blueprint_of(model, koubai.ones(4, 3, 8, 8)))
    assert any("@llvm.sqrt" in body for body in bodies)
    for body in bodies:
        assert "_copy" in body.splitlines()[0] or "masked.gather" not in body
