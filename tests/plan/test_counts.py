"""What a plan counts without measuring: products of the gradients, memory, recomputation."""

import numpy as np
import pytest

import koubai
from koubai import nn, optim
from koubai.engine.trace import trace
from koubai.nn.summary import multiply_adds, summary
from koubai.plan import plan
from koubai.plan.memory import MemoryModel
from koubai.plan.recomputation import recomputed, units


def small_mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))


MODELS = {
    "mlp": (small_mlp, (4, 3, 2, 2)),
    "cnn": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3, groups=2), nn.Flatten(), nn.Linear(16, 3)
        ),
        (4, 1, 6, 6),
    ),
    "transposed": (
        lambda: nn.Sequential(nn.Conv1d(2, 3, 3), nn.ConvTranspose1d(3, 2, 3), nn.Flatten()),
        (4, 2, 8),
    ),
    "frozen": (lambda: nn.Sequential(nn.Linear(5, 6).requires_grad_(False), nn.Linear(6, 3)), (4, 5)),
    "attention": (lambda: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True), (4, 5, 8)),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_products_of_the_gradients_are_those_that_a_sweep_makes(name):
    make, shape = MODELS[name]
    model, x = make(), koubai.rand(*shape)

    def swept(x):
        model(x).sum().backward()

    made = sum(map(multiply_adds, trace(swept, x).graph.nodes))
    counted = summary(model, x, show=False)
    assert counted.total("multiply_adds") + counted.total("backward_multiply_adds") == made


def test_a_recurrent_layer_takes_twice_as_many_products_backward_but_for_its_input():
    layer = nn.LSTM(3, 4, batch_first=True)
    counted = summary(layer, koubai.rand(2, 5, 3), show=False)
    forward = 2 * 5 * 16 * (3 + 4)
    assert counted.total("multiply_adds") == forward
    assert counted.total("backward_multiply_adds") == 2 * forward - 2 * 5 * 16 * 3


@pytest.mark.parametrize(
    ("optimizer", "copies"),
    [
        (lambda m: optim.SGD(m.parameters(), lr=0.1), 0),
        (lambda m: optim.SGD(m.parameters(), lr=0.1, momentum=0.9), 1),
        (lambda m: optim.Adam(m.parameters()), 2),
    ],
)
def test_memory_has_weights_gradients_state_and_activations(optimizer, copies):
    made = plan(small_mlp(), (100, 3, 2, 2), classes=3, optimizer=optimizer, measure=False, batch_size=10)
    parameters = 12 * 8 + 8 + 8 * 3 + 3
    row = made.footprint
    assert (row.weights, row.gradients) == (4 * parameters, 4 * parameters)
    assert copies * 4 * parameters <= row.state <= copies * 4 * parameters + 4 * 8  # and step counters
    assert row.activations == 10 * 4 * 8  # the hidden units; the input is the data's
    assert row.total == row.weights + row.gradients + row.state + row.activations
    assert made.prediction is None
    assert made.cost is None
    assert row.process == 0


def test_flops_are_two_for_each_multiplication_with_addition():
    made = plan(small_mlp(), (100, 12), classes=3, measure=False)
    assert made.forward_flops == 2 * (12 * 8 + 8 * 3)
    assert made.backward_flops == 2 * (12 * 8 + 2 * 8 * 3)


def test_recomputation_keeps_what_checkpointed_segments_keep():
    layers = [layer for _ in range(16) for layer in (nn.Linear(32, 32), nn.Tanh())]
    model, x = nn.Sequential(*layers), koubai.rand(8, 32)
    whole = summary(model, x, show=False)
    needed = recomputed(units(model, whole))
    segments = [nn.Sequential(*layers[at : at + 8]) for at in range(0, 32, 8)]

    class Checkpointed(nn.Module):
        def __init__(self):
            super().__init__()
            self.segments = nn.ModuleList(segments)

        def forward(self, x):
            for segment in self.segments:
                x = koubai.checkpoint(segment, x)
            return x

    between = summary(Checkpointed(), x, show=False).total("activations")
    inside = summary(segments[0], x, show=False).total("activations")
    assert needed <= between + inside
    assert needed < whole.total("activations") / 2


def test_a_residual_block_is_not_cut():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.other = nn.Linear(6, 6), nn.Linear(6, 6)

        def forward(self, x):
            return x + self.other(self.one(x).relu())

    model = nn.Sequential(nn.Linear(6, 6), nn.Sequential(Block(), Block()))
    parts = units(model, summary(model, koubai.rand(2, 6), show=False))
    assert [part.path for part in parts] == ["0", "1.0", "1.1"]


def test_the_largest_batch_fits_into_nine_tenths_of_the_memory():
    workload = plan(small_mlp(), (10_000, 12), classes=3, measure=False).workload
    one = MemoryModel(workload, (), 0).at(1)
    fixed = one.total - one.activations + workload.data_bytes
    each = 2 * one.activations + 2 * workload.examples.sample_bytes
    assert MemoryModel(workload, (), 0).largest() == 0
    limited = MemoryModel(workload, (), int((fixed + 100.5 * each) / 0.9))
    assert 100 <= limited.largest() <= 200
    assert limited.largest(recompute=True) >= limited.largest()
    assert limited.table()[-1].batch_size == limited.largest()
    assert MemoryModel(workload, (), 1000).largest() == 0


def test_data_that_do_not_fit_name_the_layer_and_the_shapes():
    with pytest.raises(ValueError, match=r"(?s)\(3, 4, 4\).*in layer 1 \(Linear\)"):
        plan(small_mlp(), (100, 3, 4, 4), classes=3, measure=False)
    with pytest.raises(TypeError, match="inputs and targets"):
        plan(small_mlp(), (np.zeros((3, 12)),), measure=False)
