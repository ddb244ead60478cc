"""Packed sequences, and recurrent layers on them, agree with PyTorch's: values, gradients, and what packing returns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import koubai  # noqa: E402
from koubai import nn  # noqa: E402
from koubai.nn.utils import rnn  # noqa: E402

from .comparison import compare, leaves  # noqa: E402

LENGTHS = [[5, 4, 4, 1], [2, 5, 1, 5], [3, 3, 3, 3]]
SETTINGS: list[dict[str, Any]] = [
    {},
    {"num_layers": 2, "bidirectional": True},
    {"batch_first": True, "bias": False},
    {"num_layers": 3},
]


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_packing_and_padding(lengths: list[int], batch_first: bool) -> None:
    x = numbers(4, 6, 2) if batch_first else numbers(6, 4, 2)
    options = {"batch_first": batch_first, "enforce_sorted": lengths == sorted(lengths, reverse=True)}
    theirs = torch.nn.utils.rnn.pack_padded_sequence(torch.from_numpy(x), lengths, **options)
    ours = rnn.pack_padded_sequence(koubai.from_numpy(x), lengths, **options)
    if theirs.sorted_indices is None or ours.sorted_indices.tolist() == theirs.sorted_indices.tolist():
        compare(ours.data, theirs.data, "packed")  # else equal lengths stand in another order
    compare(ours.batch_sizes, theirs.batch_sizes, "batch_sizes")
    for padding in ({}, {"batch_first": True, "padding_value": -2.0, "total_length": 7}):
        padded = torch.nn.utils.rnn.pad_packed_sequence(theirs, **padding)
        compare(rnn.pad_packed_sequence(ours, **padding), padded, "padded")
    unpacked = torch.nn.utils.rnn.unpack_sequence(theirs)
    compare(rnn.unpack_sequence(ours), unpacked, "unpacked")


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_layers(name: str, settings: dict[str, Any], lengths: list[int], training: bool) -> None:
    options = settings | ({"proj_size": 2} if name == "LSTM" and settings.get("num_layers") == 3 else {})
    theirs = getattr(torch.nn, name)(3, 4, **options).double().train(training)
    ours = getattr(nn, name)(3, 4, **options).double().train(training)
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    x = numbers(5, 4, 3, seed=len(set(lengths)))
    a, b = torch.from_numpy(x).requires_grad_(), koubai.from_numpy(x).requires_grad_()
    packed = torch.nn.utils.rnn.pack_padded_sequence(a, lengths, enforce_sorted=False)
    their_output, their_last = theirs(packed)
    output, last = ours(rnn.pack_padded_sequence(b, lengths, enforce_sorted=False))
    their_rows, _ = torch.nn.utils.rnn.pad_packed_sequence(their_output)
    compare(rnn.pad_packed_sequence(output)[0], their_rows, "output")
    compare(last, their_last, "last state")
    rows = b.transpose(0, 1) if ours.batch_first else b
    masked, masked_last = ours(rows, lengths=lengths)
    compare(masked.transpose(0, 1) if ours.batch_first else masked, padded_to(their_rows, 5), "masked output")
    compare(masked_last, their_last, "masked last state")
    (their_rows.sin().sum() + sum(part.cos().sum() for part in leaves(their_last, torch.Tensor))).backward()
    for result, state in ((rnn.pad_packed_sequence(output)[0], last), (masked, masked_last)):
        loss = result.sin().sum() + sum(part.cos().sum() for part in leaves(state, koubai.Tensor))
        found = koubai.grad(loss, [b, *ours.parameters()])
        for one, other in zip(found, [a, *theirs.parameters()], strict=True):
            compare(one, other.grad, "gradient")


def padded_to(rows: Any, length: int) -> Any:
    return torch.cat([rows, rows.new_zeros(length - len(rows), *rows.shape[1:])])
