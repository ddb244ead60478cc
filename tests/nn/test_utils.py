"""Parameters as one vector, and back."""

import pytest

import koubai
from koubai import nn


def test_a_vector_of_all_parameters_and_back():
    source, target = nn.Linear(2, 3), nn.Linear(2, 3)
    vector = nn.utils.parameters_to_vector(source.parameters())
    assert vector.shape == (9,)
    nn.utils.vector_to_parameters(vector, target.parameters())
    assert target.weight.tolist() == source.weight.tolist()
    assert target.bias.tolist() == source.bias.tolist()


def test_a_vector_of_another_length_changes_nothing():
    layer = nn.Linear(1, 1)
    before = layer.weight.item()
    with pytest.raises(ValueError, match=r"have 2 elements, the vector has shape \[3\]"):
        nn.utils.vector_to_parameters(koubai.ones(3), layer.parameters())
    assert layer.weight.item() == before


def test_clipping_is_reached_from_here():
    layer = nn.Linear(1, 1)
    (layer(koubai.ones(1, 1)) * 100).sum().backward()
    assert nn.utils.clip_grad_norm_(layer.parameters(), 1.0).item() > 100
    nn.utils.clip_grad_value_(layer.parameters(), 0.1)
    assert layer.weight.grad.abs().item() <= 0.1 + 1e-6
