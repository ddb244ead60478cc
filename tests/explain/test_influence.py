"""Influence: what linear models and axioms say it must be, on a model that is left as it was."""

import numpy as np
import pytest

import koubai
from koubai import nn
from koubai.explain import influence, integrated_gradients, loss_gradient_norms, smooth_grad

METHODS = ("gradient", "integrated", "smooth")
CLASSES = np.array([0, 1, 2, 0, 1])


class Words(nn.Module):
    """Tokens and their positions, each with an embedding of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.position, self.token = nn.Embedding(6, 4), nn.Embedding(10, 4)
        self.out = nn.Linear(4, 2)

    def forward(self, tokens: koubai.Tensor) -> koubai.Tensor:
        vectors = self.token(tokens) + self.position(koubai.arange(tokens.shape[1]))  # (N, T, 4)
        return self.out(koubai.tanh(vectors).mean(1))


def net(dtype: object = koubai.float64) -> nn.Module:
    koubai.manual_seed(0)
    layers = (nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 3))
    return nn.Sequential(*layers).to(dtype)


def points(dtype: object = koubai.float64) -> koubai.Tensor:
    return koubai.randn(5, 4, dtype=dtype, generator=koubai.Generator().manual_seed(1))


@pytest.mark.parametrize("dtype", [koubai.float32, koubai.float64])
@pytest.mark.parametrize("method", METHODS)
def test_a_linear_model_gives_weight_times_input(method, dtype):
    model, x = nn.Linear(4, 3).to(dtype), points(dtype)
    found = influence(model, x, of=1, method=method)
    assert found.values.dtype == x.numpy().dtype
    np.testing.assert_allclose(found.values, model.weight.detach().numpy()[1] * x.numpy(), rtol=2e-6)
    np.testing.assert_allclose(found.gap, 0, atol=2e-6)
    np.testing.assert_allclose(found.at_baseline, model.bias.detach().numpy()[1])
    assert found.classes.tolist() == [1] * 5


@pytest.mark.parametrize("of", ["predicted", 2, "loss", lambda output: (output**2).sum(1)])
@pytest.mark.parametrize("baseline", [0.0, np.array([1.0, -1.0, 0.5, 2.0])])
def test_integrated_gradients_are_complete(of, baseline):
    found = influence(
        net(),
        points(),
        of,
        target=CLASSES,
        loss=nn.CrossEntropyLoss(),
        method="integrated",
        baseline=baseline,
    )
    np.testing.assert_allclose(found.gap, 0, atol=1e-9)
    np.testing.assert_allclose(found.values.sum(1), found.explained - found.at_baseline, atol=1e-9)


def test_few_steps_leave_a_gap_that_is_told():
    gaps = [np.abs(influence(net(), points(), method="integrated", steps=n).gap).max() for n in (1, 3, 8)]
    assert gaps[0] > gaps[1] > gaps[2]


def test_the_loss_of_each_sample_is_its_own():
    model, x, loss = net(), points(), nn.CrossEntropyLoss()
    found = influence(model, x, "loss", target=CLASSES, loss=loss, method="gradient")
    model.eval()
    for k in range(5):
        own = x[k : k + 1].detach().requires_grad_()
        value = loss(model(own), koubai.tensor(CLASSES[k : k + 1]))
        value.backward()
        np.testing.assert_allclose(found.explained[k], value.item())
        np.testing.assert_allclose(found.values[k], (own.grad * own.detach()).numpy()[0], atol=1e-12)


def test_many_samples_are_the_same_as_few():
    x = koubai.randn(600, 4, dtype=koubai.float64)
    found = influence(net(), x)
    assert found.values.shape == (600, 4)
    np.testing.assert_allclose(found.values[550:], influence(net(), x[550:]).values, atol=1e-12)
    np.testing.assert_allclose(found.mean, np.abs(found.values).mean(0))


@pytest.mark.parametrize("method", METHODS)
def test_the_model_and_the_generator_are_left_alone(method):
    model, x = net(), points()
    model(x).sum().backward()
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    gradients = [p.grad.numpy().copy() for p in model.parameters()]
    state = koubai.get_rng_state().numpy().copy()
    influence(model, x, "loss", target=CLASSES, loss=nn.CrossEntropyLoss(), method=method)
    loss_gradient_norms(model, x, CLASSES, nn.CrossEntropyLoss())
    assert all(layer.training for layer in model.modules())
    assert all(p.requires_grad for p in model.parameters())
    assert not x.requires_grad
    np.testing.assert_array_equal(koubai.get_rng_state().numpy(), state)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name])
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        np.testing.assert_array_equal(parameter.grad.numpy(), gradient)


def test_smooth_grad_is_repeated_by_its_seed():
    def drawn(seed):
        generator = koubai.Generator().manual_seed(seed)
        return influence(net(), points(), method="smooth", samples=5, generator=generator).values

    np.testing.assert_array_equal(drawn(3), drawn(3))
    assert not np.array_equal(drawn(3), drawn(4))


def test_smooth_grad_averages_over_noise_of_the_points_range():
    seen = []

    def scores(x):
        seen.append(x.detach().numpy())
        return (x**2).sum(1)

    x = koubai.tensor([[0.0, 1.0, 2.0, 10.0]], dtype=koubai.float64)
    found = smooth_grad(scores, x, samples=400, noise=0.05)
    noise = np.concatenate(seen) - x.numpy()
    assert abs(noise.std() - 0.5) < 0.05
    np.testing.assert_allclose(found.numpy(), 2 * (x.numpy() + noise.mean(0)))


def test_tokens_get_a_number_each():
    koubai.manual_seed(0)
    model = Words()
    tokens = np.array([[1, 2, 3, 4, 5, 5], [5, 0, 0, 1, 9, 3]])
    for method in METHODS:
        assert influence(model, tokens, method=method).values.shape == (2, 6)
    found = influence(model, tokens, of=1, method="integrated")
    np.testing.assert_allclose(found.gap, 0, atol=1e-6)
    vectors = model.token(koubai.tensor(tokens)).detach().requires_grad_()
    output = model.out(koubai.tanh(vectors + model.position(koubai.arange(6))).mean(1))
    output[:, 1].sum().backward()
    expected = (vectors.grad * vectors.detach()).sum(-1).numpy()
    np.testing.assert_allclose(influence(model, tokens, of=1, method="gradient").values, expected, atol=1e-7)
    assert not any(layer._hooks for layer in model.modules())


def test_inputs_that_the_model_ignores_have_no_influence():
    class Constant(nn.Module):
        def forward(self, x):
            return koubai.ones(len(x), 2)

    assert not influence(Constant(), points(), of=0).values.any()


def test_norms_of_the_samples_gradients():
    model, x, loss = net().eval(), points(), nn.CrossEntropyLoss()
    norms = loss_gradient_norms(model, x, CLASSES, loss)
    loss(model(x[3:4]), koubai.tensor(CLASSES[3:4])).backward()
    expected = np.sqrt(sum(float((p.grad**2).sum()) for p in model.parameters()))
    np.testing.assert_allclose(norms[3], expected)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "magic"}, "no method magic"),
        ({"of": 3}, "no output 3: the model gives 3"),
        ({"of": "everything"}, "of is"),
        ({"of": "loss"}, "needs a target and a loss"),
        ({"of": "loss", "target": [0], "loss": nn.CrossEntropyLoss()}, "5 samples but 1 targets"),
        ({"of": lambda output: output.sum()}, r"one number for each of 5 samples"),
        ({"baseline": np.zeros(3)}, r"\(3,\) does not fit the inputs of shape \(5, 4\)"),
        ({"method": "integrated", "steps": 0}, "steps must be at least 1"),
        ({"method": "smooth", "samples": 0}, "samples must be at least 1"),
        ({"method": "smooth", "noise": -1.0}, "noise must be at least 0"),
    ],
)
def test_what_is_wrong_is_told(options, words):
    with pytest.raises(ValueError, match=words):
        influence(net(), points(), **options)


def test_integers_without_an_embedding_are_refused():
    class Cast(nn.Module):
        def forward(self, x):
            return x.to(koubai.float32)

    with pytest.raises(ValueError, match="no Embedding"):
        influence(Cast(), np.arange(6).reshape(2, 3))


def test_no_samples_are_refused():
    with pytest.raises(ValueError, match="no samples"):
        influence(net(), points()[:0])


def test_no_output_for_each_class_is_refused():
    with pytest.raises(ValueError, match=r"\(5, 2, 2\), not \(N, outputs\)"):
        influence(nn.Unflatten(1, (2, 2)), points())


def test_the_integral_is_exact_for_polynomials():
    x = koubai.tensor([[1.0, -2.0]], dtype=koubai.float64)
    found = integrated_gradients(lambda p: (p**4).sum(1), x, koubai.zeros(2, dtype=koubai.float64), steps=2)
    np.testing.assert_allclose(found.numpy(), [[1.0, 16.0]])
