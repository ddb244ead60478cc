"""A plan that is measured: what it tells, and what it leaves alone. How right it is shows benchmarks/plan.py."""

import os
import signal

import numpy as np
import pytest

import koubai
from koubai import nn, optim
from koubai.doctor.vital_signs import EVERY
from koubai.plan import Pilot, plan
from koubai.plan.apart import IS_APART, run_apart
from koubai.plan.planner import plan_of, workload_of
from koubai.plan.prediction import predict, step_seconds


@pytest.fixture(scope="module")
def model():
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 3))


@pytest.fixture(scope="module")
def made(model):
    return plan(
        model,
        (203, 3, 2, 2),
        classes=3,
        batch_size=20,
        epochs=4,
        metrics=["accuracy"],
        price=2.0,
        seconds=0.05,
    )


def test_it_tells_time_memory_and_cost(made):
    seen = made.prediction
    assert 0 < seen.step < seen.epoch < seen.total
    assert seen.epoch >= 10 * seen.step
    assert made.cost == pytest.approx(2.0 * seen.total / 3600)
    assert made.predicted_at(100).total > 0
    if IS_APART:
        assert made.footprint.process > made.pilots[0].process > made.workload.data_bytes
    assert [pilot.batch_size for pilot in made.pilots] == [20, 80]
    assert made.pilots[0].last > 0  # three samples are left over


def test_measuring_leaves_model_and_random_numbers_alone(model):
    before = {name: tensor.numpy().copy() for name, tensor in model.state_dict().items()}
    random = koubai.get_rng_state().numpy().copy()
    plan(model, (64, 12), classes=3, batch_size=32, seconds=0.0)
    for name, tensor in model.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), before[name])
    np.testing.assert_array_equal(koubai.get_rng_state().numpy(), random)
    assert model.training


def test_an_eager_training_can_be_planned(model):
    workload = workload_of(model, (40, 12), classes=3, batch_size=20, epochs=1)
    made = plan_of(workload, compile=False, seconds=0.0)
    assert made.prediction.step > 0
    assert (made.pilots[0].flops, made.pilots[0].arena) == (0, 0)


@pytest.mark.parametrize("targets", ["classes", "numbers"])
def test_real_data_can_be_planned(targets):
    x = np.random.default_rng(0).standard_normal((50, 6))
    y = np.arange(50) % 2 if targets == "classes" else x[:, :1].astype(np.float32)
    made = plan(nn.Linear(6, 2 if targets == "classes" else 1), (x, y), batch_size=16, epochs=2, seconds=0.0)
    assert made.workload.samples == 50
    assert made.prediction.total > 0


def test_rows_for_all_positions_of_sequences_have_a_target_each():
    class Rows(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.head = nn.Embedding(11, 4), nn.Linear(4, 11)

        def forward(self, x):
            return self.head(self.words(x)).reshape(-1, 11)

    made = plan(Rows(), (30, 7), classes=11, batch_size=10, seconds=0.0)
    assert made.workload.examples.inputs.dtype.kind == "i"
    assert made.prediction.epoch > 0


def test_a_claim_is_judged_with_its_arithmetic(made):
    total, least = made.prediction.total, made.flops / made.pilots[0].peak
    kinds = {
        least / 2: "impossible",
        (least + total) / 3: "optimistic",
        total: "plausible",
        3 * total: "generous",
        100 * total: "far_too_slow",
    }
    for seconds, kind in kinds.items():
        claim = made.claim(seconds=seconds)
        assert claim.kind == kind
        assert claim.sentence
        assert claim.least == pytest.approx(least)
    assert made.claim(cost=made.cost).kind == "plausible"
    with pytest.raises(ValueError, match="time or which cost"):
        made.claim()
    with pytest.raises(ValueError, match="price per hour"):
        plan_of(made.workload, seconds=0.0).claim(cost=5)
    with pytest.raises(ValueError, match="measured"):
        plan_of(made.workload, measure=False).claim(seconds=5)


def pilot(batch_size, step, **more):
    given = {
        "first": 1.0, "noise": 0.0, "last": 0.005, "measured": 0.1, "epoch": 0.02, "validation": 0.3, "end": 0.5,
        "memory": 0, "process": 0, "flops": 0, "arena": 0, "peak": 0.0,
    }  # fmt: skip
    return Pilot(batch_size=batch_size, step=step, **{**given, **more})


def test_an_epoch_is_its_steps_its_looks_and_its_validation(model):
    workload = workload_of(model, (1010, 12), classes=3, batch_size=100, epochs=3)
    seen = predict(workload, [pilot(100, 0.01)])
    assert seen.epoch == pytest.approx(10 * 0.01 + 0.005 + 11 / EVERY * 0.1 + 0.02 + 0.3)
    assert seen.total == pytest.approx(1.0 + 3 * seen.epoch + 0.5)


def test_between_measured_batch_sizes_time_is_a_line():
    pilots = [pilot(64, 0.01), pilot(256, 0.034)]
    assert step_seconds(pilots, 64) == 0.01
    assert step_seconds(pilots, 160) == pytest.approx(0.022)
    assert step_seconds(pilots, 512) == pytest.approx(0.066)
    assert step_seconds(pilots[:1], 128) == pytest.approx(0.02)


def fail():
    raise IndexError("out of range")


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_goes_wrong_apart_is_raised_here():
    with pytest.raises(IndexError, match="out of range"):
        run_apart(fail)
    with pytest.raises(IndexError, match=r"label .* out of range"):
        plan(nn.Linear(4, 2), (np.zeros((30, 4)), np.arange(30)), batch_size=10, seconds=0.0)


@pytest.mark.skipif(not IS_APART, reason="only where there are forks")
def test_who_is_killed_has_run_out_of_memory():
    with pytest.raises(MemoryError, match="killed"):
        run_apart(killed)


def test_the_optimizer_is_the_users_own(model):
    made = plan(
        model, (40, 12), classes=3, optimizer=lambda m: optim.SGD(m.parameters(), lr=0.1), measure=False
    )
    assert made.footprint.state == 0
