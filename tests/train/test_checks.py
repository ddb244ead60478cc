"""Mistakes in data and model: a clear message, before any update."""

import re

import pytest

import koubai
from koubai import nn, optim
from koubai.train import NonFiniteLoss


@pytest.fixture
def expect(make):
    """Expects an error of a fit that leaves the weights as they were; returns message and notes."""

    def check(error, trainer, data, **options):
        before = make.weights(trainer.model)
        with pytest.raises(error) as caught:
            trainer.fit(data, shuffle=False, **options)
        assert make.weights(trainer.model) == before
        return "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])

    return check


def spoilt(tensor, index, value):
    array = tensor.numpy().copy()
    array[index] = value
    return koubai.tensor(array)


def test_nan_in_the_input_names_epoch_step_sample_and_column(make, blobs, expect):
    x = spoilt(blobs[0], (6, 1), float("nan"))
    message = expect(ValueError, make.trainer(), (x, blobs[1]), batch_size="full")
    assert "input is NaN at sample 6, column 1 of the batch" in message
    assert "in epoch 1, step 1, with 90 samples" in message


def test_nan_in_the_target_is_named_too(make, line, expect):
    y = spoilt(line[1], (6, 0), float("nan"))
    trainer = make.trainer(nn.Linear(1, 1), loss=nn.MSELoss())
    assert "target is NaN at sample 6" in expect(ValueError, trainer, (line[0], y), batch_size="full")


def test_nan_in_evaluation_and_prediction(make, blobs):
    x = spoilt(blobs[0], (40, 0), float("nan"))
    for use in (make.trainer().evaluate, make.trainer().predict):
        with pytest.raises(ValueError, match="sample 8, column 0") as caught:
            use((x, blobs[1]), batch_size=32)
        assert any(note.startswith("in batch 2 of the") for note in caught.value.__notes__)


@pytest.mark.parametrize("label", [3, -1])
def test_a_label_out_of_range_names_the_sample_and_the_classes(make, blobs, expect, label):
    y = spoilt(blobs[1], 5, label)
    message = expect(IndexError, make.trainer(), (blobs[0], y), batch_size="full")
    assert f"label {label} at sample 5 of the batch is out of range" in message
    assert "3 classes, 0 to 2" in message


def test_the_ignored_label_is_in_range(make, blobs):
    y = spoilt(blobs[1], 5, -100)
    make.trainer(metrics=["accuracy"]).fit((blobs[0], y))


def test_yes_or_no_targets_lie_between_0_and_1(make, line, expect):
    trainer = make.trainer(nn.Linear(1, 1), loss=nn.BCEWithLogitsLoss())
    message = expect(ValueError, trainer, (line[0], spoilt(line[1] * 0, (4, 0), 2)), batch_size="full")
    assert "needs targets from 0 to 1, but there is another at sample 4" in message


def test_no_data_is_an_error(make):
    empty = koubai.zeros(0, 2), koubai.zeros(0, dtype=koubai.int64)
    for data in (empty, []):
        with pytest.raises(ValueError, match="training data are empty"):
            make.trainer().fit(data)
    full = koubai.zeros(1, 2), koubai.zeros(1, dtype=koubai.int64)
    with pytest.raises(ValueError, match="validation data are empty"):
        make.trainer().fit(full, empty)


def test_a_generator_that_is_used_up_says_so(make, blobs):
    batches = (batch for batch in [blobs])
    with pytest.raises(ValueError, match="a generator can be read only once"):
        make.trainer().fit(batches, epochs=2)


def test_a_loss_that_is_not_finite_stops_before_the_update_and_says_where_it_arose(make, line, expect):
    class Log(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(1, 1)

        def forward(self, x):
            return (self.layer(x) * 0).log()

    trainer = make.trainer(nn.Sequential(Log()), loss=nn.MSELoss())
    message = expect(NonFiniteLoss, trainer, line)
    assert "the model's output is not finite at sample 0" in message
    assert "log produced the first NaN or inf" in message
    assert "in layer 0 (Log)" in message
    assert "in epoch 1, step 1" in message


def test_running_statistics_and_generators_are_not_touched_by_a_broken_step(make, blobs):
    class Break(nn.Module):
        def forward(self, x):
            return x / 0

    model = nn.Sequential(*make.model(dropout=0.5), Break())
    before = make.weights(model)
    trainer = make.trainer(model)
    random = koubai.get_rng_state()
    with pytest.raises(NonFiniteLoss):
        trainer.fit([blobs])
    assert make.weights(model) == before
    assert koubai.get_rng_state().tolist() == random.tolist()


def test_infinite_input_is_named_when_it_makes_the_loss_infinite(make, line, expect):
    trainer = make.trainer(nn.Linear(1, 1), loss=nn.MSELoss())
    x = spoilt(line[0], (3, 0), float("inf"))
    assert "input is not finite at sample 3, column 0" in expect(NonFiniteLoss, trainer, (x, line[1]))


def test_shapes_that_would_broadcast_in_the_loss_are_an_error_with_its_place(make, line, expect):
    trainer = make.trainer(nn.Linear(1, 1), loss=nn.MSELoss())
    message = expect(Exception, trainer, (line[0], line[1].reshape(50)), batch_size="full")
    assert re.search(r"50, ?1", message)
    assert "in epoch 1, step 1, with 50 samples" in message


def test_a_loss_that_is_not_one_number_is_an_error(make, line, expect):
    trainer = make.trainer(nn.Linear(1, 1), loss=nn.MSELoss(reduction="none"))
    assert "has to be one number" in expect(ValueError, trainer, line)


def test_an_optimizer_with_parameters_that_no_gradient_reached_names_them_once(make, blobs):
    class Skip(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.spare = make.model(), nn.Linear(2, 2)

        def forward(self, x):
            return self.used(x)

    with pytest.warns(UserWarning, match=r"no gradient reached spare\.weight, spare\.bias") as caught:
        make.trainer(Skip()).fit(blobs, epochs=2)
    assert len(caught) == 1


def test_frozen_parameters_are_no_mistake(make, blobs):
    model = make.model()
    model[0].requires_grad_(False)
    make.trainer(model).fit(blobs)


def test_an_optimizer_of_another_model_is_an_error(make, blobs):
    other = make.model()
    trainer = make.trainer(optimizer=lambda _: optim.SGD(other.parameters()))
    with pytest.raises(RuntimeError, match="made for another model"):
        trainer.fit(blobs)


def test_training_without_targets_is_an_error(make, blobs):
    with pytest.raises(ValueError, match=r"the batches have to be \(inputs, target\)"):
        make.trainer().fit(blobs[0])
