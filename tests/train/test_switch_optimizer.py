"""Changing the optimizer during a training."""

import pytest

from koubai import optim
from koubai.train import SwitchOptimizer


def momentum(parameters):
    return optim.SGD(parameters, lr=0.05, momentum=0.9)


def test_adam_first_then_sgd_with_momentum(make, blobs):
    kinds = make.Spy("on_step_end", lambda trainer: type(trainer.optimizer).__name__)
    switch = SwitchOptimizer(at=3, make=momentum)
    trainer = make.trainer(optimizer=lambda p: optim.Adam(p, lr=0.01), callbacks=[switch, kinds])
    history = trainer.fit(blobs, epochs=4, batch_size=90)
    assert kinds.seen == ["Adam", "Adam", "SGD", "SGD"]
    assert history["lr"] == [0.01, 0.01, 0.05, 0.05]


def test_the_new_optimizer_may_have_a_scheduler_of_its_own(make, blobs):
    def halving(optimizer):
        return optim.lr_scheduler.ExponentialLR(optimizer, 0.5)

    model = make.model()
    adam = optim.Adam(model.parameters(), lr=0.01)
    trainer = make.trainer(model, lambda p: adam, lr_scheduler=halving(adam))
    trainer.callbacks.append(SwitchOptimizer(at=3, make=momentum, lr_scheduler=halving))
    assert trainer.fit(blobs, epochs=4)["lr"] == pytest.approx([0.01, 0.005, 0.05, 0.025])


def test_only_the_parameters_of_the_old_optimizer_move_on(make, blobs):
    model = make.model()
    held = list(model[2].parameters())
    before = make.weights(model)
    switch = SwitchOptimizer(at=1, make=momentum)
    make.trainer(model, lambda p: optim.Adam(held), callbacks=[switch]).fit(blobs)
    after = make.weights(model)
    assert [name for name in after if after[name] != before[name]] == ["2.weight", "2.bias"]


def test_epochs_are_counted_from_one():
    with pytest.raises(ValueError, match="counted from 1"):
        SwitchOptimizer(at=0, make=momentum)
