"""Descents: every point is where the library's own optimizer comes by, and verdicts say how it ended."""

import copy

import numpy as np
import pytest

import koubai
from koubai import nn, optim
from koubai.explain.downhill import (
    OPTIMIZERS,
    SURFACES,
    Verdict,
    along,
    compare_batches,
    compare_optimizers,
    descend,
    landscape,
    path_plane,
    random_plane,
    regression,
    surface,
)


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("KOUBAI_LANG", "en")


def line():
    """Data on a line with noise, and the loss's surface over w and b."""
    x = np.linspace(-1.5, 1.5, 40)
    t = 0.8 * x + 0.3 + 0.2 * np.sin(17 * x)
    return x, t, regression(x, t)


DIRECT = {
    "sgd": lambda p: optim.SGD(p, lr=0.02),
    "momentum": lambda p: optim.SGD(p, lr=0.02, momentum=0.9),
    "nesterov": lambda p: optim.SGD(p, lr=0.02, momentum=0.9, nesterov=True),
    "adagrad": lambda p: optim.Adagrad(p, lr=0.02),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.02),
    "adam": lambda p: optim.Adam(p, lr=0.02),
}


@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_a_path_is_the_optimizers_own(name):
    path = descend(surface("bowl"), name, 0.02, steps=25)
    parameters = [koubai.tensor([v], dtype=koubai.float64, requires_grad=True) for v in (-4.0, 1.3)]
    optimizer = DIRECT[name](parameters)
    for number in range(26):
        assert path.points[number] == pytest.approx([p.item() for p in parameters], rel=1e-12, abs=1e-300)
        x, y = parameters
        loss = (x**2 + 16 * y**2).sum() / 2
        assert path.losses[number] == pytest.approx(loss.item(), rel=1e-12)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@pytest.mark.parametrize("name", list(SURFACES))
def test_surfaces_have_their_minima_where_they_say(name):
    if name in ("regression", "unscaled"):
        pytest.importorskip("sklearn")
    where = surface(name)
    for minimum in where.minima:
        point = np.array(minimum)
        assert where.at(point) == pytest.approx(where.lowest, abs=1e-12)
        assert where.gradient(point) == pytest.approx([0, 0], abs=1e-8)
        near = point + np.array([[1e-3, 0], [-1e-3, 0], [0, 1e-3], [0, -1e-3]])
        assert (where.at(near) > where.lowest).all()
    (left, right), (low, high) = where.bounds
    for x, y in [where.start, *where.minima]:
        assert left < x < right
        assert low < y < high


def test_gradients_of_surfaces_are_right():
    where, point, tiny = surface("beale"), np.array([1.2, 0.4]), 1e-6
    steps = np.array([[tiny, 0], [0, tiny]])
    numerical = (where.at(point + steps) - where.at(point - steps)) / (2 * tiny)
    assert where.gradient(point) == pytest.approx(numerical, rel=1e-7)


def test_verdicts():
    bowl = surface("bowl")
    assert descend(bowl, "sgd", 0.001).verdict is Verdict.SLOW
    arrived = descend(bowl, "sgd", 0.1)
    assert arrived.verdict is Verdict.ARRIVES
    assert arrived.losses[arrived.arrival] <= 0.01 * arrived.losses[0] < arrived.losses[arrived.arrival - 1]
    assert descend(bowl, "sgd", 0.1249, steps=40).verdict is Verdict.SWINGS
    lost = descend(bowl, "sgd", 0.5)
    assert lost.verdict is Verdict.DIVERGES
    assert lost.updates < bowl.steps
    assert np.isfinite(lost.points).all()
    assert descend(surface("valleys"), "adagrad", 0.5).verdict is Verdict.FLAT


def test_a_learning_rate_beyond_all_numbers_only_diverges():
    assert descend(surface("beale"), "sgd", 1e200).verdict is Verdict.DIVERGES


def test_rates_are_too_small_right_and_too_large():
    compared = compare_optimizers(surface("bowl"), ["sgd", "adam"], (0.001, 0.01, 0.1, 0.2))
    assert compared.rates_of("SGD") == (0.01, 0.1, 0.2)
    assert compared.rates_of("Adam").large is None


def test_batches_are_epochs_of_shuffled_samples():
    *_data, where = line()
    batches = where.batches(12, seed=3)
    epochs = [[next(batches) for _update in range(4)] for _epoch in range(2)]
    for epoch in epochs:
        assert [len(batch) for batch in epoch] == [12, 12, 12, 4]
        assert sorted(row for batch in epoch for row in batch) == list(range(40))
    assert epochs[0] != epochs[1]


def test_one_sample_descent_uses_one_sample():
    x, t, where = line()
    path = descend(where, "sgd", 0.1, steps=1, batch=1, seed=5)
    (row,) = next(where.batches(1, seed=5))
    w, b = where.start
    error = w * x[row] + b - t[row]
    assert path.points[1] == pytest.approx([w - 0.1 * 2 * error * x[row], b - 0.1 * 2 * error])


def test_fewer_samples_make_more_updates_and_more_zigzag():
    *_data, where = line()
    compared = compare_batches(where, (None, 8, 1), (0.05,), steps=80)
    batch, some, one = (paths[0.05] for paths in compared.paths.values())
    assert [path.epoch_updates for path in (batch, some, one)] == [1, 5, 40]
    assert [path.epochs for path in (batch, some, one)] == [80, 16, 2]
    assert batch.turning == batch.uphill == 0
    assert one.turning > 0.2
    assert one.uphill > 0.2


def test_the_same_seed_walks_the_same_way():
    *_data, where = line()
    paths = [descend(where, "adam", 0.1, batch=4, seed=seed).points for seed in (1, 1, 2)]
    assert (paths[0] == paths[1]).all()
    assert (paths[0] != paths[2]).any()


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (lambda: surface("hill"), "no surface hill"),
        (lambda: descend(surface("bowl"), "magic"), "no optimizer magic"),
        (lambda: descend(surface("bowl"), batch=2, steps=1), "batch of 2"),
        (lambda: regression(np.ones(5), np.arange(5.0)), "all inputs"),
        (lambda: regression(np.arange(4.0), np.arange(5.0)), "5 and 4"),
        (lambda: regression(np.array([0, 1, np.nan]), np.arange(3.0)), "finite"),
    ],
)
def test_mistakes_are_named(mistake, words):
    with pytest.raises(ValueError, match=words):
        mistake()


# --- the loss of a model around its weights ------------------------------------------------------------------------


def trained():
    """A small network, its loss, and its weights before and after each of six epochs."""
    koubai.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.BatchNorm1d(6), nn.Linear(6, 1)).double()
    x = koubai.randn(24, 2, dtype=koubai.float64)
    t = (x[:, :1] * x[:, 1:]).detach()

    def loss(model):
        return nn.functional.mse_loss(model(x), t)

    optimizer = optim.Adam(model.parameters(), lr=0.05)
    sets = [copy.deepcopy(model.state_dict())]
    for _epoch in range(6):
        for _update in range(5):
            optimizer.zero_grad()
            loss(model).backward()
            optimizer.step()
        sets.append(copy.deepcopy(model.state_dict()))
    return model, loss, [{k: v for k, v in s.items() if "running" not in k and "num" not in k} for s in sets]


def test_random_directions_are_as_long_as_the_filters():
    model, *_others = trained()
    plane = random_plane(model, seed=1)
    for name, parameter in model.named_parameters():
        weight = parameter.detach().numpy()
        if weight.ndim < 2:
            assert not plane.first[name].any()
        else:
            assert np.linalg.norm(plane.first[name], axis=1) == pytest.approx(np.linalg.norm(weight, axis=1))
    assert (random_plane(model, seed=2).first["0.weight"] != plane.first["0.weight"]).any()


def test_the_plane_of_a_path_holds_its_ends():
    model, loss, sets = trained()
    plane = path_plane(sets)
    assert plane.path.shape == (7, 2)
    assert plane.path[-1] == pytest.approx([0, 0])
    assert 0.5 < plane.explained[0] <= 1
    first, second = (np.concatenate([v.ravel() for v in d.values()]) for d in (plane.first, plane.second))
    assert [first @ first, second @ second, first @ second] == pytest.approx([1, 1, 0], abs=1e-12)
    where = landscape(model, loss, plane, columns=5)
    assert where.start == pytest.approx(tuple(plane.path[0]))
    assert where.at(np.zeros(2)) == pytest.approx(loss(copy.deepcopy(model).eval()).item())
    way = along(where, plane.path, "the training").paths["the training"][0.0]
    assert way.updates == 6


def test_three_weight_sets_lie_in_their_plane():
    *_model, sets = trained()
    plane = path_plane([sets[0], sets[3], sets[6]])
    assert sum(plane.explained) == pytest.approx(1)
    for weights, (x, y) in zip((sets[0], sets[3]), plane.path):
        for name, value in plane.weights(x, y).items():
            assert value == pytest.approx(weights[name].numpy(), abs=1e-10)


def test_the_slope_in_a_plane_is_the_models_gradient():
    model, loss, _sets = trained()
    before = {name: parameter.numpy().copy() for name, parameter in model.state_dict().items()}
    where = landscape(model, loss, random_plane(model), columns=3)
    point, tiny = np.array([0.3, -0.2]), 1e-5
    steps = np.array([[tiny, 0], [0, tiny]])
    numerical = (where.at(point + steps) - where.at(point - steps)) / (2 * tiny)
    assert where.gradient(point) == pytest.approx(numerical, rel=1e-5)
    path = descend(where, "sgd", 0.05, steps=5)
    assert path.losses[-1] < path.losses[0]
    for name, parameter in model.state_dict().items():
        assert (parameter.numpy() == before[name]).all()


def test_weight_sets_that_do_not_fit_are_refused():
    model, loss, sets = trained()
    with pytest.raises(ValueError, match="at least 3"):
        path_plane(sets[:2])
    with pytest.raises(ValueError, match="weight set 1"):
        path_plane([{"w": np.zeros(3)}, *sets[:2]])
    with pytest.raises(ValueError, match="no path"):
        path_plane([sets[0]] * 3)
    with pytest.raises(ValueError, match="does not fit"):
        landscape(nn.Linear(3, 1), loss, random_plane(model))
