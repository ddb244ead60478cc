"""What a look leaves of itself in a user's Python: nothing, be it by hooks or by what a forward keeps."""

import functools

import numpy as np
import pytest

import koubai
from koubai import nn, optim
from koubai.doctor import Doctor, attach, examine, treat
from koubai.doctor.unnoticed import only_looks_on
from koubai.train import Trainer
from tests.doctor.conftest import Loop, same

SIZE = 32


class Counter:
    """Counts its calls, as somebody would who wants to know them."""

    def __init__(self):
        self.calls = 0

    def __call__(self, *args):
        self.calls += 1


def record_of(model):
    """Hang hooks of many kinds on a model's layers, and return how often each was called."""
    counter, seen, counted = Counter(), [], [0]

    def count(module, args):
        counted[0] += 1

    model[0].register_forward_hook(counter)
    model[0].register_forward_hook(lambda module, args, output: seen.append(1))
    model[0].register_forward_pre_hook(count)
    model[0].register_forward_hook(functools.partial(lambda kind, *args: seen.append(kind), "a"))
    return lambda: (counter.calls, len(seen), counted[0])


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
def test_a_users_hooks_run_as_often_as_without_a_doctor(compile):
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
    assert loops[0].count() == loops[1].count() == (125, 250, 125)
    assert same(loops[0].state(), loops[1].state())


def test_examine_and_treat_are_not_noticed():
    koubai.manual_seed(1)
    model = nn.Sequential(Forgetful(), nn.ReLU(), nn.Linear(2, 2))
    count = record_of(model)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    examine(model, nn.CrossEntropyLoss(), optimizer, samples())
    treat(model, nn.CrossEntropyLoss(), optimizer, samples(), epochs=2)
    assert count() == (0, 0, 0)
    assert model[0].calls == 0
    assert model[0].kept == []
    assert model[0].last is None


class TestWhichHooksOnlyLookOn:
    def test_what_changes_the_layer_or_what_goes_through_does_not(self):
        def scales(module, args, output):
            return output * 2

        def sometimes(module, args, output):
            if module.training:
                return output * 2
            return None

        def makes_a_weight(module, args):
            module.weight = module.g * module.v

        def writes(module, args, output):
            output.mul_(2)

        assert not any(map(only_looks_on, (scales, sometimes, makes_a_weight, writes, lambda m, a, y: y * 2)))

    def test_the_model_is_looked_at_with_its_own_hooks(self):
        model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
        model[2].register_forward_hook(lambda module, args, output: output * 0)
        found = examine(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1), samples())
        assert "ignored_input" in [finding.cause for finding in found]
