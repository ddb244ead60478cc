"""The Trainer: the same bits as a loop written by hand, exact values, and its events in order."""

import numpy as np
import pytest

import koubai
from koubai import nn, optim
from koubai.data import DataLoader, TensorDataset
from koubai.train import EVENTS, Trainer
from koubai.tree import copied


def batch_of(data, start, size):
    return tuple(part[start : start + size] for part in data)


def test_fit_makes_the_same_bits_as_a_loop_written_by_hand(make, blobs):
    model, twin = make.model(), make.model()
    trainer = make.trainer(model, lambda p: optim.Adam(p, lr=0.01), compile=False)
    trainer.fit(blobs, epochs=2, batch_size=40, shuffle=False)

    optimizer = optim.Adam(twin.parameters(), lr=0.01)
    for _ in range(2):
        for start in (0, 40, 80):
            x, y = batch_of(blobs, start, 40)
            optimizer.zero_grad()
            nn.functional.cross_entropy(twin(x), y).backward()
            optimizer.step()
    assert make.weights(model) == make.weights(twin)


def test_history_is_plain_lists_with_training_and_validation_side_by_side(make, blobs):
    history = make.trainer(metrics=["accuracy"]).fit(blobs, blobs, epochs=3)
    assert list(history) == ["loss", "accuracy", "val_loss", "val_accuracy", "lr", "seconds"]
    assert all(type(values) is list and len(values) == 3 for values in history.values())
    assert history["val_loss"][-1] < history["val_loss"][0]


@pytest.mark.parametrize("batch_size", ["full", 1, 32, DataLoader])
def test_batch_size_chooses_batch_stochastic_or_mini_batch_descent(make, blobs, batch_size):
    trainer = make.trainer()
    if batch_size is DataLoader:
        trainer.fit(DataLoader(TensorDataset(*blobs), batch_size=32, shuffle=True))
    else:
        trainer.fit(blobs, batch_size=batch_size)
    assert trainer.progress.updates == {"full": 1, 1: 90, 32: 3, DataLoader: 3}[batch_size]
    assert trainer.progress.samples == trainer.progress.total_samples == 90


def test_each_epoch_has_another_order_and_the_seed_decides_it(make, blobs):
    def order():
        koubai.manual_seed(3)
        spy = make.Spy("after_loss", lambda trainer: trainer.batch.target.tolist())
        make.trainer(callbacks=[spy]).fit(blobs, epochs=2, batch_size=90)
        return spy.seen

    first, second = order()
    assert first != second
    assert sorted(first) == sorted(second)
    assert order() == [first, second]


def test_the_epochs_loss_weighs_samples_not_batches(make, line):
    """With a learning rate of 0 the mean over the epoch is that of all samples at once, however batched."""
    model = nn.Linear(1, 1)
    trainer = make.trainer(model, lambda p: optim.SGD(p, lr=0.0), loss=nn.MSELoss(), metrics=["mse"])
    history = trainer.fit(line, line, batch_size=32)
    expected = nn.functional.mse_loss(model(line[0]), line[1]).item()
    for name in ("loss", "mse", "val_loss", "val_mse"):
        assert history[name] == pytest.approx([expected], rel=1e-6)


def test_a_loss_that_sums_is_reported_per_sample(make, line):
    model = nn.Linear(1, 1)
    trainer = make.trainer(model, lambda p: optim.SGD(p, lr=0.0), loss=nn.MSELoss(reduction="sum"))
    expected = nn.functional.mse_loss(model(line[0]), line[1]).item()
    assert trainer.fit(line, batch_size=32)["loss"] == pytest.approx([expected], rel=1e-6)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_accumulated_batches_make_the_update_of_one_large_batch(make, line, reduction):
    def trained(batch_size, accumulate):
        koubai.manual_seed(5)
        model = nn.Linear(1, 1).double()
        loss = nn.MSELoss(reduction=reduction)
        trainer = make.trainer(model, lambda p: optim.SGD(p, lr=0.001), loss=loss, accumulate=accumulate)
        data = tuple(part.double() for part in line)
        trainer.fit(data, epochs=2, batch_size=batch_size, shuffle=False)
        return trainer.progress.updates, [p.item() for p in model.parameters()]

    updates, parameters = trained(8, 3)  # 24, 24 and 2 samples: the last group is short
    assert updates == 6
    assert trained(24, 1) == (updates, pytest.approx(parameters, rel=1e-12))


@pytest.mark.parametrize(
    ("option", "norm"), [({"clip_norm": 0.01}, 0.01), ({"clip_value": 0.001}, None), ({}, None)]
)
def test_gradients_are_clipped_before_the_update(make, blobs, option, norm):
    def largest(trainer):
        return [np.abs(p.grad.numpy()).max() for p in trainer.model.parameters()]

    def total(trainer):
        return np.sqrt(sum(np.square(p.grad.numpy()).sum() for p in trainer.model.parameters()))

    values, norms = make.Spy("on_step_end", largest), make.Spy("on_step_end", total)
    make.trainer(callbacks=[values, norms], **option).fit(blobs)
    assert (np.max(values.seen) <= 0.0010001) == ("clip_value" in option)
    if norm:
        np.testing.assert_allclose(norms.seen, norm, rtol=1e-4)


def test_clip_limits_have_to_be_positive(make):
    with pytest.raises(ValueError, match="clip_norm has to be positive"):
        make.trainer(clip_norm=0.0)


def test_a_scheduler_steps_after_each_epoch_unless_it_counts_steps(make, blobs):
    def rates(scheduler, **options):
        model = make.model()
        optimizer = optim.SGD(model.parameters(), lr=1.0)
        spy = make.Spy("on_step_end", lambda trainer: trainer.progress.lr)
        Trainer(
            model,
            nn.CrossEntropyLoss(),
            optimizer,
            lr_scheduler=scheduler(optimizer),
            callbacks=[spy],
            **options,
        ).fit(blobs, epochs=2, batch_size=45)
        return spy.seen

    def halving(optimizer):
        return optim.lr_scheduler.ExponentialLR(optimizer, 0.5)

    assert rates(halving) == [1, 1, 0.5, 0.5]
    assert rates(halving, schedule_every="step") == [1, 0.5, 0.25, 0.125]
    one_cycle = rates(lambda optimizer: optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=4))
    assert len(set(one_cycle)) == 4


def test_reduce_on_plateau_is_told_the_monitored_value(make, blobs):
    model = make.model()
    optimizer = optim.SGD(model.parameters(), lr=1e-3)
    plateau = optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, threshold=0.5, factor=0.1)
    trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, lr_scheduler=plateau)
    assert trainer.fit(blobs, blobs, epochs=3)["lr"] == pytest.approx([1e-3, 1e-3, 1e-4])


def test_events_come_in_order(make, blobs):
    spy = make.Spy()
    make.trainer(callbacks=[spy], accumulate=2).fit(blobs, blobs, epochs=1, batch_size=30)
    batch = ["after_loss", "after_backward"]
    end = ["before_update", "on_step_end"]
    steps = ["on_step_start", *batch, *batch, *end, "on_step_start", *batch, *end]
    validation = ["on_validation_start", "on_validation_end"]
    epoch = ["on_epoch_start", *steps, *validation, "on_epoch_end"]
    assert spy.seen == ["on_fit_start", *epoch, "on_fit_end", "on_close"]
    assert set(spy.seen) <= set(EVENTS)


class Tapped(nn.Linear):
    """A linear layer that measures its output's largest value in every second step."""

    def forward(self, x):
        out = super().forward(x)
        koubai.tap("largest", out, koubai.amax, every=2)
        return out


def test_what_taps_measure_in_a_step_comes_to_the_callbacks(make, blobs):
    koubai.manual_seed(7)
    model = Tapped(2, 3)
    spy = make.Spy("on_taps", lambda t: [(r.name, r.step, r.value.item()) for r in t.taps])
    largest = make.Spy("on_step_end", lambda t: t.output.max().item())
    with koubai.Taps() as around:
        make.trainer(model, callbacks=[spy, largest]).fit(blobs, blobs, epochs=2, batch_size=45)
    assert spy.seen == [[("largest", step, largest.seen[step - 1])] for step in (2, 4)]
    assert {record.step for record in around.records} == {0, 2, 4}  # 0: in the validation


def test_taps_change_no_bit_of_the_training(make, blobs):
    def trained(layer):
        koubai.manual_seed(7)
        model = layer(2, 3)
        spy = make.Spy()
        make.trainer(model, callbacks=[spy]).fit(blobs, epochs=2)
        return make.weights(model), "on_taps" in spy.seen

    tapped, plain = trained(Tapped), trained(nn.Linear)
    assert tapped[0] == plain[0]
    assert (tapped[1], plain[1]) == (True, False)


def test_progress_tells_where_the_training_stands(make, blobs):
    def now(trainer):
        p = trainer.progress
        return (p.epoch, p.epochs, p.step, p.steps, p.updates, p.samples, p.total_samples)

    spy = make.Spy("on_step_end", now)
    make.trainer(callbacks=[spy]).fit(blobs, epochs=2, batch_size=60)
    assert spy.seen == [
        (1, 2, 1, 2, 1, 60, 90),
        (1, 2, 2, 2, 2, 90, 90),
        (2, 2, 1, 2, 3, 60, 90),
        (2, 2, 2, 2, 4, 90, 90),
    ]


def test_a_callback_can_stop_the_training(make, blobs):
    spy = make.Spy("on_step_end", lambda trainer: trainer.progress.updates == 2 and trainer.stop("enough"))
    trainer = make.trainer(callbacks=[spy])
    history = trainer.fit(blobs, blobs, epochs=5, batch_size=30)
    assert trainer.progress.updates == 2
    assert len(history["val_loss"]) == 1
    assert trainer.result["reason"] == "enough"


def test_an_error_is_announced_and_goes_on_to_the_caller(make, blobs):
    def fail(trainer):
        raise RuntimeError("no")

    failing, spy = make.Spy("on_step_end", fail), make.Spy()
    trainer = make.trainer(callbacks=[failing, spy])
    with pytest.raises(RuntimeError, match="no"):
        trainer.fit(blobs)
    assert spy.seen[-2:] == ["on_error", "on_close"]
    assert isinstance(trainer.error, RuntimeError)


def test_fitting_again_begins_a_new_history_with_the_weights_so_far(make, blobs):
    trainer = make.trainer(metrics=["accuracy"])
    first = trainer.fit(blobs, epochs=4)
    second = trainer.fit(blobs, epochs=2)
    assert len(second["loss"]) == 2
    assert second["loss"][0] < first["loss"][0]


def test_evaluate_and_predict_use_evaluation_mode_and_leave_the_modes_as_they_were(make, blobs):
    model = make.model(dropout=0.5)
    trainer = make.trainer(model, metrics=["accuracy"])
    trainer.fit(blobs)
    model.train()
    model[2].eval()
    before = make.weights(model)
    assert trainer.evaluate(blobs) == trainer.evaluate(blobs)
    assert trainer.predict(blobs[0]).tolist() == trainer.predict(blobs).tolist()
    assert [layer.training for layer in model] == [True, True, False, True, True]
    assert make.weights(model) == before
    assert not trainer.predict(blobs[0]).requires_grad


def test_evaluation_draws_no_random_numbers_from_the_training(make, blobs):
    trainer, before = make.trainer(), koubai.get_rng_state().tolist()
    trainer.evaluate(blobs)
    trainer.predict(blobs[0])
    assert koubai.get_rng_state().tolist() == before


def test_predict_keeps_the_order_and_joins_tuples(make, blobs):
    class Two(nn.Module):
        def forward(self, x):
            return x, x.sum(1)

    model = Two()
    model.weight = nn.Parameter(koubai.zeros(1))
    values, sums = make.trainer(model).predict(blobs[0], batch_size=7)
    assert values.tolist() == blobs[0].tolist()
    assert tuple(sums.shape) == (90,)


def test_numpy_arrays_of_any_float_are_taken_in_the_models_type(make):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 2)), rng.integers(0, 3, 20)
    trainer = make.trainer()
    trainer.fit((x, y))
    assert trainer.batch.inputs[0].dtype == koubai.float32


def test_lists_of_numbers_are_taken_as_arrays(make, blobs):
    x, y = blobs
    from_lists, from_tensors = make.trainer(), make.trainer()
    koubai.manual_seed(1)
    from_lists.fit((x.tolist(), y.tolist()))
    koubai.manual_seed(1)
    from_tensors.fit(blobs)
    assert make.weights(from_lists.model) == make.weights(from_tensors.model)
    assert from_lists.predict(x.tolist()).tolist() == from_tensors.predict(x).tolist()


@pytest.mark.parametrize(
    ("data", "error", "problem"),
    [
        (([[1.5, 2.5], [3.5]], [0, 1]), ValueError, "the lists of the training data differ in length"),
        (([[1.5, "a"], [3.5, 2.5]], [0, 1]), TypeError, "hold other things than numbers"),
        (([1.5, 2.5, 3.5], [0, 1]), ValueError, "different numbers of samples"),
        ([("a", "b")], TypeError, "at least one tensor .*, but it is of: str, str"),
    ],
)
def test_unfit_lists_are_refused_without_showing_the_data(make, data, error, problem):
    with pytest.raises(error, match=problem) as caught:
        make.trainer().fit(data)
    assert "3.5" not in str(caught.value)


def test_models_may_take_several_inputs_by_place_or_by_name(make, line):
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(1, 1)

        def forward(self, a, b):
            return self.layer(a + b)

    x, y = line
    for batches in ([(x, x, y)], [((x, x), y)], [({"a": x, "b": x}, y)]):
        trainer = make.trainer(Sum(), loss=nn.MSELoss())
        assert len(trainer.fit(batches, epochs=2)["loss"]) == 2


def test_a_list_of_batches_and_an_iterable_without_length_are_data(make, blobs):
    class Endless:
        def __iter__(self):
            yield from [batch_of(blobs, 0, 45), batch_of(blobs, 45, 45)]

    for data in ([batch_of(blobs, 0, 45), batch_of(blobs, 45, 45)], Endless()):
        trainer = make.trainer()
        trainer.fit(data, epochs=2)
        assert trainer.progress.updates == 4


def test_class_probabilities_as_targets_are_measured_by_their_likeliest_class(make, blobs):
    trainer = make.trainer(metrics=["accuracy", "f1"])
    soft = nn.functional.one_hot(blobs[1], 3) * 0.9 + 0.1 / 3
    hard, smoothed = trainer.evaluate(blobs), trainer.evaluate((blobs[0], soft))
    assert smoothed["accuracy"] == hard["accuracy"]
    assert smoothed["f1"] == hard["f1"]
    assert smoothed["loss"] != hard["loss"]


def test_an_optimizer_with_a_line_search_gets_its_closure(make, line):
    trainer = make.trainer(nn.Linear(1, 1), lambda p: optim.LBFGS(p, lr=0.5), loss=nn.MSELoss())
    history = trainer.fit(line, epochs=5, batch_size="full")
    assert history["loss"][-1] < 1e-3 * history["loss"][0]
    assert trainer.progress.samples == 50


def test_what_is_asked_for_is_checked(make, blobs):
    with pytest.raises(ValueError, match="accumulate"):
        make.trainer(accumulate=0)
    with pytest.raises(ValueError, match="schedule_every"):
        make.trainer(schedule_every="day")
    with pytest.raises(ValueError, match="epochs has to be at least 1, got 0"):
        make.trainer().fit(blobs, epochs=0)
    with pytest.raises(ValueError, match="needs the run"):
        make.trainer().fit(blobs, resume=True)
    with pytest.raises(ValueError, match=r"no metric is called 'top_k'; .*top_5_accuracy.*TopKAccuracy\(k\)"):
        make.trainer(metrics=["top_k"])


def test_the_trainers_state_goes_on_elsewhere(make, blobs):
    """`state_dict` and `load_state_dict` are enough for one's own checkpoints."""
    kept = []

    def keep(trainer):
        if trainer.progress.updates == 4:
            kept.append(copied(trainer.state_dict()))

    model = make.model(dropout=0.5)
    first = make.trainer(model, callbacks=[make.Spy("on_step_end", keep)])
    first.fit(blobs, epochs=2)

    other = make.model(dropout=0.5)
    second = make.trainer(other, callbacks=[make.Spy("on_fit_start", lambda t: t.load_state_dict(kept[0]))])
    history = second.fit(blobs, epochs=2)
    assert make.weights(other) == make.weights(model)
    assert history["loss"] == first.history["loss"]
