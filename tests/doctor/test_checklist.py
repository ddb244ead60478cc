"""The checklists: every point in its order, ticked by what is there."""

import pytest

import koubai
from koubai import nn, optim
from koubai.data import DataLoader, TensorDataset
from koubai.doctor import checklist
from koubai.train.rng import random_state

NAMES = [
    "normalisation", "loss", "metric", "baseline",
    "activation", "initialisation", "normalisation layers", "structure", "residual", "learning rate", "optimizer",
    "regularisation", "data",
]  # fmt: skip


@pytest.fixture
def points():
    koubai.manual_seed(0)
    x = koubai.randn(600, 4)
    return x, (x[:, 0] + 0.3 * x[:, 1] > 0).long()


def model(*layers):
    koubai.manual_seed(0)
    return nn.Sequential(*(layers or (nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))))


def entries(data, net=None, loss=None, optimizer=None, **options):
    net = net or model()
    optimizer = optimizer or optim.Adam(net.parameters())
    options.setdefault("metrics", ["accuracy"])
    return {
        entry.name: entry
        for entry in checklist(net, loss or nn.CrossEntropyLoss(), optimizer, data, **options)
    }


def test_all_points_in_their_order(points):
    found = entries(points)
    assert list(found) == NAMES
    assert [entry.list for entry in found.values()] == ["before"] * 4 + ["stuck"] * 9


def test_a_sound_training_is_ticked_throughout(points):
    assert [entry.name for entry in entries(points).values() if not entry.ticked] == []


def test_an_entry_prints_with_its_tick(points):
    found = entries((points[0] * 50 + 300, points[1]))["normalisation"]
    text = str(found)
    assert text.startswith("□ inputs normalised: the column furthest off: mean 3")
    assert "\n  → Bring inputs" in text
    assert str(entries(points)["loss"]).startswith("☑ a loss that fits: CrossEntropyLoss")


def deep(*between):
    layers = [layer for _ in range(12) for layer in (nn.Linear(4, 4), *(make() for make in between))]
    return model(*layers, nn.Linear(4, 2))


@pytest.mark.parametrize(
    ("name", "net"),
    [
        ("activation", lambda: deep(nn.Sigmoid)),
        ("activation", lambda: deep()),
        ("normalisation layers", lambda: deep(nn.ReLU)),
        ("normalisation layers", lambda: model(nn.Linear(4, 2), nn.BatchNorm1d(2))),
        ("normalisation layers", lambda: model(nn.Dropout(0.5), nn.BatchNorm1d(4), nn.Linear(4, 2))),
        ("residual", lambda: deep(nn.ReLU)),
        ("structure", lambda: model(nn.Linear(4, 9000), nn.ReLU(), nn.Linear(9000, 2))),
        ("regularisation", lambda: model(nn.Linear(4, 900), nn.ReLU(), nn.Linear(900, 2))),
    ],
)
def test_what_could_be_better_is_not_ticked(points, name, net):
    entry = entries(points, net())[name]
    assert not entry.ticked
    assert entry.advice


def test_weights_that_are_far_too_large(points):
    net = model()
    net[0].weight.data = net[0].weight.data * 50
    entry = entries(points, net)["initialisation"]
    assert not entry.ticked
    assert "the weights of 0 have" in entry.seen


def test_a_loss_that_does_not_fit(points):
    net = model(nn.Linear(4, 2), nn.Softmax(dim=1))
    assert not entries(points, net)["loss"].ticked


def test_the_optimizer_and_its_rate(points):
    net = model()
    found = entries(points, net, optimizer=optim.SGD(net.parameters(), lr=10.0))
    assert not found["learning rate"].ticked
    assert not found["optimizer"].ticked


def test_accuracy_is_no_metric_for_rare_classes(points):
    x, _ = points
    rare = (koubai.arange(600) % 12 == 0).long()
    assert not entries((x, rare))["metric"].ticked
    assert entries((x, rare), metrics=["accuracy", "f1"])["metric"].ticked
    assert not entries((x, rare), metrics=[])["metric"].ticked
    assert not entries((x, rare))["data"].ticked


def test_a_regression(points):
    x, _ = points
    net = model(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1))
    found = entries((x, x.sum(dim=1, keepdim=True)), net, nn.MSELoss(), metrics=["r2"])
    assert found["metric"].ticked
    assert "R² 0" in found["baseline"].seen
    assert "R² 1.00" in found["baseline"].seen


def test_nothing_is_changed(points):
    net, loader = model(), DataLoader(TensorDataset(*points), batch_size=50, shuffle=True)
    before = [parameter.detach().numpy().tobytes() for parameter in net.parameters()]
    place, random = repr(loader.state_dict()), random_state(net)
    entries(loader, net)
    assert [parameter.detach().numpy().tobytes() for parameter in net.parameters()] == before
    assert repr(loader.state_dict()) == place
    assert repr(random_state(net)) == repr(random)
