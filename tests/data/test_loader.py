"""The loader: its batches, its order as a pure function of seed and epoch, and going on in mid-epoch."""

from collections import namedtuple
from itertools import chain, islice

import numpy as np
import pytest

import koubai
from koubai.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
)


def seeded(seed: int = 0) -> koubai.Generator:
    return koubai.Generator().manual_seed(seed)


def numbered(count: int) -> TensorDataset:
    return TensorDataset(koubai.arange(count), koubai.arange(count) * 10)


def shuffled(seed: int = 0, count: int = 10, **options) -> DataLoader:
    return DataLoader(numbered(count), batch_size=3, shuffle=True, generator=seeded(seed), **options)


def epoch_of(loader: DataLoader) -> list[list[int]]:
    return [batch[0].tolist() for batch in loader]


class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(7))


class Doubled(TensorDataset):
    def __getitem__(self, index):
        return tuple(2 * item for item in super().__getitem__(index))


def test_batches_come_in_order_and_the_last_one_is_smaller():
    loader = DataLoader(numbered(8), batch_size=3)
    assert epoch_of(loader) == [[0, 1, 2], [3, 4, 5], [6, 7]]
    assert len(loader) == 3


def test_a_last_smaller_batch_can_be_left_out():
    loader = DataLoader(numbered(8), batch_size=3, drop_last=True)
    assert epoch_of(loader) == [[0, 1, 2], [3, 4, 5]]
    assert len(loader) == 2


@pytest.mark.parametrize(("batch_size", "batches"), [(1, 8), (3, 3), (8, 1), (100, 1)])
def test_batch_size_decides_the_kind_of_descent(batch_size, batches):
    loader = DataLoader(numbered(8), batch_size=batch_size, shuffle=True)
    assert len(list(loader)) == len(loader) == batches


def test_targets_stay_with_their_inputs():
    for inputs, targets in shuffled():
        assert (inputs * 10).tolist() == targets.tolist()


def test_every_epoch_has_another_order_of_all_samples():
    loader = shuffled(count=50)
    first, second = epoch_of(loader), epoch_of(loader)
    assert first != second
    assert sorted(chain(*first)) == sorted(chain(*second)) == list(range(50))


def test_the_order_depends_on_seed_and_epoch_alone():
    loader = shuffled()
    epochs = [epoch_of(loader) for _ in range(3)]
    other = shuffled()
    koubai.rand(5)
    other.set_epoch(2)
    assert epoch_of(other) == epochs[2]
    other.set_epoch(0)
    assert epoch_of(other) == epochs[0]
    assert epoch_of(shuffled(seed=1)) != epochs[0]


def test_without_a_generator_the_global_seed_decides():
    def build():
        koubai.manual_seed(7)
        return DataLoader(numbered(50), shuffle=True)

    assert epoch_of(build()) == epoch_of(build())


def test_numbers_of_numpy_in_a_state_are_as_good():
    resumed = shuffled(seed=99)
    resumed.load_state_dict({name: np.int64(value) for name, value in shuffled().state_dict().items()})
    assert epoch_of(resumed) == epoch_of(shuffled())


def test_two_loaders_of_one_generator_have_different_orders():
    generator = seeded()
    one, other = (DataLoader(numbered(50), shuffle=True, generator=generator) for _ in range(2))
    assert epoch_of(one) != epoch_of(other)


def test_a_loader_without_chance_leaves_the_generator_alone():
    generator = seeded()
    before = generator.get_state().tolist()
    list(DataLoader(numbered(5), generator=generator))
    assert generator.get_state().tolist() == before


@pytest.mark.parametrize("given", range(5))
def test_a_saved_place_is_where_another_loader_goes_on(given):
    loader = shuffled()
    epoch_of(loader)
    batches = iter(loader)
    for _ in range(given):
        next(batches)
    state = loader.state_dict()
    rest = [batch[0].tolist() for batch in batches]
    resumed = shuffled(seed=99)
    resumed.load_state_dict(state)
    if given:
        assert epoch_of(resumed) == rest
        assert epoch_of(resumed) == epoch_of(loader)
    else:
        assert state["position"] == 0


def test_a_state_holds_seed_epoch_and_position():
    loader = shuffled()
    assert loader.state_dict() == {"seed": loader.seed, "epoch": 0, "position": 0}
    next(iter(loader))
    assert loader.state_dict() == {"seed": loader.seed, "epoch": 0, "position": 1}
    epoch_of(loader)
    assert loader.state_dict() == {"seed": loader.seed, "epoch": 2, "position": 0}


def test_a_broken_off_epoch_is_not_taken_up_again_by_itself():
    loader = shuffled()
    full = epoch_of(shuffled())
    assert [batch[0].tolist() for batch in islice(loader, 2)] == full[:2]
    assert len(epoch_of(loader)) == len(full)
    assert loader.epoch == 2


def test_iterations_at_the_same_time_do_not_disturb_each_other():
    loader, alone = shuffled(), shuffled()
    pairs = [(one[0].tolist(), other[0].tolist()) for one, other in zip(loader, loader)]
    assert list(zip(*pairs)) == [tuple(epoch_of(alone)), tuple(epoch_of(alone))]


def test_a_strange_state_is_refused():
    with pytest.raises(ValueError, match="not a DataLoader's state"):
        shuffled().load_state_dict({"epoch": 3})


def test_augmentation_is_drawn_again_alike_after_resuming():
    def jitter(batch, generator):
        return [batch[0] + koubai.rand(len(batch[0]), generator=generator), batch[1]]

    loader = shuffled(augment=jitter)
    batches = iter(loader)
    next(batches)
    resumed = shuffled(augment=jitter)
    resumed.load_state_dict(loader.state_dict())
    assert epoch_of(resumed) == [batch[0].tolist() for batch in batches]


def test_gathered_batches_equal_collated_samples():
    data = TensorDataset(koubai.arange(24).reshape(6, 2, 2), np.arange(6.0))
    subset = Subset(data, [4, 1, 3, 0])
    for dataset in (data, subset):
        gathered = list(DataLoader(dataset, batch_size=3))
        collated = list(DataLoader(dataset, batch_size=3, collate_fn=lambda batch: default_collate(batch)))
        for one, other in zip(gathered, collated, strict=True):
            assert [item.tolist() for item in one] == [item.tolist() for item in other]
            assert [item.dtype for item in one] == [item.dtype for item in other]


def test_a_subclass_that_changes_samples_is_not_bypassed():
    doubled = Doubled(koubai.arange(4))
    assert epoch_of(DataLoader(doubled, batch_size=4)) == [[0, 2, 4, 6]]
    assert epoch_of(DataLoader(Subset(doubled, [3]), batch_size=4)) == [[6]]


def test_a_list_is_a_data_set_too():
    numbers, words = next(iter(DataLoader([(1, "one"), (2, "two")], batch_size=2)))
    assert numbers.tolist() == [1, 2]
    assert list(words) == ["one", "two"]


def test_a_stream_is_read_in_batches_and_can_be_resumed():
    loader = DataLoader(Stream(), batch_size=3)
    batches = iter(loader)
    assert next(batches).tolist() == [0, 1, 2]
    resumed = DataLoader(Stream(), batch_size=3)
    resumed.load_state_dict(loader.state_dict())
    assert [batch.tolist() for batch in resumed] == [[3, 4, 5], [6]]
    assert [batch.tolist() for batch in DataLoader(Stream(), batch_size=3, drop_last=True)] == [
        [0, 1, 2],
        [3, 4, 5],
    ]
    with pytest.raises(TypeError, match="__len__"):
        len(loader)


def test_no_batch_size_gives_single_samples():
    samples = list(DataLoader([np.float32(1), np.ones(2)], batch_size=None))
    assert [tuple(sample.shape) for sample in samples] == [(), (2,)]


def test_samplers_and_batch_samplers_decide_the_order():
    assert epoch_of(DataLoader(numbered(5), batch_size=2, sampler=[4, 0, 3])) == [[4, 0], [3]]
    loader = DataLoader(numbered(5), batch_sampler=[[1], [2, 3]])
    assert epoch_of(loader) == [[1], [2, 3]]
    assert len(loader) == 2


def test_a_sampler_of_chance_is_resumed_as_well():
    def build(seed):
        sampler = RandomSampler(range(20), generator=seeded(seed))
        return DataLoader(numbered(20), batch_sampler=BatchSampler(sampler, 4))

    loader = build(0)
    epoch_of(loader)
    batches = iter(loader)
    next(batches)
    resumed = build(1)
    resumed.load_state_dict(loader.state_dict())
    assert epoch_of(resumed) == [batch[0].tolist() for batch in batches]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dataset": []}, "0 samples"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 2.5}, "batch_size"),
        ({"batch_size": 7, "drop_last": True}, "make no batch of 7"),
        ({"num_workers": 2}, "num_workers=2"),
        ({"shuffle": True, "sampler": [1]}, "shuffle cannot be given"),
        ({"batch_sampler": [[1]], "batch_size": 2}, "batch_size cannot be given"),
        ({"batch_sampler": [[1]], "drop_last": True}, "drop_last cannot be given"),
        ({"batch_size": None, "drop_last": True}, "drop_last cannot be given"),
        ({"dataset": Stream(), "shuffle": True}, "IterableDataset decides"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        DataLoader(**{"dataset": numbered(5), **options})


def test_a_data_set_of_the_users_own_is_collated():
    class Squares(Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return {"x": float(index), "y": index**2}

    batch = next(iter(DataLoader(Squares(), batch_size=4)))
    assert batch["x"].dtype == np.float64
    assert batch["y"].tolist() == [0, 1, 4, 9]


def test_collation_keeps_the_structure_of_samples():
    Point = namedtuple("Point", ["x", "y"])
    joined = default_collate([Point(1, [np.ones(2), True]), Point(2, [np.zeros(2), False])])
    assert isinstance(joined, Point)
    assert joined.x.tolist() == [1, 2]
    assert joined.y[0].tolist() == [[1, 1], [0, 0]]
    assert joined.y[1].dtype == bool
    assert default_collate([np.float32(1), np.float32(2)]).dtype == np.float32
    assert default_collate([b"a", b"b"]) == [b"a", b"b"]


@pytest.mark.parametrize(
    ("batch", "error", "message"),
    [
        ([np.ones(2), np.ones(3)], RuntimeError, r"\(2,\), \(3,\)"),
        ([[1, 2], [1]], RuntimeError, "different lengths"),
        ([object(), object()], TypeError, "collate_fn"),
        ([np.array(["a"]), np.array(["b"])], TypeError, "collate_fn"),
    ],
)
def test_samples_that_make_no_batch_are_refused(batch, error, message):
    with pytest.raises(error, match=message):
        default_collate(batch)


def test_drawing_with_replacement_repeats_some():
    drawn = list(RandomSampler(range(20), replacement=True, generator=seeded()))
    assert len(drawn) == 20
    assert len(set(drawn)) < 20
    assert len(list(RandomSampler(range(3), num_samples=8))) == 8


def test_drawing_more_than_all_repeats_nothing_too_early():
    drawn = list(RandomSampler(range(4), num_samples=6, generator=seeded()))
    assert sorted(drawn[:4]) == [0, 1, 2, 3]
    assert len(set(drawn[4:])) == 2


def test_subset_and_sequential_samplers():
    assert sorted(SubsetRandomSampler([5, 8, 9])) == [5, 8, 9]
    assert list(SequentialSampler("abc")) == [0, 1, 2]
    assert len(SubsetRandomSampler([5, 8, 9])) == 3


def test_weights_decide_how_often_a_sample_comes():
    counts = np.bincount(list(WeightedRandomSampler([1, 0, 3], 4000, generator=seeded())), minlength=3)
    assert counts[1] == 0
    assert counts[2] / counts[0] == pytest.approx(3, rel=0.15)


def test_weights_without_replacement_choose_each_once():
    firsts = [
        next(iter(WeightedRandomSampler([1, 0, 3], 2, replacement=False, generator=seeded(seed))))
        for seed in range(400)
    ]
    assert np.mean(np.equal(firsts, 2)) == pytest.approx(0.75, abs=0.07)
    assert sorted(WeightedRandomSampler([1, 0, 3], 2, replacement=False)) == [0, 2]


@pytest.mark.parametrize(
    ("weights", "number", "replacement", "message"),
    [
        ([1, -1], 2, True, "non-negative"),
        ([1, float("nan")], 2, True, "finite"),
        ([0, 0], 2, True, "cannot draw"),
        ([1, 0], 2, False, "cannot draw 2"),
        ([1, 1], 0, True, "num_samples"),
    ],
)
def test_weights_that_cannot_be_drawn_from_are_refused(weights, number, replacement, message):
    with pytest.raises(ValueError, match=message):
        WeightedRandomSampler(weights, number, replacement)


def test_an_empty_data_set_has_no_random_order():
    with pytest.raises(ValueError, match="empty"):
        RandomSampler([])


def test_arguments_for_workers_and_for_a_gpus_memory_change_nothing():
    idle = shuffled(
        pin_memory=True,
        timeout=5,
        worker_init_fn=print,
        multiprocessing_context="spawn",
        prefetch_factor=2,
        persistent_workers=True,
        pin_memory_device="cuda",
        in_order=False,
    )
    assert epoch_of(idle) == epoch_of(shuffled())
