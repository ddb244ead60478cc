"""What a look leaves of itself in a user's Python: nothing, be it by hooks that ask or by what a forward keeps."""

import numpy as np
import pytest

import koubai
from koubai import nn, optim
from koubai.doctor import Doctor, attach, examine, is_looking
from koubai.train import Trainer
from tests.doctor.conftest import Loop, same

SIZE = 32


def record_of(model):
    """Hang hooks on a model's layers that count their calls in the training, and return these counts."""
    forwards, backwards = [], []

    def note(module, args, output):
        if not is_looking():
            forwards.append(1)
            if output.requires_grad:
                output.register_hook(lambda gradient: None if is_looking() else backwards.append(1))

    model[0].register_forward_hook(note)
    return lambda: (len(forwards), len(backwards))


class Forgetful(koubai.nn.Module):
    """Trains with a noise that fades with each call of its forward, and keeps what it saw."""

    def __init__(self):
        super().__init__()
        self.inner, self.calls, self.kept, self.last = nn.Linear(8, 2), 0, [], None

    def forward(self, x):
        self.calls += 1
        self.kept.append(len(x))
        x = x + x * (0.5**self.calls)
        self.last = self.inner(x)
        return self.last


def samples(count=160):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((count, 8)).astype("f")
    return x, (x[:, 0] > 0).astype("i8")


def trained(model, doctor, **options):
    koubai.manual_seed(0)
    trainer = Trainer(
        model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=30.0), doctor=doctor, **options
    )
    trainer.fit(samples(), samples(), epochs=4, batch_size=SIZE)
    return [p.detach().numpy().tobytes() for p in model.parameters()]


@pytest.mark.parametrize("compile", [True, False])
def test_hooks_that_ask_record_the_training_alone(compile):
    counts = []
    for doctor in (Doctor(every=2), False):
        koubai.manual_seed(1)
        model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
        count = record_of(model)
        trained(model, doctor, compile=compile)
        counts.append(count())
    assert counts[0] == counts[1]
    assert counts[0][0] > 0


@pytest.mark.parametrize("compile", [True, False])
def test_a_forward_that_counts_and_keeps_is_trained_the_same(compile):
    outcomes = []
    for doctor in (Doctor(every=2), False):
        koubai.manual_seed(1)
        model = Forgetful()
        outcomes.append((trained(model, doctor, compile=compile), model.calls, model.kept))
    assert outcomes[0] == outcomes[1]


def test_in_a_loop_written_by_hand(framework):
    loops = []
    for watched in (True, False):
        loop = Loop(framework, lr=30.0)
        loop.count = record_of(loop.model)
        if watched:
            with attach(loop.model, loop.optimizer, loop.loss, (loop.x, loop.y), every=2) as watch:
                loop.run(epochs=25)
            assert watch.findings
        else:
            loop.run(epochs=25)
        loops.append(loop)
    assert loops[0].count() == loops[1].count() == (125, 125)
    assert same(loops[0].state(), loops[1].state())


def test_examine_is_not_noticed():
    koubai.manual_seed(1)
    model = nn.Sequential(Forgetful(), nn.ReLU(), nn.Linear(2, 2))
    count = record_of(model)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    examine(model, nn.CrossEntropyLoss(), optimizer, samples())
    assert count() == (0, 0)
    assert model[0].calls == 0
    assert model[0].kept == []
    assert model[0].last is None


def test_the_model_is_looked_at_with_its_own_hooks():
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
    model[2].register_forward_hook(lambda module, args, output: output * 0)
    found = examine(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1), samples())
    assert "ignored_input" in [finding.cause for finding in found]
