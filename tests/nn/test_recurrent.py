"""Recurrent layers are their cells repeated over time, in every arrangement of layers, directions and batches."""

import itertools

import numpy as np
import pytest

import koubai
from koubai import nn

from .agreement import check_layer, close, double, tensors


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def rnn_step(x, state, w):
    (h,) = state
    return (np.tanh(x @ w["ih"].T + w["bias_ih"] + h @ w["hh"].T + w["bias_hh"]),)


def relu_step(x, state, w):
    (h,) = state
    return (np.maximum(x @ w["ih"].T + w["bias_ih"] + h @ w["hh"].T + w["bias_hh"], 0),)


def lstm_step(x, state, w):
    h, c = state
    i, f, g, o = np.split(x @ w["ih"].T + w["bias_ih"] + h @ w["hh"].T + w["bias_hh"], 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return (h if w["hr"] is None else h @ w["hr"].T), c


def gru_step(x, state, w):
    (h,) = state
    r_in, z_in, n_in = np.split(x @ w["ih"].T + w["bias_ih"], 3, axis=-1)
    r_h, z_h, n_h = np.split(h @ w["hh"].T + w["bias_hh"], 3, axis=-1)
    z, r = sigmoid(z_in + z_h), sigmoid(r_in + r_h)
    return ((1 - z) * np.tanh(n_in + r * n_h) + z * h,)


STEPS = {nn.RNN: rnn_step, nn.LSTM: lstm_step, nn.GRU: gru_step}


def weights_of(layer, suffix):
    def array(name):
        parameter = getattr(layer, name + suffix, None)
        return None if parameter is None else parameter.numpy(force=True)

    found = {short: array(f"weight_{short}") for short in ("ih", "hh", "hr")}
    zeros = np.zeros(len(found["ih"]))
    for name in ("bias_ih", "bias_hh"):
        value = array(name)
        found[name] = zeros if value is None else value
    return found


def unrolled(layer, step, x, state):
    """What a layer should give for x (T, N, I) and a first state, by a plain loop."""
    last = []
    for number in range(layer.num_layers):
        outputs = []
        for direction in range(1 + layer.bidirectional):
            w = weights_of(layer, f"_l{number}" + "_reverse" * direction)
            now = tuple(part[len(last)] for part in state)
            ys = [None] * len(x)
            for t in range(len(x))[:: -1 if direction else 1]:
                now = step(x[t], now, w)
                ys[t] = now[0]
            last.append(now)
            outputs.append(np.stack(ys))
        x = np.concatenate(outputs, -1)
    return x, [np.stack(part) for part in zip(*last)]


def first_state(layer, samples):
    widths = [layer.proj_size or layer.hidden_size, layer.hidden_size][: layer.states]
    count = layer.num_layers * (1 + layer.bidirectional)
    return [double(count, samples, width, seed=n) for n, width in enumerate(widths)]


@pytest.fixture(autouse=True)
def _seed():
    koubai.manual_seed(0)


ARRANGEMENTS = [
    {},
    {"bias": False},
    {"num_layers": 2},
    {"bidirectional": True},
    {"num_layers": 2, "bidirectional": True, "batch_first": True},
]


@pytest.mark.parametrize(("kind", "settings"), list(itertools.product(STEPS, ARRANGEMENTS)))
def test_values_are_the_loops(kind, settings):
    layer, x = kind(3, 4, **settings, dtype=koubai.float64), double(5, 2, 3)
    state = first_state(layer, 2)
    output, last = layer(
        x.transpose(0, 1) if layer.batch_first else x, state[0] if len(state) == 1 else state
    )
    expected, expected_last = unrolled(layer, STEPS[kind], x.numpy(), [part.numpy() for part in state])
    close(output.transpose(0, 1) if layer.batch_first else output, expected)
    for part, wanted in zip(tensors(last), expected_last, strict=True):
        close(part, wanted)


def test_relu_and_projections():
    layer, x = nn.RNN(3, 4, nonlinearity="relu", dtype=koubai.float64), double(5, 2, 3)
    (h,) = first_state(layer, 2)
    close(layer(x, h)[0], unrolled(layer, relu_step, x.numpy(), [h.numpy()])[0])
    layer = nn.LSTM(3, 4, 2, proj_size=2, bidirectional=True, dtype=koubai.float64)
    h, c = first_state(layer, 2)
    output, last = layer(x, (h, c))
    expected, expected_last = unrolled(layer, lstm_step, x.numpy(), [h.numpy(), c.numpy()])
    close(output, expected)
    close(last[0], expected_last[0])
    assert [tuple(part.shape) for part in last] == [(4, 2, 2), (4, 2, 4)]


@pytest.mark.parametrize("kind", STEPS)
def test_without_a_batch_and_from_zeros(kind):
    layer, x = kind(3, 4, 2, batch_first=True, dtype=koubai.float64), double(5, 3)
    output, last = layer(x)
    batched, batched_last = layer(x[None])
    assert output.shape == (5, 4)
    assert output.equal(batched[0])
    for one, many in zip(tensors(last), tensors(batched_last), strict=True):
        assert one.shape == (2, 4)
        assert one.equal(many[:, 0])
    zeros = tuple(koubai.zeros(2, 4, dtype=koubai.float64) for _ in range(layer.states))
    assert layer(x, zeros if layer.states > 1 else zeros[0])[0].equal(output)


@pytest.mark.parametrize("kind", STEPS)
@pytest.mark.parametrize("settings", [{}, {"num_layers": 2, "bidirectional": True}])
def test_gradients_to_second_order_and_replay(kind, settings):
    check_layer(kind(2, 3, **settings).double(), double(4, 2, 2))


def test_gradients_of_the_first_state_and_of_projections():
    layer = nn.LSTM(2, 3, proj_size=2).double()

    class FromState(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, x, h, c):
            return self.layer(x, (h, c))

    check_layer(FromState(), double(3, 2, 2), *first_state(layer, 2))


def test_dropout_acts_between_layers_while_training():
    layer, x = nn.GRU(3, 4, 2, dropout=0.5), double(6, 8, 3).float()
    assert not layer(x)[0].equal(layer(x)[0])
    layer.eval()
    assert layer(x)[0].equal(layer(x)[0])
    program = koubai.trace(layer.train(), x)
    koubai.manual_seed(4)
    eager = layer(x)[0]
    koubai.manual_seed(4)
    assert program(x)[0].equal(eager)
    with pytest.warns(UserWarning, match="LSTM: dropout acts between layers, and there is only one"):
        nn.LSTM(3, 4, dropout=0.5)


def test_the_first_layer_does_not_drop_its_input():
    layer = nn.RNN(3, 4, 2, dropout=1.0)
    x = double(5, 2, 3).float()
    first = layer(x)[1][0]
    assert first.equal(layer.eval()(x)[1][0])


def test_the_whole_loop_is_one_op_in_a_traced_program():
    layer = nn.LSTM(3, 4, 2)
    program = koubai.trace(lambda x: layer(x)[0], koubai.ones(50, 2, 3))
    assert [node.op.name for node in program.graph.nodes].count("scan") == 2


def test_weights_have_pytorchs_names_and_start_within_the_bound():
    layer = nn.LSTM(3, 16, 2, bidirectional=True, proj_size=5)
    directions = ["l0", "l0_reverse", "l1", "l1_reverse"]
    kinds = ["weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"]
    assert list(layer.state_dict()) == [f"{kind}_{end}" for end in directions for kind in kinds]
    assert layer.weight_ih_l1.shape == (64, 10)
    assert layer.weight_hh_l0.shape == (64, 5)
    for parameter in layer.parameters():
        assert 0.2 < parameter.abs().max().item() <= 0.25


def test_the_printed_form():
    assert repr(nn.GRU(3, 4)) == "GRU(3, 4)"
    assert repr(nn.LSTM(3, 4, 2, dropout=0.5)) == "LSTM(3, 4, num_layers=2, dropout=0.5)"
    assert repr(nn.LSTMCell(3, 4, bias=False)) == "LSTMCell(3, 4, bias=False)"


@pytest.mark.parametrize("kind", STEPS)
def test_a_long_sequence_learns(kind):
    layer = kind(1, 4)
    x = koubai.randn(300, 2, 1)
    layer(x)[0].square().mean().backward()
    assert all(parameter.grad.isfinite().all() for parameter in layer.parameters())


# --- single steps

CELLS = {nn.RNNCell: nn.RNN, nn.LSTMCell: nn.LSTM, nn.GRUCell: nn.GRU}


@pytest.mark.parametrize("kind", CELLS)
def test_steps_in_a_loop_are_the_layer(kind):
    cell, x = kind(3, 4, dtype=koubai.float64), double(5, 2, 3)
    layer = CELLS[kind](3, 4, dtype=koubai.float64)
    layer.load_state_dict({f"{name}_l0": value for name, value in cell.state_dict().items()})
    state = None
    for now in x:
        state = cell(now, state)
    for part, last in zip(tensors(state), tensors(layer(x)[1]), strict=True):
        close(part, last[0].numpy(force=True))
    check_layer(cell, x[0])
    close(tensors(cell(x[0, 0]))[0], tensors(cell(x[0]))[0][0].numpy(force=True))


def test_a_relu_cell_without_biases():
    cell, x = nn.RNNCell(3, 4, bias=False, nonlinearity="relu"), double(2, 3).float()
    close(cell(x), np.maximum(x.numpy() @ cell.weight_ih.numpy(force=True).T, 0), 1e-6)


# --- mistakes


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: nn.LSTM(0, 4), "LSTM: input_size must be positive, got 0"),
        (lambda: nn.GRU(3, 4, num_layers=0), "GRU: num_layers must be positive"),
        (lambda: nn.GRU(3, 4, 2, dropout=1.5), r"dropout is a probability, between 0 and 1, got 1\.5"),
        (lambda: nn.LSTM(3, 4, proj_size=4), "proj_size must be smaller than hidden_size 4, got 4"),
        (lambda: nn.RNN(3, 4, nonlinearity="gelu"), "nonlinearity is 'tanh' or 'relu', got 'gelu'"),
        (lambda: nn.RNNCell(3, 4, nonlinearity="gelu"), "nonlinearity is 'tanh' or 'relu', got 'gelu'"),
    ],
)
def test_wrong_settings(make, match):
    with pytest.raises(ValueError, match=match):
        make()


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: nn.LSTM(3, 4)(double(3)), ValueError, r"LSTM: expected \(T, N, 3\) or \(T, 3\), got \[3\]"),
        (lambda: nn.LSTM(3, 4, batch_first=True)(double(3)), ValueError, r"expected \(N, T, 3\) or \(T, 3\)"),
        (lambda: nn.GRU(3, 4)(double(5, 2, 2)), RuntimeError, r"\[5, 2, 2\] must be input_size 3"),
        (
            lambda: nn.GRU(3, 4)(double(5, 2, 3), double(1, 3, 4)),
            RuntimeError,
            r"shape \[1, 2, 4\].*got \[1, 3, 4\]",
        ),
        (lambda: nn.GRU(3, 4)(double(5, 3), double(1, 1, 4)), RuntimeError, r"the shape \[1, 4\]"),
        (
            lambda: nn.LSTM(3, 4)(double(5, 2, 3), double(1, 2, 4)),
            TypeError,
            r"LSTM: hx must be a pair of tensors",
        ),
        (
            lambda: nn.GRU(3, 4)(double(5, 3), (double(1, 4),) * 2),
            TypeError,
            "GRU: hx must be one tensor, got 2",
        ),
        (lambda: nn.LSTMCell(3, 4)(double(2, 2, 3)), ValueError, r"LSTMCell: input needs the shape \(N, 3\)"),
        (
            lambda: nn.GRUCell(3, 4)(double(2, 2)),
            RuntimeError,
            r"input needs the shape \[2, 3\], got \[2, 2\]",
        ),
        (lambda: nn.GRUCell(3, 4)(double(2, 3), double(3, 4)), RuntimeError, r"hx needs the shape \[2, 4\]"),
    ],
)
def test_inputs_that_do_not_fit(call, error, match):
    with pytest.raises(error, match=match):
        call()
