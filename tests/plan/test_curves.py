"""Learning curves carried on: more data, more epochs, the depth that data support, the risk of overfitting."""

import numpy as np
import pytest

from koubai import nn, optim
from koubai.doctor import Training
from koubai.plan import depths, forecast, gradient_reach, growth, outlook, risk
from koubai.plan.power_law import fit


def test_a_power_law_is_found_again():
    sizes = [100, 200, 400, 800, 1600]
    law = fit(sizes, [3 * n**-0.5 + 0.1 for n in sizes])
    assert law(3200) == pytest.approx(3 * 3200**-0.5 + 0.1, rel=0.02)


def test_the_interval_holds_the_truth_in_most_cases():
    random, sizes, held = np.random.default_rng(0), np.repeat([100, 200, 400, 800], 3), 0
    for seed in range(20):
        errors = 2 * sizes**-0.4 * np.exp(0.05 * random.standard_normal(len(sizes)))
        seen = forecast(sizes.tolist(), errors.tolist(), 1600, seed)
        held += seen.low <= 2 * 1600**-0.4 <= seen.high
        assert seen.low <= seen.value <= seen.high
    assert held >= 15


def test_errors_that_do_not_fall_promise_nothing():
    assert fit([1, 2, 4, 8], [0.3, 0.31, 0.32, 0.33])(16) == pytest.approx(0.315, abs=0.02)


def test_one_size_makes_no_law():
    with pytest.raises(ValueError, match="at least two sizes; all 2 are for 100"):
        forecast([100, 100], [0.3, 0.2], 200)


EPOCHS = np.arange(1, 31)


@pytest.mark.parametrize(
    ("training", "validation", "kind"),
    [
        (EPOCHS**-0.6, EPOCHS**-0.5, "more_epochs"),
        (EPOCHS**-0.9, [*(0.5 + 0.5 / EPOCHS[:12]), *(0.55 + 0.05 * EPOCHS[:18])], "regularise"),
        (0.02 + 1.98 * 0.5**EPOCHS, 0.03 + 1.97 * 0.5**EPOCHS, "enough"),
        (1.0 + 1.0 * 0.4**EPOCHS, 1.1 + 1.0 * 0.4**EPOCHS, "redesign"),
        (0.1 + 1.9 * 0.4**EPOCHS, 1.0 + 1.0 * 0.4**EPOCHS, "regularise"),
        ([2.0, 2.0, np.nan], [], "repair"),
        ([2.0, 1.0], [], "unknown"),
    ],
)
def test_curves_say_what_to_do(training, validation, kind):
    seen = outlook(list(map(float, training)), list(map(float, validation)))
    assert seen.kind == kind
    assert all(seen.sentences)
    if kind == "more_epochs":
        assert seen.twice.at == 60
        assert seen.twice.value < seen.now


def test_more_epochs_are_foretold_as_they_come():
    losses = (0.2 + EPOCHS**-0.7).tolist()
    assert outlook(losses, losses).twice.value == pytest.approx(0.2 + 60**-0.7, rel=0.05)


@pytest.mark.parametrize(
    ("parameters", "samples", "gap", "level"),
    [
        (10, 1000, None, "low"),
        (1000, 1000, None, "moderate"),
        (10**6, 100, None, "high"),
        (10**6, 100, 0.01, "low"),
        (1, 100, 0.3, "high"),
    ],
)
def test_the_risk_of_overfitting(parameters, samples, gap, level):
    seen = risk(parameters, samples, gap)
    assert seen.level == level
    assert f"{parameters:,}" in seen.sentence


def training(samples, epochs=4, **more):
    random = np.random.default_rng(0)
    x = random.standard_normal((samples, 4)).astype(np.float32)
    y = (x[:, 0] + 0.5 * random.standard_normal(samples) > 0).astype(np.int64)
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    part = len(x) // 4
    return Training.of(
        model, nn.CrossEntropyLoss(), optimizer, (x[part:], y[part:]), (x[:part], y[:part]), batch_size=64,
        epochs=epochs, trainer={"compile": False}, **more,
    )  # fmt: skip


def test_growing_shares_of_the_data_are_trained_on():
    told = []
    seen = growth(training(400), lambda done, of: told.append((done, of)))
    assert sorted(set(seen.samples)) == [38, 75, 150, 300]
    assert told[-1] == (12, 12)
    assert seen.twice.at == 600
    assert 0 <= seen.twice.low <= seen.twice.value <= seen.twice.high
    assert "600 samples" in seen.sentence


def test_too_few_samples_say_nothing():
    seen = growth(training(40))
    assert seen.twice is None
    assert "cannot be told" in seen.sentence


def test_depths_are_compared_on_parts_of_the_data():
    seen = depths(training(80, epochs=2))
    assert list(seen.skills) == [0, 1, 2, 3, 4]
    assert all(len(skills) == 4 for skills in seen.skills.values())
    assert seen.best <= max(seen.skills, key=seen.mean)
    assert str(seen.best) in seen.sentence


def test_gradients_fade_in_deep_sigmoid_nets():
    random = np.random.default_rng(0)
    x, y = (random.standard_normal((8, n)).astype(np.float32) for n in (6, 1))
    from koubai import tensor

    def reach(depth):
        layers = [layer for _ in range(depth) for layer in (nn.Linear(6, 6), nn.Sigmoid())]
        return gradient_reach(nn.Sequential(*layers, nn.Linear(6, 1)), nn.MSELoss(), tensor(x), tensor(y))

    assert reach(1) > 10 * reach(4) > 0
