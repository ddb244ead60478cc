"""`koubai.doctor.treat` and the experiments in Python."""

from __future__ import annotations

import numpy as np
import pytest

import koubai
from koubai import doctor, nn, optim
from koubai.data import TensorDataset
from koubai.doctor import Finding, Training, sensitivity, treat
from koubai.doctor.experiments import more_data, overfit, rates
from koubai.doctor.proof_file import read_proof, write_proof
from tests.doctor.test_checks import blobs, net

CE = nn.CrossEntropyLoss()
TOO_HIGH = Finding("lr_too_high", 0.9, "", "")


def given(lr=30.0, kind=optim.SGD):
    model = net(2, 16, outputs=3)
    return model, CE, kind(model.parameters(), lr=lr), blobs(), blobs(seed=1)


def subject(**options):
    return Training.of(*given(**options), epochs=8)


class TestTreat:
    def test_what_is_given_stays_as_it_is(self):
        model, *rest = given()
        before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
        proof = treat(model, *rest, findings=[TOO_HIGH], trials=1)
        assert proof.proven
        assert proof.best.skill > 0.9 > proof.untreated
        assert proof.best.changes == ("lr: 30 → 3", "clip_norm: – → 1")
        for name, value in model.state_dict().items():
            np.testing.assert_array_equal(value.numpy(), before[name])

    def test_the_doctor_finds_the_cause_itself(self):
        model, loss, optimizer, data, validation = given(lr=300.0)
        proof = treat(model, loss, optimizer, TensorDataset(*map(koubai.tensor, data)), validation, trials=1)
        assert proof.causes[0] == "lr_too_high"
        assert len(proof.trials) == 1

    def test_a_healthy_training_is_left_alone(self):
        proof = treat(*given(0.01, optim.Adam), epochs=15)
        assert (proof.causes, proof.trials, proof.best) == ((), (), None)

    def test_the_proof_is_read_as_it_was_written(self, tmp_path):
        proof = treat(*given(), findings=[TOO_HIGH], trials=2, epochs=3)
        write_proof(proof, tmp_path)
        read = read_proof(tmp_path)
        assert read.to_json() == proof.to_json()
        assert read.best.remedies == proof.best.remedies
        assert read.untreated == proof.untreated
        assert read_proof(tmp_path / "elsewhere") is None

    def test_mistakes(self):
        model, loss, optimizer, *data = given()
        with pytest.raises(ValueError, match="at least 1"):
            treat(model, loss, optimizer, *data, trials=0)
        with pytest.raises(TypeError, match="model of Koubai"):
            treat(print, loss, optimizer, *data)
        with pytest.raises(TypeError, match="inputs and targets"):
            treat(model, loss, optimizer, data[0][0])
        first, last = model[0].parameters(), model[2].parameters()
        with pytest.raises(ValueError, match="several groups"):
            treat(model, loss, optim.SGD([{"params": first}, {"params": last}], lr=0.1), *data)


class TestSensitivity:
    def test_a_sound_training_is_stable(self):
        seen = sensitivity(subject(lr=0.01, kind=optim.Adam), seeds=3)
        assert seen.stable
        assert str(seen).startswith("Stable, as far as 240 samples can tell: over 3 seeds")
        assert sorted(seen.rates) == [0.5, 1.0, 2.0]

    def test_a_training_that_hangs_on_its_seed(self):
        seen = sensitivity(subject(lr=8.0), seeds=4)
        assert not seen.stable
        assert str(seen).startswith("It depends on the seed")

    def test_a_spread_needs_two(self):
        with pytest.raises(ValueError, match="at least 2 seeds"):
            doctor.sensitivity(subject(), seeds=1)


class TestExperiments:
    @pytest.mark.parametrize(
        ("lr", "words"), [(1e-3, "too small"), (30.0, "too large"), (1.0, "no other ends clearly lower")]
    )
    def test_rates(self, lr, words):
        seen = rates(subject(lr=lr))
        assert words in seen.words
        assert [name.split("  ")[0] for name in seen.curves] == ["÷ 10", "× 1", "× 10"]

    def test_a_few_samples_are_learnt_by_heart(self):
        seen = overfit(subject(lr=0.1))
        assert "It learns them by heart" in seen.words
        assert len(seen.curves["loss"]) == 300

    def test_or_not(self):
        assert "does not learn" in overfit(subject(lr=1e-5)).words


def test_what_more_data_would_bring():
    random = np.random.default_rng(0)

    def points(samples):
        x = random.standard_normal((samples, 10)).astype("f")
        return x, (x.sum(1, keepdims=True) + 0.5 * random.standard_normal((samples, 1))).astype("f")

    model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    subject = Training.of(model, nn.MSELoss(), optimizer, points(80), points(500), epochs=20)
    seen = more_data(subject)
    skills = list(seen.results.values())
    assert skills == sorted(skills)
    assert "160 samples" in seen.words
