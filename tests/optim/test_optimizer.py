"""Parameter groups, the step, state dictionaries, and what is said about mistakes."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pytest

import koubai
from koubai import optim


def parameter(*shape: int) -> koubai.Tensor:
    return koubai.ones(*shape, requires_grad=True)


def with_gradient(*shape: int) -> koubai.Tensor:
    made = parameter(*shape)
    made.grad = koubai.ones(*shape)
    return made


# --- groups -------------------------------------------------------------------------------------------------


def test_groups_have_options_of_their_own() -> None:
    slow, fast = with_gradient(2), with_gradient(2)
    optimizer = optim.SGD([{"params": slow}, {"params": [fast], "lr": 1.0}], lr=0.1)
    optimizer.step()
    np.testing.assert_allclose(slow.detach().numpy(), 0.9, rtol=1e-6)
    np.testing.assert_allclose(fast.detach().numpy(), 0.0)


def test_a_group_added_later_is_trained_too() -> None:
    first, later = with_gradient(2), with_gradient(3)
    optimizer = optim.Adam([first])
    group = {"params": later, "lr": 0.5}
    optimizer.add_param_group(group)
    optimizer.step()
    assert later.detach().numpy()[0] == pytest.approx(0.5)
    assert group == {"params": later, "lr": 0.5}  # the caller's dictionary stays as it was


def test_options_may_change_between_steps() -> None:
    weight = with_gradient(1)
    optimizer = optim.SGD([weight], lr=0.1)
    optimizer.param_groups[0].update(lr=0.5, momentum=0.9, weight_decay=0.1)
    optimizer.step()
    assert weight.item() == pytest.approx(1 - 0.5 * 1.1)


def test_a_learning_rate_may_be_a_tensor() -> None:
    weight, rate = with_gradient(1), koubai.tensor(0.25)
    optimizer = optim.SGD([weight], lr=rate)
    scheduler = optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    optimizer.step()
    assert weight.item() == 0.75
    scheduler.step()
    assert rate.item() == 0.125
    optimizer.step()
    assert weight.item() == 0.625


def test_every_option_is_shown() -> None:
    shown = repr(optim.SGD([parameter(1)], lr=0.25, momentum=0.5))
    assert shown.startswith("SGD (\nParameter Group 0\n")
    assert "    lr: 0.25\n" in shown
    assert "    momentum: 0.5\n" in shown


# --- mistakes -----------------------------------------------------------------------------------------------

TWICE = parameter(2)
MISTAKES: dict[str, tuple[Any, type[Exception], str]] = {
    "no parameters": (lambda: optim.SGD([]), ValueError, "empty parameter list"),
    "one tensor": (lambda: optim.SGD(parameter(2)), TypeError, "iterable of Tensors or dicts"),
    "an array": (
        lambda: optim.SGD([np.ones(2)]),
        TypeError,
        "ndarray; for arrays see koubai.optim.functional",
    ),
    "a set": (lambda: optim.SGD([{"params": {TWICE}}]), TypeError, "not in a set"),
    "twice in a group": (lambda: optim.SGD([TWICE, TWICE]), ValueError, "same parameter twice"),
    "twice in groups": (
        lambda: optim.SGD([{"params": TWICE}, {"params": TWICE}]),
        ValueError,
        "more than one parameter group",
    ),
    "computed": (lambda: optim.SGD([TWICE * 2]), ValueError, r"non-leaf Tensor: .*shape \(2,\).*mul"),
    "half named": (lambda: optim.SGD([("w", parameter(2)), parameter(2)]), ValueError, "names are missing"),
    "negative lr": (
        lambda: optim.SGD([TWICE], lr=-1),
        ValueError,
        r"SGD: Invalid learning rate: -1.*\[0, inf\)",
    ),
    "lr is NaN": (lambda: optim.SGD([TWICE], lr=float("nan")), ValueError, "Invalid learning rate: nan"),
    "negative lr of a group": (
        lambda: optim.SGD([{"params": TWICE, "lr": -2}]),
        ValueError,
        "parameter group 0: Invalid learning rate: -2",
    ),
    "lr of two elements": (lambda: optim.SGD([TWICE], lr=koubai.ones(2)), ValueError, "must be 1-element"),
    "beta of 1": (lambda: optim.Adam([TWICE], betas=(0.9, 1.0)), ValueError, "index 1: 1.0; it must be in"),
    "Nesterov without momentum": (
        lambda: optim.SGD([TWICE], nesterov=True),
        ValueError,
        "requires a momentum",
    ),
    "unknown form": (lambda: optim.SGD([TWICE], form="keras"), ValueError, "one of pytorch, classical"),
    "differentiable": (
        lambda: optim.Adam([TWICE], differentiable=True),
        ValueError,
        "call the optimizer's rule",
    ),
    "vector in Muon": (lambda: optim.Muon([TWICE]), ValueError, r"only supports 2D.*\(2,\).*AdamW"),
    "groups in LBFGS": (
        lambda: optim.LBFGS([{"params": parameter(1)}, {"params": parameter(1)}]),
        ValueError,
        "per-parameter options",
    ),
    "LBFGS without closure": (lambda: optim.LBFGS([parameter(1)]).step(), TypeError, "needs a closure"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_named(name: str) -> None:
    mistake, kind, message = MISTAKES[name]
    with pytest.raises(kind, match=message):
        mistake()


def test_a_refused_group_leaves_the_optimizer_as_it_was() -> None:
    optimizer = optim.Muon([parameter(2, 2)])
    with pytest.raises(ValueError, match="2D"):
        optimizer.add_param_group({"params": parameter(3)})
    assert len(optimizer.param_groups) == 1


# --- parameters that no gradient reached --------------------------------------------------------------------


def test_parameters_without_gradient_are_named_once() -> None:
    used, unused, frozen = with_gradient(1), parameter(1), koubai.ones(1)
    optimizer = optim.SGD([("used", used), ("unused", unused), ("frozen", frozen)])
    assert optimizer.parameters_without_gradient() == ["unused"]
    with pytest.warns(UserWarning, match="SGD holds parameters that no gradient reached: unused;"):
        optimizer.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step()
    unused.grad = koubai.ones(1)
    optimizer.step()
    assert optimizer.parameters_without_gradient() == []


def test_a_long_list_of_parameters_without_gradient_is_cut() -> None:
    optimizer = optim.SGD([(f"layer{i}", parameter(1)) for i in range(30)])
    with pytest.warns(UserWarning, match=r"layer0, layer1, .*, layer9 and 20 more; was backward\(\) called"):
        optimizer.step()


def test_a_gradient_of_another_shape_is_refused() -> None:
    weight = parameter(3)
    weight.grad = koubai.ones(1)
    with pytest.raises(ValueError, match=r"gradient of w has shape \[1\], the parameter \[3\]"):
        optim.SGD([("w", weight)]).step()


def test_parameters_without_gradient_and_name_are_located() -> None:
    optimizer = optim.SGD([{"params": [parameter(1)]}, {"params": [with_gradient(1), parameter(1)]}])
    assert optimizer.parameters_without_gradient() == [
        "param_groups[0]['params'][0]",
        "param_groups[1]['params'][1]",
    ]


def test_parameters_without_gradient_stay_and_remember_nothing() -> None:
    used, unused = with_gradient(1), parameter(1)
    optimizer = optim.AdamW([used, unused])
    with pytest.warns(UserWarning, match="no gradient"):
        optimizer.step()
    assert unused.item() == 1
    assert list(optimizer.state_dict()["state"]) == [0]


# --- the step -----------------------------------------------------------------------------------------------


def test_zero_grad() -> None:
    weight = with_gradient(2)
    optimizer = optim.SGD([weight])
    optimizer.zero_grad(set_to_none=False)
    np.testing.assert_array_equal(weight.grad.numpy(), 0)
    optimizer.zero_grad()
    assert weight.grad is None
    optimizer.zero_grad(set_to_none=False)
    assert weight.grad is None


def test_step_calls_the_closure_with_gradients_on() -> None:
    weight = parameter(1)
    optimizer = optim.SGD([weight], lr=0.1)

    def closure() -> koubai.Tensor:
        optimizer.zero_grad()
        loss = (weight * 3).sum()
        loss.backward()
        return loss

    with koubai.no_grad():
        assert optimizer.step(closure).item() == 3
    assert weight.item() == pytest.approx(0.7)
    assert weight.is_leaf
    assert weight.requires_grad


def test_hooks_run_around_the_step_until_they_are_removed() -> None:
    weight, seen = with_gradient(1), []
    optimizer = optim.SGD([weight], lr=1.0)
    before = optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append(("before", weight.item())))
    after = optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(("after", weight.item())))
    optimizer.step()
    before.remove()
    after.remove()
    optimizer.step()
    assert seen == [("before", 1.0), ("after", 0.0)]


def test_an_optimizer_is_its_options_and_its_rule() -> None:
    @optim.rule.rule(momentum_buffer=optim.rule.zeros)
    def heavy_ball(weight: Any, gradient: Any, state: Any, scalars: Any) -> Any:
        velocity = scalars.momentum * state["momentum_buffer"] - scalars.lr * gradient
        return weight + velocity, {"momentum_buffer": velocity}

    class HeavyBall(optim.Optimizer):
        rule = heavy_ball

        def __init__(self, params: Any, lr: float = 0.1, momentum: float = 0.5) -> None:
            super().__init__(params, locals())

    weight = with_gradient(1)
    optimizer = HeavyBall([weight])
    optimizer.step()
    optimizer.step()
    assert weight.item() == pytest.approx(1 - 0.1 - 0.15)
    assert optimizer.defaults == {"lr": 0.1, "momentum": 0.5}


def test_pytorchs_way_to_write_an_optimizer_works() -> None:
    class Plain(optim.Optimizer):
        def __init__(self, params: Any, lr: float) -> None:
            super().__init__(params, {"lr": lr})

        @koubai.no_grad()
        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                for weight in group["params"]:
                    self.state[weight]["steps"] = self.state[weight].get("steps", 0) + 1
                    weight.add_(weight.grad, alpha=-group["lr"])

    weight = with_gradient(1)
    optimizer = Plain([weight], 0.25)
    optimizer.step()
    assert weight.item() == 0.75
    assert optimizer.state_dict()["state"] == {0: {"steps": 1}}
    optim.lr_scheduler.StepLR(optimizer, 1).step()  # does not complain that no step was taken


# --- saving and loading -------------------------------------------------------------------------------------

KINDS = [
    (optim.SGD, {"momentum": 0.9}),
    (optim.SGD, {"momentum": 0.9, "dampening": 0.5}),
    (optim.SGD, {"momentum": 0.9, "form": "classical"}),
    (optim.Adagrad, {}),
    (optim.Adadelta, {}),
    (optim.RMSprop, {"centered": True, "momentum": 0.5}),
    (optim.Adam, {"amsgrad": True}),
    (optim.AdamW, {}),
    (optim.Adamax, {}),
    (optim.NAdam, {}),
    (optim.RAdam, {}),
    (optim.Rprop, {}),
    (optim.ASGD, {"t0": 2}),
    (optim.Lion, {}),
    (optim.LAMB, {}),
    (optim.Adafactor, {}),
    (optim.Muon, {}),
]


def steps(optimizer: Any, weights: list[koubai.Tensor], seed: int, number: int = 3) -> None:
    random = np.random.default_rng(seed)
    for _ in range(number):
        for weight in weights:
            weight.grad = koubai.tensor(random.normal(size=weight.shape))
        optimizer.step()


def weights_like(others: list[koubai.Tensor] | None = None) -> list[koubai.Tensor]:
    random = np.random.default_rng(5)
    arrays = (
        [w.detach().numpy() for w in others] if others else [random.normal(size=(3, 2)) for _ in range(2)]
    )
    return [koubai.tensor(array, requires_grad=True) for array in arrays]


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_a_loaded_optimizer_goes_on_bit_for_bit(kind: Any, options: dict[str, Any]) -> None:
    weights = weights_like()
    optimizer = kind(weights, **options)
    steps(optimizer, weights, seed=0)
    copies = weights_like(weights)
    loaded = kind(copies, lr=123.0)
    loaded.load_state_dict(optimizer.state_dict())
    for (one, one_weights), seed in zip([(optimizer, weights), (loaded, copies)], [1, 1]):
        steps(one, one_weights, seed)
    for weight, copy in zip(weights, copies):
        np.testing.assert_array_equal(weight.detach().numpy(), copy.detach().numpy())


def test_loaded_state_is_a_copy() -> None:
    weights = weights_like()
    optimizer = optim.Adam(weights)
    steps(optimizer, weights, seed=0)
    saved = optimizer.state_dict()
    loaded = optim.Adam(weights_like())
    loaded.load_state_dict(saved)
    before = np.array(saved["state"][0]["exp_avg"].numpy())
    steps(loaded, loaded.param_groups[0]["params"], seed=1)
    np.testing.assert_array_equal(optimizer.state[weights[0]]["exp_avg"].numpy(), before)


def test_options_in_a_state_dict_are_plain_data() -> None:
    optimizer = optim.AdamW([("w", with_gradient(2))])
    groups = optimizer.state_dict()["param_groups"]
    assert json.loads(json.dumps(groups))[0]["param_names"] == ["w"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda saved: saved["param_groups"].append(saved["param_groups"][0]),
            "different number of parameter groups",
        ),
        (lambda saved: saved["param_groups"][0]["params"].pop(), "doesn't match the size"),
        (
            lambda saved: saved["state"][1].update(exp_avg=koubai.ones(7)),
            r"of another model: exp_avg of second has shape \(7,\), expected \(3, 2\)",
        ),
    ],
)
def test_a_state_dict_that_does_not_fit_is_refused_whole(change: Any, message: str) -> None:
    weights = weights_like()
    optimizer = optim.Adam(weights)
    steps(optimizer, weights, seed=0)
    saved = optimizer.state_dict()
    change(saved)
    saved["param_groups"][0]["lr"] = 77.0
    other = optim.Adam(list(zip(["first", "second"], weights_like())))
    with pytest.raises(ValueError, match=message):
        other.load_state_dict(saved)
    assert other.param_groups[0]["lr"] == 1e-3
    assert not other.state


def test_state_takes_the_type_of_the_parameter() -> None:
    weights = weights_like()
    optimizer = optim.Adam(weights)
    steps(optimizer, weights, seed=0)
    single = [koubai.tensor(w.detach().numpy().astype(np.float32), requires_grad=True) for w in weights]
    loaded = optim.Adam(single)
    loaded.load_state_dict(optimizer.state_dict())
    assert loaded.state[single[0]]["exp_avg"].dtype == koubai.float32
    assert loaded.state[single[0]]["step"].item() == 3


def test_numbers_and_arrays_are_accepted_as_state() -> None:
    weights = weights_like()
    optimizer = optim.Adam(weights)
    steps(optimizer, weights, seed=0)
    saved = optimizer.state_dict()
    saved["state"] = {
        index: {**{k: np.array(v.numpy()) for k, v in entries.items()}, "step": 3}
        for index, entries in saved["state"].items()
    }
    copies = weights_like(weights)
    loaded = optim.Adam(copies)
    loaded.load_state_dict(saved)
    steps(optimizer, weights, seed=1)
    steps(loaded, copies, seed=1)
    np.testing.assert_array_equal(weights[0].detach().numpy(), copies[0].detach().numpy())
