"""The Trainer compiles its steps: the same training as eagerly, at most one compile a shape, and never a wrong one."""

import logging

import numpy as np
import pytest

import koubai
from koubai import nn, optim
from koubai.data import DataLoader, TensorDataset
from koubai.train import Callback, NonFiniteLoss, RunRecord, Trainer


@pytest.fixture
def compiles(caplog):
    """Counts the lines of the log that tell of a compile of a step, or returns all lines."""
    caplog.set_level(logging.INFO, "koubai.compile")

    def count(what="training step"):
        return sum(record.getMessage().startswith(what) for record in caplog.records)

    count.lines = lambda: [record.getMessage() for record in caplog.records]
    return count


class AtStepEnd(Callback):
    """Calls a function after each step."""

    def __init__(self, look):
        self.look = look
        self.seen = []

    def on_step_end(self, trainer):
        self.seen.append(self.look(trainer))


OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "adam": lambda p: optim.Adam(p, lr=0.01),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.01),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_it_is_the_training_that_eager_makes(make, blobs, optimizer, compiles):
    def trained(**options):
        koubai.manual_seed(5)
        model = make.model()
        trainer = make.trainer(
            model, OPTIMIZERS[optimizer], metrics=["accuracy"], clip_norm=0.5, accumulate=2, **options
        )
        history = trainer.fit(blobs, blobs, epochs=3, batch_size=20)
        return history, trainer.evaluate(blobs), trainer.predict(blobs[0]), trainer.baseline.values

    (history, values, outputs, baseline), eager = trained(), trained(compile=False)
    assert compiles() == 2  # two batches of 20, and at the end of an epoch one of 10
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert history[name] == pytest.approx(eager[0][name], rel=1e-4)
    assert values == pytest.approx(eager[1], rel=1e-4)
    np.testing.assert_allclose(outputs.numpy(), eager[2].numpy(), rtol=1e-3, atol=1e-4)
    assert baseline == pytest.approx(eager[3], rel=1e-5)


def test_the_same_seed_gives_the_same_bits(make, blobs):
    def trained():
        koubai.manual_seed(5)
        model = make.model(dropout=0.5)
        history = make.trainer(model, OPTIMIZERS["adam"]).fit(blobs, blobs, epochs=3)
        return make.weights(model), history["loss"], history["val_loss"]

    assert trained() == trained()


def test_only_new_shapes_compile_again(make, blobs, compiles):
    model = make.model(dropout=0.5)
    adam = optim.Adam(model.parameters(), lr=0.01)
    schedule = optim.lr_scheduler.OneCycleLR(adam, max_lr=0.1, total_steps=12)
    trainer = make.trainer(model, lambda _: adam, lr_scheduler=schedule)
    trainer.fit(blobs, epochs=3, batch_size=25)
    assert compiles() == 2
    koubai.manual_seed(9)
    adam.param_groups[0]["lr"] = 0.5
    trainer.lr_scheduler = None
    trainer.fit(blobs, epochs=1, batch_size=25)
    assert compiles() == 2


def test_compile_can_be_switched_off(make, blobs, compiles, monkeypatch):
    make.trainer(compile=False).fit(blobs)
    monkeypatch.setenv("KOUBAI_COMPILE", "off")
    make.trainer().fit(blobs, blobs)
    assert compiles.lines() == []


@pytest.mark.parametrize("event", ["after_loss", "after_backward", "before_update"])
def test_a_callback_that_looks_into_the_step_makes_steps_eager(make, blobs, compiles, event):
    def largest(trainer):
        return max(
            (np.abs(p.grad.numpy()).max() for p in trainer.model.parameters() if p.grad is not None),
            default=0,
        )

    spy = make.Spy(event, largest)
    make.trainer(callbacks=[spy]).fit(blobs, blobs, epochs=2, batch_size=45)
    assert len(spy.seen) == 4
    assert all(value > 0 for value in spy.seen) == (event != "after_loss")
    assert compiles() == 0
    assert compiles("evaluation") == 1
    assert [line for line in compiles.lines() if f"Spy.{event} looks into the step" in line] == [
        f"the Trainer runs eagerly: Spy.{event} looks into the step"
    ]


def test_a_callback_between_steps_sees_gradients(make, blobs, compiles):
    def gradients(trainer):
        return [p.grad.numpy().copy() for p in trainer.model.parameters()]

    def seen(**options):
        spy = AtStepEnd(gradients)
        make.trainer(callbacks=[spy], clip_value=0.01, **options).fit(blobs, shuffle=False)
        return np.concatenate([g.ravel() for step in spy.seen for g in step])

    np.testing.assert_allclose(seen(), seen(compile=False), rtol=1e-3, atol=1e-6)
    assert compiles() == 2


def test_a_gradient_that_was_not_kept_says_so(make, blobs):
    trainer = make.trainer()
    trainer.fit(blobs)
    with pytest.raises(RuntimeError, match=r"not kept.*compile=False"):
        trainer.model[0].weight.grad.numpy()


def test_hooks_of_the_user_run_in_every_step(make, blobs, compiles):
    model, seen = make.model(), []
    handle = model[0].register_forward_hook(
        lambda layer, inputs, output: seen.append(output.numpy(force=True))
    )
    trainer = make.trainer(model)
    trainer.fit(blobs, batch_size=45)
    assert (len(seen), compiles()) == (2, 0)
    handle.remove()
    trainer.fit(blobs, batch_size=45)
    assert (len(seen), compiles()) == (2, 1)


def test_a_model_that_depends_on_values_runs_eagerly(make, blobs, compiles):
    class Choosy(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = make.model()

        def forward(self, x):
            return self.inner(x if x.sum() > 0 else -x)

    koubai.manual_seed(1)
    trainer = make.trainer(Choosy())
    history = trainer.fit(blobs, blobs, epochs=2)
    koubai.manual_seed(1)
    assert make.trainer(Choosy(), compile=False).fit(blobs, blobs, epochs=2)["loss"] == history["loss"]
    assert compiles("training step runs eagerly") == 1


def test_what_is_exchanged_during_a_training_is_noticed(make, blobs, compiles):
    """A layer is unfrozen, and the dropout changes, in the second epoch."""

    class Change(Callback):
        def on_epoch_start(self, trainer):
            second = trainer.progress.epoch == 2
            trainer.model[0].requires_grad_(second)
            trainer.model[3].p = 0.0 if second else 0.5

    model = make.model(dropout=0.5)
    before = make.weights(model[0])
    changed = []
    spy = make.Spy("on_epoch_end", lambda t: changed.append(make.weights(t.model[0]) != before))
    make.trainer(model, callbacks=[Change(), spy]).fit(blobs, epochs=2, batch_size=45)
    assert changed == [False, True]
    assert compiles() == 2


def test_another_loss_is_noticed(make, line, compiles):
    trainer = make.trainer(nn.Linear(1, 1), loss=nn.MSELoss())
    first = trainer.evaluate(line)["loss"]
    trainer.loss = nn.L1Loss()
    assert trainer.evaluate(line)["loss"] != first
    assert compiles("evaluation") == 4


def test_a_loss_that_is_not_finite_changes_nothing_and_names_the_op(make, line, compiles):
    class Root(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(1, 1)
            self.norm = nn.BatchNorm1d(1)

        def forward(self, x):
            return self.norm(self.layer(x)).log()

    model = Root()
    trainer = make.trainer(model, loss=nn.MSELoss())
    before = make.weights(model)
    with pytest.raises(NonFiniteLoss, match="the loss is nan, so no update was made") as caught:
        trainer.fit(line)
    assert "log produced the first NaN or inf" in "\n".join(caught.value.__notes__)
    assert make.weights(model) == before
    assert compiles() == 1


def test_a_label_out_of_range_is_found_in_a_later_batch_too(make, blobs, compiles):
    y = blobs[1].numpy().copy()
    y[70] = 3
    trainer = make.trainer()
    with pytest.raises(IndexError, match="label 3 at sample 10 of the batch is out of range"):
        trainer.fit((blobs[0], koubai.tensor(y)), batch_size=30, shuffle=False)
    assert trainer.progress.updates == 2
    assert compiles() == 1


def test_gradients_of_parameters_that_no_optimizer_holds_do_not_grow(make, blobs, compiles):
    model = make.model()
    trainer = Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model[2].parameters(), lr=0.1))
    trainer.fit(blobs, epochs=2, batch_size=45)
    assert model[0].weight.grad is None
    assert compiles() == 1


def test_batches_of_other_things_than_tensors_are_never_taken_for_others(make, compiles):
    """An array in a batch is no argument of a native function, so its values must not become part of one."""

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(1, 1)

        def forward(self, x, by):
            return self.layer(x) * float(by)

    batches = [((koubai.ones(4, 1), np.float64(k)), koubai.ones(4, 1)) for k in (1.0, 2.0, 3.0)]

    def losses(**options):
        koubai.manual_seed(0)
        spy = AtStepEnd(lambda trainer: trainer.batch_loss)
        trainer = make.trainer(
            Scaled(), lambda p: optim.SGD(p, lr=0.0), loss=nn.MSELoss(), callbacks=[spy], **options
        )
        trainer.fit(batches)
        return spy.seen

    assert losses() == losses(compile=False)
    assert compiles() == 0


def test_a_run_goes_on_compiled(make, blobs, tmp_path, compiles):
    def fit(trainer, **options):
        return trainer.fit(
            DataLoader(TensorDataset(*blobs), batch_size=16, shuffle=True), epochs=3, **options
        )

    def trainer(**options):
        return make.trainer(
            make.model(dropout=0.3), OPTIMIZERS["adam"], metrics=["accuracy", "f1"], **options
        )

    def interrupt(trainer):
        trainer.interrupted = trainer.progress.updates == 8

    run = RunRecord.create(tmp_path / "run")
    koubai.manual_seed(3)
    with pytest.raises(KeyboardInterrupt):
        fit(trainer(callbacks=[make.Spy("on_step_end", interrupt)]), run=run)
    koubai.manual_seed(4)
    resumed = trainer()
    history = fit(resumed, run=RunRecord.open(run.folder), resume=True)
    koubai.manual_seed(3)
    whole = trainer()
    assert {**fit(whole), "seconds": 0} == {**history, "seconds": 0}
    assert make.weights(whole.model) == make.weights(resumed.model)
