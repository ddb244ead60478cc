"""Data sets and splits: what they hold, how they are cut, and what they refuse."""

import numpy as np
import pytest

import koubai
from koubai.data import (
    ConcatDataset,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    random_split,
    stratified_indices,
    stratified_split,
)


def seeded(seed: int = 0) -> koubai.Generator:
    return koubai.Generator().manual_seed(seed)


def numbered(count: int) -> TensorDataset:
    return TensorDataset(koubai.arange(count), koubai.arange(count) * 10)


def first_items(dataset: Dataset) -> list[int]:
    return [int(dataset[index][0]) for index in range(len(dataset))]


def test_a_sample_is_one_row_of_each_tensor():
    data = TensorDataset(koubai.arange(6).reshape(3, 2), koubai.tensor([7, 8, 9]))
    row, label = data[1]
    assert row.tolist() == [2, 3]
    assert label.item() == 8
    assert len(data) == 3


def test_arrays_become_tensors_of_the_same_dtype():
    data = TensorDataset(np.zeros((3, 2), np.float64), np.arange(3))
    assert [tensor.dtype for tensor in data.tensors] == [np.float64, np.int64]


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ([], "at least one"),
        ([koubai.zeros(3, 2), koubai.zeros(4)], r"\(3, 2\), \(4,\)"),
        ([koubai.tensor(1.0)], "a scalar has no samples"),
    ],
)
def test_tensors_that_do_not_belong_together_are_refused(tensors, message):
    with pytest.raises(ValueError, match=message):
        TensorDataset(*tensors)


def test_a_subset_gives_the_chosen_samples_in_their_order():
    assert first_items(Subset(numbered(10), [7, 2, 2])) == [7, 2, 2]
    assert first_items(Subset(Subset(numbered(10), [5, 6, 7]), [2, 0])) == [7, 5]


def test_joined_data_sets_count_on():
    joined = numbered(3) + numbered(2)
    assert isinstance(joined, ConcatDataset)
    assert first_items(joined) == [0, 1, 2, 0, 1]
    assert int(joined[-1][0]) == 1
    with pytest.raises(IndexError, match="5 samples"):
        joined[5]
    with pytest.raises(IndexError):
        joined[-6]


def test_streams_and_nothing_cannot_be_joined():
    with pytest.raises(ValueError, match="at least one"):
        ConcatDataset([])
    with pytest.raises(TypeError, match="IterableDataset"):
        ConcatDataset([IterableDataset()])
    with pytest.raises(TypeError, match="no indices"):
        IterableDataset() + numbered(2)


def test_a_data_set_without_methods_says_what_is_missing():
    with pytest.raises(NotImplementedError, match="__getitem__"):
        Dataset()[0]
    with pytest.raises(TypeError, match="__len__"):
        len(Dataset())
    with pytest.raises(NotImplementedError, match="__iter__"):
        iter(IterableDataset())


@pytest.mark.parametrize("lengths", [[7, 3], [0.7, 0.3]])
def test_a_random_split_deals_out_every_sample_once(lengths):
    parts = random_split(numbered(10), lengths, seeded())
    assert [len(part) for part in parts] == [7, 3]
    assert sorted(first_items(parts[0]) + first_items(parts[1])) == list(range(10))


def test_a_random_split_depends_on_the_generator_alone():
    one, again = (random_split(numbered(50), [0.5, 0.5], seeded(3))[0].indices for _ in range(2))
    other = random_split(numbered(50), [0.5, 0.5], seeded(4))[0].indices
    assert one == again
    assert one != other


def test_what_fractions_leave_over_goes_to_the_first_parts():
    assert [len(part) for part in random_split(numbered(11), [0.25, 0.25, 0.25, 0.25])] == [3, 3, 3, 2]


@pytest.mark.parametrize(
    ("count", "lengths", "message"),
    [
        (10, [7, 4], "add up to"),
        (10, [0.5, 0.6], "add up to"),
        (10, [12, -2], "add up to"),
        (10, [0.95, 0.05], "empty"),
        (0, [0.5, 0.5], "0 samples"),
    ],
)
def test_lengths_that_cannot_be_are_refused(count, lengths, message):
    with pytest.raises(ValueError, match=message):
        random_split(numbered(count), lengths)


def test_a_stratified_split_keeps_the_share_of_every_class():
    labels = np.repeat([0, 1, 2], [100, 40, 10])
    parts = stratified_split(TensorDataset(np.arange(150), labels), [0.8, 0.2], seeded())
    counts = [np.bincount(labels[part.indices]).tolist() for part in parts]
    assert counts == [[80, 32, 8], [20, 8, 2]]
    assert sorted(parts[0].indices + parts[1].indices) == list(range(150))


def test_a_stratified_split_is_not_sorted_by_class():
    labels = np.repeat([0, 1], 50)
    train, _ = stratified_indices(labels, [0.5, 0.5], seeded())
    assert (np.diff(labels[train]) < 0).any()


@pytest.mark.parametrize("seed", range(5))
def test_a_stratified_split_into_three_is_right_up_to_rounding(seed):
    labels = np.random.default_rng(seed).integers(0, 4, 97)
    fractions = [0.6, 0.3, 0.1]
    for part, fraction in zip(stratified_indices(labels, fractions, seeded(seed)), fractions):
        ideal = np.bincount(labels) * fraction
        assert (abs(np.bincount(labels[part], minlength=4) - ideal) < 2).all()


def test_labels_come_from_a_subset_from_samples_or_from_the_caller():
    labels = [0, 1] * 10
    subset = Subset(TensorDataset(np.arange(40), np.repeat([0, 1], 20)), list(range(10, 30)))
    listed = [(index, label) for index, label in enumerate(labels)]
    for dataset, given in [(subset, None), (listed, None), (list(range(20)), labels)]:
        half, _ = stratified_split(dataset, [0.5, 0.5], seeded(), labels=given)
        assert len(half) == 10


def test_labels_that_are_no_classes_are_refused():
    with pytest.raises(ValueError, match="random_split"):
        stratified_split(TensorDataset(np.arange(4), np.linspace(0, 1, 4)), [0.5, 0.5])
    with pytest.raises(ValueError, match="3 labels for 4 samples"):
        stratified_split(numbered(4), [0.5, 0.5], labels=[0, 1, 1])
