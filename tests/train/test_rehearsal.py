"""A rehearsal computes all that the next step computes, and leaves no trace."""

import numpy as np
import pytest

import koubai
from koubai import nn, optim
from koubai.train import Callback, Trainer


class Rehearsing(Callback):
    """Rehearses every third step, and notes what the real step did."""

    def __init__(self, observe):
        self.observe = observe
        self.rehearsed, self.made = [], []

    def on_step_start(self, trainer):
        self.before = [p.detach().numpy().copy() for p in trainer.model.parameters()]
        if trainer.progress.updates % 3 == 0:
            self.rehearsed.append(trainer.rehearse(self.observe))

    def on_step_end(self, trainer):
        if len(self.made) < len(self.rehearsed):
            change = [p.detach().numpy() - b for p, b in zip(trainer.model.parameters(), self.before)]
            self.made.append((trainer.progress.loss, sum(float((c * c).sum()) for c in change)))


def observer(model):
    def observe(rehearsal):
        before = [p.clone() for p in model.parameters()]
        loss = rehearsal.step()
        size = sum(((p - b) ** 2).sum() for p, b in zip(model.parameters(), before))
        return loss, size, rehearsal.again()

    return observe


def train(rehearses, **options):
    koubai.manual_seed(3)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((150, 8)).astype("f")
    y = (x[:, 0] > 0).astype("i8")
    model = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 2))
    callback = Rehearsing(observer(model))
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    trainer = Trainer(
        model, nn.CrossEntropyLoss(), optimizer, callbacks=[callback] if rehearses else [], **options
    )
    trainer.fit((x, y), epochs=3, batch_size=32)
    return trainer, callback


@pytest.mark.parametrize("options", [{}, {"accumulate": 2}, {"clip_norm": 0.1}])
def test_rehearses_the_very_step_that_follows(options):
    _, callback = train(True, **options)
    assert len(callback.rehearsed) >= 3
    for (loss, size, _), (made_loss, made_size) in zip(callback.rehearsed, callback.made):
        np.testing.assert_allclose([float(loss), float(size)], [made_loss, made_size], rtol=1e-4)


def test_sees_the_loss_of_the_same_batch_after_the_step():
    _, callback = train(True)
    falls = [float(loss) > float(again) for loss, _, again in callback.rehearsed]
    assert np.mean(falls) > 0.8  # with other dropout masks it would be half of them


def test_changes_no_bit_of_the_training():
    with_it, without = train(True)[0], train(False)[0]
    assert with_it.history["loss"] == without.history["loss"]
    for name, value in without.model.state_dict().items():
        np.testing.assert_array_equal(with_it.model.state_dict()[name].numpy(), value.numpy())


def test_gives_nothing_where_steps_run_eagerly():
    _, callback = train(True, compile=False)
    assert callback.rehearsed == [None] * len(callback.rehearsed)
