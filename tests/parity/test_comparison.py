"""`koubai.explain.compare`: PyTorch and Keras find the numbers of every worksheet, and a planted error is found."""

import pytest

torch = pytest.importorskip("torch")

import koubai  # noqa: E402
from koubai import nn, optim  # noqa: E402
from koubai.explain import ACTIVATIONS, PRESETS, compare, explain, preset, solve  # noqa: E402
from koubai.explain.comparison import NotTranslated  # noqa: E402
from koubai.nn import functional as F  # noqa: E402

OPTIMIZERS = [
    (optim.SGD, {}),
    (optim.SGD, {"momentum": 0.9}),
    (optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (optim.Adam, {}),
    (optim.AdamW, {}),
    (optim.RMSprop, {}),
    (optim.Adagrad, {}),
]
ROW, TARGET = koubai.tensor([[0.5, -0.3]]), koubai.tensor([[1.0]])


class Own(nn.Module):
    """A forward of its own, with functions, methods and a helper."""

    def __init__(self):
        super().__init__()
        self.first, self.scale = nn.Linear(2, 3), nn.Parameter(koubai.tensor(0.7))
        self.second = nn.Linear(3, 1)
        self.act = F.silu

    def forward(self, x):
        h = koubai.tanh(self.first(x)) * self.scale
        return self.second(helper(h) + self.act(h)).squeeze(-1).unsqueeze(-1)


class Residual(nn.Module):
    """A skip connection around a normalised layer, in a block of its own."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2), nn.Tanh())
        self.last = nn.Linear(2, 1)

    def forward(self, x):
        return self.last(x + self.inner(x) * koubai.softmax(x, -1))


class Shared(nn.Module):
    """One layer that is called twice."""

    def __init__(self):
        super().__init__()
        self.layer, self.last = nn.Linear(2, 2), nn.Linear(2, 1)

    def forward(self, x):
        return self.last(koubai.relu(self.layer(koubai.relu(self.layer(x)))))


class Images(nn.Module):
    """The usual forward of a small convolutional network, written out."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 2, 4), nn.Linear(8, 1)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv(F.pad(x, (1, 0, 1, 0)))), 2)
        return self.fc(koubai.flatten(x, 1) + F.avg_pool2d(x, 2).mean())


class Kernel(nn.Module):
    def __init__(self):
        super().__init__()
        self.kernel = nn.Parameter(koubai.ones(1, 1, 2))

    def forward(self, x):
        return F.conv1d(x.view(1, 1, 2), self.kernel).view(1, 1)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 2)

    def forward(self, x):
        return (self.first(x) @ self.first.weight).sum().view(1, 1)


def helper(h):
    return F.softplus(h).pow(2) + koubai.cat([h[:, :1], h[:, 1:]], dim=1)


class Classifier(nn.Linear):
    def forward(self, input):
        return super().forward(input).sigmoid()


@pytest.mark.parametrize(("optimizer", "options"), OPTIMIZERS)
@pytest.mark.parametrize("name", [*PRESETS, "3-4-2"])
def test_every_preset_agrees_with_every_optimizer(name, optimizer, options):
    found = compare(preset(name, optimizer=optimizer, **options), "torch", steps=3)
    assert found.agrees, str(found)
    assert found.tolerance == 1e-12
    hidden = {row.cell.symbol.key.partition("_")[0] for row in found.rows() if row.theirs is None}
    assert hidden <= {"m", "s"}  # the largest score and the sum within softmax


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_agrees(activation):
    assert compare(preset("2-2-1", activation), "torch").agrees


@pytest.mark.parametrize(
    ("model", "x", "target", "loss"),
    [
        (Own, ROW, TARGET, F.mse_loss),
        (lambda: Classifier(2, 1), ROW, TARGET, lambda y, t: F.binary_cross_entropy(y, t)),
        (lambda: nn.Sequential(nn.Linear(2, 3)), ROW, koubai.tensor([2]), nn.CrossEntropyLoss()),
        (
            lambda: nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)), nn.GELU()),
            ROW,
            ROW,
            nn.L1Loss(),
        ),
        (lambda: nn.LSTM(2, 1, batch_first=True), ROW[None], TARGET[None], F.mse_loss),
        (
            lambda: nn.Sequential(nn.Embedding(4, 2), nn.Linear(2, 1)),
            koubai.tensor([1, 3]),
            TARGET.repeat(2, 1),
            F.mse_loss,
        ),
    ],
)
def test_a_network_of_the_users_own_runs_in_pytorch(model, x, target, loss):
    koubai.manual_seed(3)
    found = compare(explain(model(), x, target=target, loss=loss, lr=0.3), "torch", steps=2)
    assert found.agrees, str(found)
    assert len(found.compared) > 0.6 * len(found.rows())


def test_the_users_class_and_module_are_left_as_they_are():
    model = Own()
    before, forward = {n: p.tolist() for n, p in model.named_parameters()}, Own.forward
    compare(explain(model, ROW, target=TARGET), "torch", steps=2)
    assert {n: p.tolist() for n, p in model.named_parameters()} == before
    assert Own.forward is forward
    assert Own.forward.__globals__["F"] is F


def test_a_planted_error_is_found_as_the_first_difference(monkeypatch):
    """PyTorch's sigmoid replaced by a slightly different one."""
    monkeypatch.setattr(torch.nn.Sigmoid, "forward", lambda self, x: torch.sigmoid(x * 1.01))
    found = compare(preset("2-2-1"), "torch", steps=2)
    assert not found.agrees
    assert found.different[0].cell.symbol.key == "a1_1"
    assert "✗ Koubai and PyTorch" in str(found)


def test_what_pytorch_lacks_is_refused_by_name():
    with pytest.raises(NotTranslated, match="no optimizer Lion"):
        compare(preset("2-2-1", optimizer=optim.Lion), "torch")
    with pytest.raises(NotTranslated, match="no option l1"):
        compare(preset("2-2-1", l1=0.1), "torch")
    with pytest.raises(NotTranslated, match=r"no layer RotaryPositions|does not run in PyTorch"):
        compare(explain(nn.Sequential(nn.Linear(2, 2), _OnlyOurs()), ROW, target=ROW), "torch")


class _OnlyOurs(nn.Module):
    def forward(self, x):
        return koubai.explain.label("u", nn.functional.dice_loss(x.sigmoid(), x.sigmoid()) * x)


class TestKeras:
    """Keras, on whichever backend is there."""

    @pytest.fixture(autouse=True)
    def _keras(self):
        pytest.importorskip("keras")

    @pytest.mark.filterwarnings("ignore")
    @pytest.mark.parametrize(("optimizer", "options"), [*OPTIMIZERS[3:], (optim.Lion, {})])
    def test_every_optimizer_agrees(self, optimizer, options):
        found = compare(preset("neuron", optimizer=optimizer, **options), "keras", steps=2)
        assert found.agrees, str(found)

    @pytest.mark.filterwarnings("ignore")
    @pytest.mark.parametrize("name", ["2-2-1", "softmax", "convolution", "lstm", "attention"])
    def test_presets_agree_with_momentum(self, name):
        found = compare(preset(name, momentum=0.9), "keras", steps=2)
        assert found.agrees, str(found)
        assert "Keras runs on" in str(found)

    @pytest.mark.filterwarnings("ignore")
    @pytest.mark.parametrize("model", [Own, Residual, Shared, Images])
    def test_forwards_of_ones_own_agree(self, model):
        koubai.manual_seed(0)
        inputs = koubai.randn(1, 1, 6, 6) if model is Images else ROW
        found = compare(explain(model(), inputs, target=TARGET, momentum=0.9), "keras", steps=2)
        assert found.agrees, str(found)
        named = [row for row in found.rows() if row.theirs is not None]
        assert len(named) > 0.7 * len(found.rows())

    @pytest.mark.filterwarnings("ignore")
    def test_what_keras_lacks_is_refused_by_name(self):
        with pytest.raises(NotTranslated, match=r"convolution has no counterpart"):
            compare(explain(Kernel(), ROW, target=TARGET), "keras")
        with pytest.raises(NotTranslated, match=r"first.weight is a layer's in Keras"):
            compare(explain(Tied(), ROW, target=TARGET), "keras")
        with pytest.raises(NotTranslated, match="no weight_decay"):
            compare(preset("2-2-1", weight_decay=0.1), "keras")


def test_a_learners_numbers_stand_beside_pytorchs():
    sheet = solve(preset("2-2-1"))
    found = compare(sheet, "torch", mine={"y": "0.532", "L": "0.2191"})
    assert found.agrees
    assert not found.right
    assert found.marking.first_wrong.line.cell.symbol.key == "L"
