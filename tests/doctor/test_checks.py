"""Each cause is found where it is, and not in the twin that is sound."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest

import koubai
from koubai import nn, optim
from koubai.doctor import CAUSES, Doctor, examine
from koubai.train import Trainer


def blobs(samples=240, seed=0):
    """Three classes of points in the plane."""
    random = np.random.default_rng(seed)
    y = np.arange(samples) % 3
    centres = np.array([[0, 2], [2, -1], [-2, -1]])
    return (centres[y] + 0.5 * random.standard_normal((samples, 2))).astype("f"), y.astype("i8")


def curve(samples=240, seed=0):
    """A parabola."""
    x = np.linspace(-1.5, 1.5, samples, dtype="f")[:, None]
    return x, (x**2 - 0.75 + 0.05 * np.random.default_rng(seed).standard_normal(x.shape)).astype("f")


def places():
    """Five points in each sample, each with a class of its own: (N, 2, 5) and (N, 5)."""
    x, y = blobs(400)
    return x.reshape(80, 5, 2).transpose(0, 2, 1).copy(), y.reshape(80, 5)


def soft_blobs():
    """Targets that are shares of the classes."""
    x, y = blobs()
    return x, (0.8 * np.eye(3)[y] + 0.2 / 3).astype("f")


def divergence(output, target):
    return nn.functional.kl_div(nn.functional.log_softmax(output, 1), target, reduction="batchmean")


def upper_quantile(output, target):
    return koubai.maximum(0.95 * (target - output), -0.05 * (target - output)).mean()


def gaussian(output, target):
    """The negative logarithm of a normal density, of a mean and the logarithm of a variance."""
    mean, log_variance = output[:, :1], output[:, 1:]
    return (log_variance + (mean - target) ** 2 * (-log_variance).exp()).mean() / 2


def rates(output, target):
    """Poisson's, of logarithms of rates."""
    return (output.exp() - target * output).mean()


def counts(samples=400):
    random = np.random.default_rng(0)
    x = random.standard_normal((samples, 2)).astype("f")
    return x, random.poisson(np.exp(1 + x[:, :1])).astype("f")


def hinge(output, target):
    return nn.functional.relu(1 - output * target).mean()


def signs():
    x, y = blobs()
    return x, np.where(y[:, None] == 0, 1, -1).astype("f")


class Coder(nn.Module):
    """Gives a reconstruction and its code, both of which its loss weighs."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(8, 2), nn.Linear(2, 8)

    def forward(self, x):
        code = self.encoder(x)
        return self.decoder(code), code


def reconstruction(outputs, target):
    output, code = outputs
    return ((output - target) ** 2).mean() + 3 * (code**2).mean()


def noise():
    x = np.random.default_rng(0).standard_normal((240, 8)).astype("f")
    return x, x


def net(inputs, *hidden, outputs, last=(), activation=nn.ReLU):
    koubai.manual_seed(0)
    layers, width = [], inputs
    for units in hidden:
        layers += [nn.Linear(width, units), activation()]
        width = units
    return nn.Sequential(*layers, nn.Linear(width, outputs), *last)


def findings(
    model, loss, data, *, kind=optim.Adam, lr=0.01, epochs=15, validation=None, batch_size=32, **options
):
    doctor = Doctor()
    trainer = Trainer(model, loss, kind(model.parameters(), lr=lr, **options), callbacks=[doctor])
    with suppress(FloatingPointError, ValueError, IndexError, RuntimeError):
        trainer.fit(data, validation, epochs=epochs, batch_size=batch_size)
    return doctor.findings


def first(*args, **options):
    found = findings(*args, **options)
    return found[0].cause if found else None


CE, MSE = nn.CrossEntropyLoss, nn.MSELoss


def squares(output, target):
    return ((output - target) ** 2).mean()


FAULTS = {
    "lr_too_high": lambda: first(net(2, 16, outputs=3), CE(), blobs(), kind=optim.SGD, lr=300.0),
    "lr_too_low": lambda: first(net(2, 16, outputs=3), CE(), blobs(), lr=1e-6),
    "undertrained": lambda: first(net(1, 32, outputs=1), MSE(), curve(), lr=1e-3, epochs=2),
    "output_activation": lambda: first(net(1, 16, outputs=1, last=[nn.Sigmoid()]), MSE(), curve()),
    "double_softmax": lambda: first(net(2, 16, outputs=3, last=[nn.Softmax(-1)]), CE(), blobs()),
    "missing_nonlinearity": lambda: first(net(1, 16, 16, outputs=1, activation=nn.Identity), MSE(), curve()),
    "vanishing_gradient": lambda: first(
        net(2, *[8] * 9, outputs=3, activation=nn.Sigmoid), CE(), blobs(), lr=1e-3
    ),
    "unnormalised_input": lambda: first(
        net(1, 16, outputs=1, activation=nn.Tanh), MSE(), (1000 * curve()[0], curve()[1])
    ),
    "unnormalised_target": lambda: first(net(1, 16, outputs=1), MSE(), (curve()[0], 1e5 * curve()[1])),
    "over_regularised": lambda: first(net(1, 32, outputs=1), MSE(), curve(), weight_decay=1.0),
    "broadcast_shape": lambda: first(net(1, 16, outputs=1), squares, (curve()[0], curve()[1][:, 0])),
    "capacity": lambda: first(net(1, 1, outputs=1, activation=nn.Tanh), MSE(), curve(), lr=0.03, epochs=200),
}


@pytest.mark.parametrize("cause", FAULTS)
def test_the_cause_is_named_first(cause):
    assert FAULTS[cause]() == cause


@pytest.mark.parametrize(
    "sound",
    [
        lambda: findings(net(2, 16, outputs=3), CE(), blobs(), validation=blobs(seed=1)),
        lambda: findings(net(1, 32, outputs=1), MSE(), curve(), epochs=30, validation=curve(seed=1)),
        lambda: findings(net(2, 16, outputs=3), CE(), blobs(), kind=optim.SGD, lr=0.1, momentum=0.9),
        lambda: findings(net(2, outputs=3), CE(), blobs()),
        lambda: findings(  # answers and targets without a dimension for outputs
            nn.Sequential(net(1, 32, outputs=1), nn.Flatten(0)),
            MSE(),
            (curve()[0], curve()[1][:, 0]),
            epochs=30,
        ),
        lambda: findings(net(2, 16, outputs=3), CE(), blobs(120), epochs=1),  # four steps prove nothing
        lambda: findings(nn.Conv1d(2, 3, 1), CE(), places(), epochs=20),
        lambda: findings(net(2, 16, outputs=3), divergence, soft_blobs()),
        lambda: findings(net(1, 16, outputs=1), upper_quantile, curve(), validation=curve(seed=1)),
        lambda: findings(net(1, 32, outputs=2), gaussian, curve(), validation=curve(seed=1)),
        lambda: findings(net(2, 16, outputs=1), rates, counts(), lr=3e-3, epochs=8),
        lambda: findings(net(2, 16, outputs=1), hinge, signs()),
        lambda: findings(Coder(), reconstruction, noise(), epochs=30),
    ],
)
def test_a_sound_training_is_met_with_silence(sound):
    assert sound() == []


class TestWhatIsFed:
    def test_columns_that_never_change(self):
        x, y = blobs()
        x = np.concatenate([np.zeros_like(x), np.ones((len(x), 4), "f")], axis=1)
        assert "constant_feature" in [f.cause for f in findings(net(6, 16, outputs=3), CE(), (x, y))]

    def test_inputs_that_were_divided_twice(self):
        x, y = blobs()
        assert first(net(2, 16, outputs=3), CE(), (x / 255 / 255, y), kind=optim.SGD) == "unnormalised_input"

    def test_answers_that_do_not_depend_on_the_input(self):
        class Deaf(nn.Module):
            def forward(self, x):
                return x * 0

        model = nn.Sequential(Deaf(), *net(2, 16, outputs=3))
        assert "ignored_input" in [f.cause for f in findings(model, CE(), blobs())]

    def test_labels_that_stand_for_no_class(self):
        x, y = blobs()
        assert first(net(2, 16, outputs=3), CE(), (x, y + 1)) == "label_encoding"

    def test_batches_that_leave_few_steps(self):
        model = net(2, 16, outputs=3)
        causes = [f.cause for f in findings(model, CE(), blobs(), lr=1e-3, epochs=20, batch_size=240)]
        assert "batch_too_large" in causes


class TestGraph:
    def test_parameters_that_no_optimizer_holds(self):
        model = net(2, 4, outputs=3)
        doctor = Doctor()
        optimizer = optim.Adam([model[2].bias], lr=0.01)
        Trainer(model, CE(), optimizer, callbacks=[doctor]).fit(blobs(), epochs=5)
        assert doctor.findings[0].cause == "detached_graph"
        assert "0.weight" in doctor.findings[0].symptom

    def test_samples_that_leak_into_each_other(self):
        class Centred(nn.Module):
            def forward(self, x):
                return x - x.mean(0, keepdim=True)

        model = nn.Sequential(nn.Linear(2, 16), Centred(), nn.ReLU(), nn.Linear(16, 3))
        assert first(model, CE(), blobs()) == "sample_leakage"

    def test_a_gradient_written_by_hand_that_is_wrong(self):
        class Wrong(koubai.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x * 2

            @staticmethod
            def backward(ctx, g):
                return g * -2

        class Layer(nn.Module):
            def forward(self, x):
                return Wrong.apply(x)

        model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 3), Layer())
        assert "wrong_gradient" in [f.cause for f in findings(model, CE(), blobs(), lr=0.001)]


class TestGeneralisation:
    def test_overfitting(self):
        random = np.random.default_rng(0)
        x, y = random.standard_normal((60, 20)).astype("f"), (np.arange(60) % 2).astype("i8")
        more = random.standard_normal((200, 20)).astype("f"), (np.arange(200) % 2).astype("i8")
        assert first(net(20, 128, outputs=2), CE(), (x, y), validation=more, epochs=60) == "overfitting"

    def test_label_noise(self):
        (x, y), clean = blobs(400), blobs(400, seed=1)
        wrong = np.random.default_rng(0).random(len(y)) < 0.3
        noisy = np.where(wrong, (y + 1) % 3, y)
        assert first(net(2, 64, outputs=3), CE(), (x, noisy), validation=clean, epochs=20) == "label_noise"

    def test_domain_shift(self):
        x, y = blobs()
        moved = blobs(seed=1)[0] + np.float32(3), y
        assert first(net(2, 16, outputs=3), CE(), (x, y), validation=moved) == "domain_shift"

    def test_class_imbalance(self):
        random = np.random.default_rng(0)
        y = (random.random(1000) < 0.05).astype("i8")
        x = (random.standard_normal((1000, 2)) + 1.0 * y[:, None]).astype("f")
        assert first(net(2, 8, outputs=2), CE(), (x, y), lr=1e-3) == "class_imbalance"

    def test_memory(self):
        doctor = Doctor(memory=2**16)
        model = net(2, 256, 256, outputs=3)
        trainer = Trainer(model, CE(), optim.Adam(model.parameters()), callbacks=[doctor])
        trainer.fit(blobs(), epochs=3)
        assert doctor.findings[0].cause == "memory"


class TestExamine:
    """Before the first step."""

    def test_finds_what_does_not_fit_and_changes_nothing(self):
        model = net(2, 16, outputs=1, last=[nn.Softmax(-1)])
        before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
        optimizer = optim.Adam(model.parameters())
        x, y = blobs()
        state = koubai.get_rng_state().tolist()
        found = examine(model, nn.BCELoss(), optimizer, (x, (y == 0).astype("f")[:, None]))
        assert found[0].cause == "output_activation"
        assert koubai.get_rng_state().tolist() == state
        assert not optimizer.state
        for name, value in model.state_dict().items():
            np.testing.assert_array_equal(value.numpy(), before[name])

    def test_is_silent_about_a_sound_one(self):
        model = net(2, 16, outputs=3)
        assert examine(model, CE(), optim.Adam(model.parameters(), lr=0.01), blobs()) == []

    def test_labels_of_no_class(self):
        model = net(2, 16, outputs=1, last=[nn.Sigmoid()])
        x, y = blobs()
        found = examine(model, nn.BCELoss(), optim.Adam(model.parameters()), (x, y.astype("f")[:, None]))
        assert found[0].cause == "label_encoding"

    def test_refuses_what_is_no_model(self):
        with pytest.raises(TypeError, match="Koubai or PyTorch"):
            examine(object(), CE(), None, blobs())


def test_causes_explain_causes_that_there_are():
    explained = {name for cause in CAUSES.values() for name in cause.explains}
    assert explained <= set(CAUSES)
