"""Every remedy on the menu helps where it is meant to, and a proof is one only if fresh seeds confirm it."""

from __future__ import annotations

import numpy as np
import pytest

import koubai
from koubai import nn, optim
from koubai.doctor import Finding
from koubai.doctor.treatment import MENU, Training, treat
from tests.doctor.test_checks import blobs, curve, net


def training(model, loss, data, kind=optim.Adam, lr=0.01, validation=None, **changes):
    return Training(model, loss, kind, {"lr": lr}, data, validation, **{"epochs": 15, **changes})


def blob_training(model=None, **options):
    return training(
        model or net(2, 16, outputs=3), nn.CrossEntropyLoss(), blobs(), validation=blobs(seed=1), **options
    )


def curve_training(model=None, **options):
    data = options.pop("data", curve())
    return training(
        model or net(1, 32, outputs=1),
        nn.MSELoss(),
        data,
        validation=options.pop("validation", None),
        **options,
    )


def noisy(samples, seed):
    """Numbers that one of 20 columns tells about, under as much noise."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((samples, 20)).astype("f")
    return x, (x[:, :1] + random.standard_normal((samples, 1))).astype("f")


def overfitted(**options):
    return training(
        net(20, 128, outputs=1), nn.MSELoss(), noisy(30, 0), validation=noisy(500, 9), epochs=100, **options
    )


def rare(samples, seed):
    random = np.random.default_rng(seed)
    y = (random.random(samples) < 0.05).astype("i8")
    return (random.standard_normal((samples, 2)) + 1.5 * y[:, None]).astype("f"), y


def dead():
    """A net whose ReLU units are all dead."""
    model = net(1, 32, outputs=1)
    with koubai.no_grad():
        model[0].bias.fill_(-10.0)
    return model


def deep(activation, layers=9, units=8):
    return net(2, *[units] * layers, outputs=3, activation=activation)


HELPS = {
    "standard_inputs": lambda: curve_training(
        net(1, 16, outputs=1, activation=nn.Tanh), data=(1000 * curve()[0], curve()[1])
    ),
    "standard_targets": lambda: curve_training(data=(curve()[0], 1e5 * curve()[1])),
    "class_weights": lambda: training(
        net(2, 8, outputs=2),
        nn.CrossEntropyLoss(),
        rare(1000, 0),
        lr=1e-3,
        validation=rare(1000, 1),
        epochs=5,
    ),
    "matching_output": lambda: blob_training(net(2, 16, outputs=1, last=[nn.Softmax(-1)])).but(
        loss=nn.MSELoss(), train=(blobs()[0], blobs()[1].astype("f")[:, None]), validation=None
    ),
    "he_initialisation": lambda: blob_training(_zeros(net(2, 16, outputs=3))),
    "relu": lambda: blob_training(deep(nn.Sigmoid), lr=3e-3, epochs=30),
    "leaky_relu": lambda: curve_training(dead()),
    "batch_norm": lambda: blob_training(deep(nn.Sigmoid), epochs=15),
    "residual": lambda: blob_training(deep(nn.Tanh, 20), kind=optim.SGD, lr=0.01, epochs=8),
    "wider": lambda: curve_training(net(1, 1, outputs=1), epochs=40),
    "dropout": overfitted,
    "weight_decay": overfitted,
    "l1": overfitted,
    "augmentation": overfitted,
    "early_stopping": overfitted,
    "lr_times_10": lambda: blob_training(lr=1e-4),
    "lr_divided_by_10": lambda: blob_training(kind=optim.SGD, lr=30.0),
    "clip": lambda: curve_training(data=(curve()[0], 30 * curve()[1]), kind=optim.SGD, lr=0.3),
    "adam": lambda: blob_training(kind=optim.SGD, lr=1e-5),
    "rmsprop": lambda: blob_training(kind=optim.SGD, lr=1e-5),
    "momentum": lambda: blob_training(kind=optim.SGD, lr=1e-3),
    "smaller_batch": lambda: blob_training(kind=optim.SGD, lr=0.05, batch_size=240, epochs=3),
    "larger_batch": lambda: blob_training(kind=optim.SGD, lr=2.0, batch_size=1, epochs=3),
    "more_epochs": lambda: blob_training(lr=1e-3, epochs=2),
    "long_enough": lambda: blob_training(lr=1e-3, epochs=2),
    "less_regularisation": lambda: curve_training().but(options={"weight_decay": 1.0}),
    "less_dropout": lambda: curve_training(MENU["dropout"].apply(curve_training()).model).with_model(
        _dropping
    ),
}


def restless(lr=0.05, kind=optim.Adam, **options):
    """A constant rate that is too high for the end."""
    data, more = noisy(400, 0), noisy(500, 9)
    return training(
        net(20, 16, outputs=1),
        nn.MSELoss(),
        data,
        kind,
        lr,
        more,
        **{"epochs": 20, "batch_size": 8, **options},
    )


def mislabelled():
    """A wide net that learns wrong labels by heart."""
    x, y = blobs(400)
    wrong = np.random.default_rng(0).random(400) < 0.3
    data = x, np.where(wrong, (y + 1) % 3, y)
    model = net(2, 256, 256, outputs=3)
    return training(model, nn.CrossEntropyLoss(), data, validation=blobs(500, 1), epochs=60)


def pairs():
    """Batch normalisation over two samples."""
    koubai.manual_seed(0)
    layers = [layer for _ in range(4) for layer in (nn.Linear(16, 16), nn.BatchNorm1d(16), nn.ReLU())]
    model = nn.Sequential(nn.Linear(2, 16), *layers, nn.Linear(16, 3))
    return blob_training(model, batch_size=2, epochs=2)


HELPS |= {
    "schedule": lambda: restless(0.02, optim.SGD, epochs=10, batch_size=2),
    "warm_restarts": restless,
    "finish_with_sgd": restless,
    "warmup": lambda: blob_training(deep(nn.ReLU, 8, 32), kind=optim.SGD, lr=0.3, epochs=20),
    "label_smoothing": mislabelled,
    "layer_norm": pairs,
}


def test_every_remedy_is_proven_somewhere():
    assert set(HELPS) == set(MENU)


def _dropping(model):
    for layer in model.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.95
    return model


def _zeros(model):
    with koubai.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    return model


@pytest.mark.parametrize("name", HELPS)
def test_a_remedy_helps_where_it_is_meant_to(name):
    ill = HELPS[name]()
    before = {key: value.numpy().copy() for key, value in ill.model.state_dict().items()}
    treated = MENU[name].apply(ill)
    assert treated.run()[0].skill > ill.run()[0].skill + 0.02
    for key, value in ill.model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[key])


# Too strong for a sound training: what is meant for overfitting, and a tenth of a rate that is right.
STRONG = {"l1", "dropout", "lr_divided_by_10"}


@pytest.mark.parametrize("name", sorted(set(MENU) - STRONG))
def test_no_remedy_spoils_a_sound_training(name):
    sound = blob_training(epochs=20)
    assert MENU[name].apply(sound).run()[0].skill > 0.6


class TestProof:
    finding = Finding("lr_too_high", 0.9, "", "")

    def test_the_cure_is_found_and_confirmed_on_fresh_seeds(self):
        proof = treat(blob_training(kind=optim.SGD, lr=30.0), [self.finding], fresh=2)
        assert proof.best is not None
        assert proof.best.skill > 0.9 > proof.untreated
        assert len(proof.confirmed) == 2

    def test_a_sound_training_has_no_cure(self):
        assert treat(blob_training(epochs=30), [self.finding]).best is None

    def test_same_seed_same_trial(self):
        one, other = (blob_training().run(3)[0] for _ in range(2))
        assert one == other
        assert one != blob_training().run(4)[0]
