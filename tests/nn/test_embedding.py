"""Embeddings look rows up, and train only the rows they may."""

import numpy as np
import pytest

import koubai
from koubai import nn


def test_rows_are_looked_up():
    table = nn.Embedding(5, 3)
    found = table(koubai.tensor([[0, 4], [4, 2]]))
    assert found.shape == (2, 2, 3)
    assert found[0, 1].tolist() == table.weight[4].tolist()


def test_gradients_add_up_over_equal_indices():
    table = nn.Embedding(4, 2)
    table(koubai.tensor([1, 1, 3])).sum().backward()
    assert table.weight.grad.tolist() == [[0, 0], [2, 2], [0, 0], [1, 1]]


def test_the_padding_row_is_zero_and_stays_so():
    table = nn.Embedding(4, 2, padding_idx=-1)
    assert table.padding_idx == 3
    assert table.weight[3].tolist() == [0, 0]
    table(koubai.tensor([3, 0])).sum().backward()
    assert table.weight.grad.tolist() == [[1, 1], [0, 0], [0, 0], [0, 0]]


def test_gradients_scaled_by_frequency():
    table = nn.Embedding(3, 1, scale_grad_by_freq=True)
    table(koubai.tensor([1, 1, 2])).sum().backward()
    assert table.weight.grad.tolist() == [[0], [1], [1]]


def test_long_rows_are_shortened_when_looked_up():
    table = nn.Embedding.from_pretrained(koubai.tensor([[3.0, 4.0], [0.3, 0.4], [6.0, 8.0]]), max_norm=1.0)
    found = table(koubai.tensor([0, 1]))
    np.testing.assert_allclose(found.numpy(), [[0.6, 0.8], [0.3, 0.4]], rtol=1e-5)
    np.testing.assert_allclose(table.weight.numpy(force=True)[2], [6, 8])


def test_pretrained_rows_are_frozen_unless_told_otherwise():
    rows = koubai.ones(3, 2)
    assert not nn.Embedding.from_pretrained(rows).weight.requires_grad
    assert nn.Embedding.from_pretrained(rows, freeze=False).weight.requires_grad
    with pytest.raises(ValueError, match=r"must be \(rows, length\)"):
        nn.Embedding.from_pretrained(koubai.ones(3))


@pytest.mark.parametrize(
    ("mode", "expected"), [("sum", [[4.0], [5.0]]), ("mean", [[2.0], [5.0]]), ("max", [[3.0], [5.0]])]
)
def test_bags_join_their_rows(mode, expected):
    bag = nn.EmbeddingBag(3, 1, mode=mode, _weight=koubai.tensor([[1.0], [3.0], [5.0]]))
    assert bag(koubai.tensor([0, 1, 2]), koubai.tensor([0, 2])).tolist() == expected


def test_bags_as_rows_of_a_matrix_with_weights_and_padding():
    rows = koubai.tensor([[1.0], [3.0], [5.0]])
    bag = nn.EmbeddingBag(3, 1, mode="sum", _weight=rows)
    weights = koubai.tensor([[2.0, 1.0], [0.5, 0.0]])
    assert bag(koubai.tensor([[0, 1], [2, 2]]), per_sample_weights=weights).tolist() == [[5.0], [2.5]]
    padded = nn.EmbeddingBag(3, 1, mode="mean", padding_idx=1, _weight=rows)
    assert padded(koubai.tensor([[0, 1], [2, 2]])).tolist() == [[1.0], [5.0]]


def test_mistakes():
    with pytest.raises(ValueError, match="padding_idx=7 must lie within num_embeddings=3"):
        nn.Embedding(3, 1, padding_idx=7)
    with pytest.raises(ValueError, match=r"shape \[2, 1\], expected \[3, 1\]"):
        nn.Embedding(3, 1, _weight=koubai.ones(2, 1))
    with pytest.raises(IndexError, match="3"):
        nn.Embedding(3, 1)(koubai.tensor([3]))
