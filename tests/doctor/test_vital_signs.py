"""Vital signs are what NumPy computes from the same step."""

import json

import numpy as np
import pytest

import koubai
from koubai import nn, optim
from koubai.doctor import Doctor, attach
from koubai.doctor.vital_signs import Signs, is_due, next_due, noise_scale
from koubai.train import Callback, Trainer

RNG = np.random.default_rng(0)
X = RNG.standard_normal((12, 5)).astype("f")
Y = RNG.standard_normal((12, 3)).astype("f")
LR = 0.05
CLOSE = {"rtol": 2e-4, "atol": 1e-6}


def network(framework=koubai):
    """A layer of tanh units and one of ReLU, with weights that do not depend on the framework."""
    made = framework.nn.Sequential(
        framework.nn.Linear(5, 4), framework.nn.Tanh(), framework.nn.Linear(4, 3), framework.nn.ReLU()
    )
    weights = np.random.default_rng(1)
    with framework.no_grad():
        for parameter in made.parameters():
            values = weights.standard_normal(tuple(parameter.shape)).astype("f")
            parameter.copy_(framework.tensor(values))
        made[2].bias[0] = -100.0  # a unit that is dead
    return made


def forward(weights):
    w1, b1, w2, b2 = weights
    a = X @ w1.T + b1
    h = np.tanh(a)
    z = h @ w2.T + b2
    y = np.maximum(z, 0)
    return a, h, z, y


def backward(weights):
    """Return the loss, the gradients of the layers' outputs, and those of the parameters."""
    _, h, z, y = forward(weights)
    gy = 2 * (y - Y) / Y.size
    gz = gy * (z > 0)
    gh = gz @ weights[2]
    ga = gh * (1 - h * h)
    parameters = [ga.T @ X, ga.sum(0), gz.T @ h, gz.sum(0)]
    return np.mean((y - Y) ** 2), [ga, gh, gz, gy], parameters


def expected():
    before = [p.detach().numpy().astype("d") for p in network().parameters()]
    loss, layers, gradients = backward(before)
    after = [w - LR * g for w, g in zip(before, gradients)]
    later, _, again = backward(after)
    return before, loss, layers, gradients, after, later, again


def signs_of(how):
    """Return the vital signs of the first step, as they were measured in one of four ways."""
    framework = pytest.importorskip("torch") if how == "torch" else koubai
    model = network(framework)
    optimizer = framework.optim.SGD(model.parameters(), lr=LR)
    loss = framework.nn.MSELoss()
    x, y = framework.tensor(X), framework.tensor(Y)
    if how in ("torch", "koubai"):
        watch = attach(model, optimizer, loss)
        loss(model(x), y).backward()
        optimizer.step()
        return watch.history.signs[0]
    doctor = Doctor()
    trainer = Trainer(model, loss, optimizer, doctor=doctor, compile=how == "compiled")
    trainer.fit((x, y), epochs=1, batch_size=12, shuffle=False)
    return doctor.history.signs[0]


@pytest.fixture(params=["torch", "koubai", "compiled", "eager"])
def signs(request):
    return signs_of(request.param)


def size(x):
    return np.sqrt((x * x).mean())


def test_of_layers(signs):
    before, _, gradients, *_ = expected()
    assert list(signs.layers) == ["0", "1", "2", "3"]
    for row, output, gradient in zip(signs.layers.values(), forward(before), gradients):
        np.testing.assert_allclose(row.size, size(output), **CLOSE)
        np.testing.assert_allclose(row.peak, abs(output).max(), **CLOSE)
        np.testing.assert_allclose(row.zero, (output == 0).mean(), **CLOSE)
        np.testing.assert_allclose(row.dead, (output == 0).all(0).mean(), **CLOSE)
        np.testing.assert_allclose(row.gradient, size(gradient), **CLOSE)
    np.testing.assert_allclose(
        signs.layers["1"].saturated, (1 - forward(before)[1] ** 2 < 0.1).mean(), **CLOSE
    )
    assert signs.layers["3"].dead > 0.33
    assert signs.layers["0"].saturated == signs.layers["3"].saturated == 0


def test_of_parameters(signs):
    before, _, _, gradients, after, _, again = expected()
    assert list(signs.parameters) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    for row, w, g, new, h in zip(signs.parameters.values(), before, gradients, after, again):
        change = new - w
        numbers = [
            *map(np.linalg.norm, (w, g, change)),
            (g * change).sum(),
            (h * change).sum(),
            (g * h).sum(),
        ]
        np.testing.assert_allclose(row, [*numbers, np.linalg.norm(h)], rtol=2e-3, atol=1e-6)


def test_of_the_whole_step(signs):
    _, loss, _, gradients, _, later, again = expected()
    g, h = (np.concatenate([part.ravel() for part in parts]) for parts in (gradients, again))
    assert signs.step == 1
    np.testing.assert_allclose([signs.loss, signs.later], [loss, later], **CLOSE)
    np.testing.assert_allclose(signs.along, -LR * (g @ g), rtol=1e-3)
    np.testing.assert_allclose(signs.curvature, -LR * (h - g) @ g, rtol=2e-2)
    np.testing.assert_allclose(signs.cosine, (g @ h) / np.linalg.norm(g) / np.linalg.norm(h), rtol=1e-4)


def test_of_the_gradients_noise(signs):
    """Of the biases: the samples' own gradients, their spread and the square of their mean without it."""
    _, _, gradients, *_ = expected()
    pairs = []
    for name, each in (("0", gradients[0]), ("2", gradients[2])):
        each = len(X) * each
        noise = each.var(0, ddof=1).sum()
        pairs.append([noise, (each.mean(0) ** 2).sum() - noise / len(X)])
        np.testing.assert_allclose(
            [signs.layers[name].noise, signs.layers[name].signal], pairs[-1], rtol=2e-3
        )
    noise, signal = np.sum(pairs, 0)
    np.testing.assert_allclose(signs.noise_scale, noise / signal if signal > 0 else np.inf, rtol=2e-3)
    assert np.isnan([signs.layers["1"].noise, signs.layers["3"].signal]).all()


def test_the_noise_scale_is_that_of_all_gradients():
    """Many samples, whose noise scale is known: of one weight and one bias, at a distance from the best answer."""
    rng = np.random.default_rng(0)
    x, noise = rng.standard_normal((2, 4000, 1)).astype("f")
    model, loss = nn.Linear(1, 1), nn.MSELoss()
    with koubai.no_grad():
        model.weight.fill_(1.0), model.bias.fill_(1.0)
    optimizer, x = optim.SGD(model.parameters(), lr=0.0), koubai.tensor(x)
    watch = attach(model, optimizer, loss, every=1)
    for n in range(0, 4000, 40):
        optimizer.zero_grad()
        loss(model(x[n : n + 40]), x[n : n + 40] + 3 * koubai.tensor(noise[n : n + 40])).backward()
        optimizer.step()
    assert noise_scale(watch.history.signs) == pytest.approx(9, rel=0.2)  # (2 · 3)² / 2²
    assert noise_scale([]) != noise_scale([])


def test_a_bias_that_batch_normalisation_takes_away_has_no_noise():
    model = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3))
    optimizer, loss = optim.SGD(model.parameters(), lr=LR), nn.MSELoss()
    watch = attach(model, optimizer, loss)
    loss(model(koubai.tensor(X)), koubai.tensor(Y)).backward()
    optimizer.step()
    layers = watch.history.signs[0].layers
    assert layers["0"].noise == layers["0"].signal == 0
    assert layers["1"].noise > 0
    assert layers["3"].noise > 0


def test_can_be_written_down():
    signs = signs_of("koubai")
    again = Signs.from_json(json.loads(json.dumps(signs.to_json())))
    assert repr(again) == repr(signs)
    for row in signs.parameters.values():
        np.testing.assert_allclose([float(f"{x:.5g}") for x in row], row, rtol=1e-15)


def test_a_parameter_without_gradient_and_a_layer_that_runs_twice():
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    model.append(model[1])
    unused = model.register_parameter("unused", nn.Parameter(koubai.ones(3)))
    optimizer = optim.SGD(model.parameters(), lr=LR)
    loss = nn.MSELoss()
    watch = attach(model, optimizer, loss)
    loss(model(koubai.ones(6, 4)), koubai.ones(6, 4)).backward()
    with pytest.warns(UserWarning, match="no gradient reached"):
        optimizer.step()
    signs = watch.history.signs[0]
    assert unused is None
    assert list(signs.layers) == ["0", "1", "1 (call 3)"]
    assert signs.parameters["unused"][1:] == (0,) * 6
    assert np.isfinite(signs.curvature)


def test_early_steps_are_measured_more_often():
    due = [step for step in range(401) if is_due(step, 100)]
    assert due == [0, 1, 3, 10, 30, 64, 100, 200, 300, 400]
    for every in (1, 7, 100):
        due = [step for step in range(300) if is_due(step, every)]
        assert [next_due(step, every) for step in range(200)] == [
            min(d for d in due if d >= s) for s in range(200)
        ]


class Failing(Callback):
    def on_step_start(self, trainer):
        if trainer.progress.updates == 1:
            trainer.batches[0].inputs[0].fill_(float("inf"))


@pytest.mark.parametrize("compile", [True, False])
def test_leaves_no_hook_on_a_model_whose_training_failed(compile):
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=LR)
    trainer = Trainer(model, nn.MSELoss(), optimizer, callbacks=[Failing()], compile=compile)
    with pytest.raises(Exception):  # noqa: B017
        trainer.fit((X.copy(), Y), epochs=2, batch_size=6)
    assert not any(module._hooks for module in model.modules())


def trained(doctor, optimizer="Adam", **options):
    koubai.manual_seed(3)
    x = np.random.default_rng(0).standard_normal((150, 8)).astype("f")
    y = (x[:, 0] > 0).astype("i8")
    model = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 2))
    made = getattr(optim, optimizer)(model.parameters(), lr=0.01)
    trainer = Trainer(model, nn.CrossEntropyLoss(), made, doctor=doctor, **options)
    trainer.fit((x, y), (x, y), epochs=4, batch_size=32)
    numbers = [trainer.history["loss"], trainer.history["val_loss"], koubai.rand(3).tolist()]
    return numbers, [value.numpy() for value in model.state_dict().values()]


@pytest.mark.parametrize(
    "options", [{}, {"compile": False}, {"accumulate": 2}, {"accumulate": 2, "compile": False}]
)
def test_weights_are_the_same_to_the_bit_with_the_doctor_and_without(options):
    doctor = Doctor(every=2)
    watched, plain = trained(doctor, **options), trained(False, **options)
    assert len(doctor.history.signs) > 4
    assert watched[0] == plain[0]
    for one, other in zip(watched[1], plain[1]):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_compiled_and_eager_measure_the_same(accumulate):
    doctors = [Doctor(), Doctor()]
    for doctor, compile in zip(doctors, (True, False)):
        trained(doctor, "SGD", compile=compile, accumulate=accumulate)
    one, other = (doctor.history.signs for doctor in doctors)
    assert [s.step for s in one] == [s.step for s in other]
    for a, b in zip(one, other):
        assert list(a.layers) == list(b.layers)
        np.testing.assert_allclose([a.loss, a.later], [b.loss, b.later], rtol=1e-3)
        np.testing.assert_allclose(
            list(a.parameters.values()), list(b.parameters.values()), rtol=2e-2, atol=1e-4
        )
