"""Sequences of different lengths, packed or with their lengths given, are run as if each were alone."""

import numpy as np
import pytest

import koubai
from koubai import nn
from koubai.nn.utils import rnn

from .agreement import check, check_layer, close, double, tensors

LENGTHS = [3, 5, 1, 3]
LAYERS = [
    (nn.RNN, {"nonlinearity": "relu"}),
    (nn.GRU, {"num_layers": 2, "batch_first": True}),
    (nn.LSTM, {"bidirectional": True}),
    (nn.LSTM, {"num_layers": 2, "bidirectional": True, "proj_size": 2, "bias": False}),
]
each_layer = pytest.mark.parametrize(("kind", "settings"), LAYERS)


@pytest.fixture(autouse=True, params=[0, 1, 2])
def _seed(request):
    koubai.manual_seed(request.param)


def make(kind, settings):
    return kind(3, 4, **settings, dtype=koubai.float64)


def first_state(layer):
    count = layer.num_layers * (1 + layer.bidirectional)
    widths = [layer.proj_size or layer.hidden_size, layer.hidden_size][: layer.states]
    parts = tuple(double(count, 4, width, seed=width) for width in widths)
    return parts if layer.states > 1 else parts[0]


def of_sample(state, n):
    parts = tuple(part[:, n] for part in tensors(state))
    return parts if len(parts) > 1 else parts[0]


@each_layer
def test_a_batch_of_different_lengths_is_each_sample_alone(kind, settings):
    layer, x = make(kind, settings), double(5, 4, 3)
    state = first_state(layer)
    packed, last = layer(rnn.pack_padded_sequence(x, LENGTHS, enforce_sorted=False), state)
    rows = x.transpose(0, 1) if layer.batch_first else x
    output, masked_last = layer(rows, state, lengths=LENGTHS)
    output = output.transpose(0, 1) if layer.batch_first else output
    for n, (length, own) in enumerate(zip(LENGTHS, rnn.unpack_sequence(packed), strict=True)):
        alone, alone_last = layer(x[:length, n], of_sample(state, n))
        close(own, alone.numpy(force=True))
        close(output[:length, n], alone.numpy(force=True))
        assert not output[length:, n].any()
        for found in (last, masked_last):
            for one, other in zip(tensors(of_sample(found, n)), tensors(alone_last), strict=True):
                close(one, other.numpy(force=True))


@each_layer
def test_gradients_to_second_order_and_replay(kind, settings):
    layer = make(kind, settings | {"batch_first": False})
    check_layer(layer, double(3, 2, 3), lengths=[2, 3], order=1 + (kind is nn.GRU))


def test_packed_gradients_and_replay():
    layer = make(nn.GRU, {})

    def run(data, sizes, order):
        packed = rnn.PackedSequence(data, sizes, order, koubai.argsort(order))
        result, last = layer(packed)
        return result.data, last

    check(run, double(5, 3), koubai.tensor([2, 2, 1]), koubai.tensor([1, 0]))


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_what_stands_behind_an_end_does_not_matter(kind):
    layer, x = make(kind, {"bidirectional": True}), double(5, 4, 3)
    expected = layer(x, lengths=LENGTHS)
    noisy = x.clone()
    for n, length in enumerate(LENGTHS):
        noisy[length:, n] = np.nan
    found = layer(noisy.requires_grad_(), lengths=koubai.tensor(LENGTHS))
    for one, other in zip(tensors(found), tensors(expected), strict=True):
        assert one.equal(other)
    found[0].sum().backward()
    assert noisy.grad.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in layer.parameters())


def test_a_compiled_layer_takes_any_lengths():
    layer = nn.LSTM(3, 4, bidirectional=True)
    run = koubai.compile(lambda x, lengths: layer(x, lengths=lengths)[0])
    x = double(5, 4, 3).float()
    for lengths in ([5, 5, 5, 5], [1, 2, 3, 4], [0, 5, 1, 5]):
        close(run(x, koubai.tensor(lengths)), layer(x, lengths=lengths)[0].numpy(force=True), 1e-5)


@pytest.mark.parametrize("lengths", [[5, 5, 4, 2], [2, 5, 4, 1]])
def test_a_packed_sequence_may_come_from_outside_a_traced_function_or_be_made_in_it(lengths):
    layer, x = nn.LSTM(3, 4, bidirectional=True), double(5, 4, 3).float()
    is_sorted = lengths[0] == 5

    def pack(x):
        return rnn.pack_padded_sequence(x, lengths, enforce_sorted=is_sorted)

    packed = pack(x)
    expected = layer(packed)[0].data
    assert koubai.trace(lambda packed: layer(packed)[0].data, packed)(packed).equal(expected)
    assert koubai.trace(lambda x: layer(pack(x))[0].data, x)(x).equal(expected)
    by_hand = rnn.PackedSequence(packed.data, packed.batch_sizes)
    assert layer(by_hand)[0].data.equal(expected)


def test_packing_by_traced_lengths_says_what_to_do_instead():
    lengths = koubai.tensor([2, 1])
    with pytest.raises(RuntimeError, match="layer with lengths="):
        koubai.trace(lambda n: rnn.pack_padded_sequence(double(3, 2), n).data, lengths)


def test_a_sample_without_elements_keeps_its_state():
    layer, x = make(nn.GRU, {}), double(2, 2, 3)
    state = double(1, 2, 4)
    output, last = layer(x, state, lengths=[0, 2])
    assert not output[:, 0].any()
    assert last[0, 0].equal(state[0, 0])


# --- packing itself


def test_packing_goes_through_time_and_back():
    x = koubai.tensor([[1, 4, 6], [2, 5, 0], [3, 0, 0]])
    packed = rnn.pack_padded_sequence(x, [3, 2, 1])
    assert packed.data.tolist() == [1, 4, 6, 2, 5, 3]
    assert packed.batch_sizes.tolist() == [3, 2, 1]
    assert packed.sorted_indices.tolist() == [0, 1, 2]
    back, lengths = rnn.pad_packed_sequence(packed, batch_first=True, padding_value=-1, total_length=4)
    assert back.tolist() == [[1, 2, 3, -1], [4, 5, -1, -1], [6, -1, -1, -1]]
    assert lengths.tolist() == [3, 2, 1]
    assert back.dtype == koubai.int64


def test_sequences_that_are_not_sorted_come_back_in_their_order():
    sequences = [koubai.arange(n) for n in (2, 4, 1, 4)]
    packed = rnn.pack_sequence(sequences, enforce_sorted=False)
    assert packed.sorted_indices.tolist() == [1, 3, 0, 2]
    assert packed.unsorted_indices.tolist() == [2, 0, 3, 1]
    for one, other in zip(rnn.unpack_sequence(packed), sequences, strict=True):
        assert one.equal(other)


def test_other_elements_in_the_same_packing():
    packed = rnn.pack_sequence([double(2, 3), double(4, 3, seed=1)], enforce_sorted=False)
    twice = packed.with_elements(packed.padded()[0] * 2)
    assert twice.data.equal(packed.data * 2)
    assert twice.batch_sizes is packed.batch_sizes


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (
            lambda: rnn.pack_padded_sequence(double(3, 2), [2, 3]),
            RuntimeError,
            r"got lengths \[2, 3\]; give enforce_sorted=False",
        ),
        (lambda: rnn.pack_padded_sequence(double(3, 2), [3]), RuntimeError, r"as many lengths.*got \[3\]"),
        (lambda: rnn.pack_padded_sequence(double(3, 2), [4, 3]), RuntimeError, "from 1 to 3"),
        (lambda: rnn.pack_padded_sequence(double(3, 2), [3, 0]), RuntimeError, "from 1 to 3"),
        (
            lambda: rnn.pad_packed_sequence(rnn.pack_sequence([double(3)]), total_length=2),
            ValueError,
            "total_length 2 is less than the longest, 3",
        ),
        (
            lambda: nn.GRU(3, 4)(double(5, 2, 3), lengths=[6, 1]),
            RuntimeError,
            r"GRU: lengths are as many as samples, 2, and from 0 to 5; got \[6, 1\]",
        ),
        (lambda: nn.GRU(3, 4)(double(5, 2, 3), lengths=[3]), RuntimeError, "as many as samples, 2"),
        (
            lambda: nn.GRU(2, 4)(rnn.pack_sequence([double(5, 3)])),
            RuntimeError,
            r"the input \[5, 1, 3\] must be input_size 2",
        ),
    ],
)
def test_mistakes(call, error, match):
    with pytest.raises(error, match=match):
        call()
