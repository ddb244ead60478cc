"""Every number on a worksheet is the engine's, and every formula gives the number that stands behind it."""

import math

import numpy as np
import pytest

import koubai
from koubai import nn, optim
from koubai.explain import ACTIVATIONS, PRESETS, Worksheet, label, preset, solve, with_numbers
from koubai.explain.chain import chain_of
from koubai.explain.expression import NotWritten, value_of
from koubai.explain.presets import half_squared_error
from koubai.explain.text import TextNotation
from koubai.nn import functional as F


def tensor(values):
    return koubai.tensor(values, dtype=koubai.float64)


ROW, TARGET = tensor([[0.5, -0.3]]), tensor([[1.0]])
IMAGE = tensor(np.linspace(-1, 1, 16).reshape(1, 1, 4, 4) ** 3)
TOKENS = tensor(np.cos(np.arange(4.0)).reshape(1, 2, 2))


def regression(*layers, x=ROW, target=TARGET):
    return nn.Sequential(*layers), (x,), target, F.mse_loss


class Twice(nn.Module):
    """Uses a weight twice, a value twice, and cuts one path."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)

    def forward(self, x):
        once = self.linear(x).tanh()
        again = self.linear(once)
        return (once * again + again.detach() - once / 3).sum(1, keepdim=True) ** 2


NETWORKS = {
    "conv-max-pool": lambda: regression(
        nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2, 1), x=IMAGE
    ),
    "conv-padding-stride": lambda: regression(
        nn.Conv2d(1, 2, 3, stride=2, padding=1), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(2, 1), x=IMAGE
    ),
    "layer-norm": lambda: regression(nn.Linear(2, 3), nn.LayerNorm(3), nn.Linear(3, 1)),
    "batch-norm": lambda: regression(
        nn.Linear(2, 2),
        nn.BatchNorm1d(2),
        nn.Linear(2, 1),
        x=tensor([[0.1, 0.4], [0.9, -1.0], [0.3, 0.2]]),
        target=tensor([[1.0], [0.0], [0.5]]),
    ),
    "class-index": lambda: (nn.Linear(2, 3), (ROW,), koubai.tensor([1]), F.cross_entropy),
    "binary": lambda: (nn.Linear(2, 1), (ROW,), TARGET, F.binary_cross_entropy_with_logits),
    "embedding": lambda: (
        nn.Sequential(nn.Embedding(3, 2), nn.Flatten(), nn.Linear(4, 1)),
        (koubai.tensor([[2, 0]]),),
        TARGET,
        F.mse_loss,
    ),
    "gru-cell": lambda: (nn.GRUCell(2, 2), (ROW,), ROW, F.mse_loss),
    "lstm-layer": lambda: (nn.LSTM(2, 1), (TOKENS,), None, lambda y: (y**2).sum()),
    "rnn-both-ways": lambda: (nn.RNN(2, 1, bidirectional=True), (TOKENS,), None, lambda y: y.sum()),
    "transformer": lambda: (
        nn.TransformerEncoderLayer(2, 1, 3, dropout=0.0, batch_first=True),
        (TOKENS,),
        None,
        lambda y: (y**2).sum(),
    ),
    "twice": lambda: (Twice(), (ROW,), TARGET, F.smooth_l1_loss),
    **{
        f"activation-{layer.__name__}": lambda layer=layer: regression(
            nn.Linear(2, 2), layer(), nn.Linear(2, 1)
        )
        for layer in (nn.ELU, nn.SELU, nn.Softplus, nn.Mish, nn.Hardswish, nn.Softsign, nn.LogSigmoid)
    },
}


@pytest.fixture(scope="module")
def sheets() -> dict[str, Worksheet]:
    koubai.manual_seed(0)
    made = {}
    for name, build in NETWORKS.items():
        model, inputs, target, loss = build()
        made[name] = koubai.explain(model, *inputs, target=target, loss=loss)
    for name in PRESETS:
        made[name] = solve(preset(name))
    return made


ALL = [*NETWORKS, *PRESETS]


@pytest.mark.parametrize("name", ALL)
def test_every_formula_gives_the_engines_number(sheets, name):
    written = [cell for cell in sheets[name].cells() if cell.formula is not None]
    assert len(written) > 5
    for cell in written:
        assert value_of(cell.formula) == pytest.approx(cell.value, rel=1e-12, abs=1e-14), cell.symbol.key


@pytest.mark.parametrize("name", ALL)
def test_gradients_are_those_of_training(sheets, name):
    """The same network, trained in the ordinary way, has the same gradients and the same weights afterwards."""
    sheet = sheets[name]
    problem = sheet.problem
    model = problem.model.double()
    model.zero_grad()
    answer = model(*problem.inputs)
    answer = answer[0] if isinstance(answer, tuple) else answer
    loss = problem.loss(answer) if problem.target is None else problem.loss(answer, problem.target)
    loss.backward()
    assert sheet.loss.value == loss.item()
    by_letter = {value.letter: value for value in sheet.backward}
    for parameter, value in zip(model.parameters(), sheet.parameters, strict=True):
        found = [cell.value for cell in by_letter[value.letter]]
        assert found == parameter.grad.reshape(-1).tolist()
        new = next(v for v in sheet.updates[-1].parameters if v.letter.key == f"{value.letter.key}_new")
        expected = parameter.detach() - problem.options["lr"] * parameter.grad
        assert [cell.value for cell in new] == expected.reshape(-1).tolist()


@pytest.mark.parametrize("name", ALL)
def test_a_gradient_is_the_sum_of_what_arrives_times_the_local_derivatives(sheets, name):
    for value in sheets[name].backward[1:]:
        for cell in value:
            chain = chain_of(cell)
            total = value_of(chain.direct) + sum(
                link.incoming.value * value_of(link.derivative) for link in chain.links
            )
            assert total == pytest.approx(cell.value, rel=1e-10, abs=1e-13)


@pytest.mark.parametrize("name", list(PRESETS))
def test_gradients_agree_with_numerical_differentiation(name):
    sheet = solve(preset(name))
    for cell in (cell for value in sheet.parameters for cell in value):
        key, step = cell.symbol.key, 1e-5
        up, down = (
            solve(with_numbers(preset(name), {key: [cell.value + change]})).loss.value
            for change in (step, -step)
        )
        assert sheet[f"dL/d{key}"] == pytest.approx((up - down) / (2 * step), rel=1e-6, abs=1e-9)
        break  # one of them: the gradients of all are compared with the engine's above


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_is_one_function(activation):
    sheet = solve(preset("2-2-1", activation))
    assert [value.letter.key for value in sheet.forward] == ["z1", "a1", "z2", "y", "L"]
    for cell in sheet.cells():
        if cell.formula is not None:
            assert value_of(cell.formula) == pytest.approx(cell.value, rel=1e-12, abs=1e-14)


def test_the_loss_falls_in_every_preset(sheets):
    for name in PRESETS:
        assert sheets[name].loss_after.value < sheets[name].loss.value


def test_numbers_have_the_names_that_learners_write(sheets):
    keys = [cell.symbol.key for cell in sheets["2-2-1"].cells()]
    assert {"x_1", "t", "w1_12", "b2", "z1_2", "a1_1", "y", "L", "dL/dw1_21", "dL/dz2", "w2_1_new"} <= set(
        keys
    )
    assert len(keys) == len(set(keys))


def test_the_lstm_preset_is_the_lstm_cell():
    problem = preset("lstm")
    cell = nn.LSTMCell(1, 1).double()
    cell.load_state_dict(problem.model.state_dict())
    x, h, c = problem.inputs
    assert problem.model(x, h, c)[0].tolist() == cell(x, (h, c))[0].tolist()


def test_the_attention_preset_is_scaled_dot_product_attention():
    problem = preset("attention")
    (x,) = problem.inputs
    q, k, v = (getattr(problem.model, part)(x) for part in "qkv")
    expected = F.scaled_dot_product_attention(q, k, v)
    assert np.allclose(problem.model(x).detach().numpy(), expected.detach().numpy(), atol=1e-15)


class TestUpdate:
    def test_momentum_is_shown_in_both_forms(self):
        sheet = solve(preset("2-2-1", momentum=0.9))
        assert [update.form for update in sheet.updates] == ["classical", "pytorch"]
        for update in sheet.updates:
            assert [cell.value for value in update.parameters for cell in value] == pytest.approx(
                [
                    cell.value - 0.5 * sheet[f"dL/d{cell.symbol.key}"]
                    for value in sheet.parameters
                    for cell in value
                ]
            )

    @pytest.mark.parametrize(
        "optimizer", [optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad, optim.Lion, optim.Adadelta]
    )
    def test_any_optimizer_is_written_from_its_own_rule(self, optimizer):
        problem = preset("neuron", optimizer=optimizer, lr=0.1)
        sheet = solve(problem)
        parameters = list(problem.model.parameters())
        made = optimizer(parameters, lr=0.1)
        problem.loss(problem.model(*problem.inputs), problem.target).backward()
        made.step()
        assert [sheet["w_new"], sheet["b_new"]] == [p.item() for p in parameters]
        for cell in sheet.cells():
            if cell.formula is not None:
                assert value_of(cell.formula) == pytest.approx(cell.value, rel=1e-12, abs=1e-14)

    def test_one_that_needs_its_numbers_is_refused(self):
        with pytest.raises(NotWritten, match="This optimizer"):
            solve(preset("neuron", optimizer=optim.NAdam))


class TestNumbers:
    def test_one_number_or_a_whole_tensor(self):
        problem = with_numbers(preset("2-2-1"), {"w1_12": [-0.7], "x": [2.0, 3.0], "b2": [0.25]})
        sheet = solve(problem)
        assert (sheet["w1_11"], sheet["w1_12"], sheet["x_2"], sheet["b2"]) == (0.1, -0.7, 3.0, 0.25)
        assert sheet["z1_1"] == 0.1 * 2.0 - 0.7 * 3.0 + 0.1
        assert solve(preset("2-2-1"))["w1_12"] == 0.2

    def test_an_unknown_name_is_refused_with_names_that_are_near(self):
        with pytest.raises(ValueError, match="w1_22"):
            with_numbers(preset("2-2-1"), {"w1_23": [0.0]})

    def test_a_wrong_count_is_refused(self):
        with pytest.raises(ValueError, match="x takes 2 numbers, but it was given 1"):
            with_numbers(preset("2-2-1"), {"x": [0.0]})


class TestExplain:
    def test_the_model_is_left_as_it_was(self):
        model = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1))
        before = {key: value.tolist() for key, value in model.state_dict().items()}
        koubai.explain(model, koubai.ones(1, 2), target=koubai.ones(1, 1))
        assert {key: value.tolist() for key, value in model.state_dict().items()} == before
        assert all(p.grad is None and p.dtype == koubai.float32 for p in model.parameters())

    def test_a_label_names_a_value_and_does_nothing_else(self):
        class Labelled(nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = nn.Linear(2, 1)

            def forward(self, x):
                return label("u", self.linear(x)).exp()

        sheet = koubai.explain(Labelled(), ROW, target=TARGET)
        assert sheet["y"] == math.exp(sheet["u"])
        assert label("anything", ROW) is ROW

    def test_a_parameter_that_is_not_used_stays_as_it_is(self):
        class Unused(nn.Module):
            def __init__(self):
                super().__init__()
                self.used, self.idle = nn.Linear(2, 1), nn.Linear(2, 1)

            def forward(self, x):
                return self.used(x)

        sheet = koubai.explain(Unused(), ROW, target=TARGET)
        assert [value.letter.key for value in sheet.updates[0].parameters] == ["w1_new", "b1_new"]
        with pytest.raises(KeyError):
            sheet["dL/dw2_1"]

    def test_no_two_numbers_have_one_name(self):
        class Names(nn.Module):
            """Parameters and labels whose letters are taken: of an input, of values, of the update."""

            def __init__(self):
                super().__init__()
                for name in ("x", "a", "y", "L", "n", "w1", "s"):
                    setattr(self, name, nn.Parameter(koubai.full((1, 3), 0.5)))
                self.first, self.second = nn.Linear(2, 3), nn.Linear(3, 3)

            def forward(self, x):
                z = label("w", self.first(x) * self.x + self.w1).tanh() * self.a
                p = koubai.softmax(self.second(z) + self.s * self.n, -1)
                return (label("x", p * self.y) * self.L).sum(1, keepdim=True)

        sheet = koubai.explain(Names(), ROW, target=TARGET, optimizer=optim.Adam)
        keys = [cell.symbol.key for cell in sheet.cells()]
        assert len(keys) == len(set(keys))
        names = [TextNotation().name(cell.symbol) for cell in sheet.cells()]
        assert len(names) == len(set(names))
        changed = solve(with_numbers(sheet.problem, {"x1": [1.0, 2.0, 3.0]}))
        assert [changed["x1_1"], changed["x_1"]] == [1.0, 0.5]

    def test_a_large_network_is_refused_with_its_size(self):
        with pytest.raises(ValueError, match=r"numbers; a worksheet shows up to"):
            koubai.explain(nn.Linear(100, 100), koubai.ones(1, 100), target=koubai.ones(1, 100))

    def test_a_network_without_parameters_is_refused(self):
        with pytest.raises(ValueError, match="no parameters"):
            koubai.explain(nn.ReLU(), ROW, target=ROW)

    def test_a_loss_of_several_numbers_is_refused(self):
        with pytest.raises(ValueError, match=r"shape \[1, 2\]"):
            koubai.explain(nn.Linear(2, 2), ROW, target=ROW, loss=lambda y, t: y - t)

    def test_an_op_that_is_no_formula_is_refused_by_its_name(self):
        with pytest.raises(RuntimeError, match="svd"):
            koubai.explain(nn.Linear(2, 2), ROW, loss=lambda y: koubai.linalg.svd(y)[1].sum())

    def test_half_the_squared_error_has_the_error_as_its_derivative(self):
        sheet = solve(preset("neuron"))
        assert half_squared_error(tensor([3.0]), tensor([1.0])).item() == 2.0
        assert sheet["dL/dy"] == sheet["y"] - sheet["t"]


class TestPresets:
    def test_layers_by_their_sizes(self):
        first, second = solve(preset("3-4-2")), solve(preset("3-4-2"))
        assert len(first.parameters[0]) == 12
        assert [c.value for c in first.cells()] == [c.value for c in second.cells()]

    @pytest.mark.parametrize(
        ("name", "activation", "message"),
        [
            ("2-2-x", None, "There is no network 2-2-x; there are 2-2-1"),
            ("2-2-1", "step", "There is no activation step"),
            ("lstm", "relu", "no activation to choose"),
        ],
    )
    def test_what_there_is_not_is_refused(self, name, activation, message):
        with pytest.raises(ValueError, match=message):
            preset(name, activation)
