"""The dictionary face: the same rules on NumPy arrays, which change in place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import koubai
from koubai import optim
from koubai.optim import functional

FACES: list[tuple[Any, Any, dict[str, Any]]] = [
    (functional.adagrad_update, optim.Adagrad, {"lr_decay": 0.1}),
    (functional.adadelta_update, optim.Adadelta, {"rho": 0.8}),
    (functional.rmsprop_update, optim.RMSprop, {"momentum": 0.9, "centered": True}),
    (functional.adam_update, optim.Adam, {"betas": (0.8, 0.95), "weight_decay": 0.1}),
    (functional.adamw_update, optim.AdamW, {"amsgrad": True}),
    (functional.adamax_update, optim.Adamax, {}),
    (functional.nadam_update, optim.NAdam, {}),
    (functional.radam_update, optim.RAdam, {}),
    (functional.rprop_update, optim.Rprop, {}),
    (functional.asgd_update, optim.ASGD, {"l1": 0.1}),
    (functional.lion_update, optim.Lion, {"weight_decay": 0.1}),
    (functional.lamb_update, optim.LAMB, {"weight_decay": 0.1}),
    (functional.adafactor_update, optim.Adafactor, {}),
    (functional.muon_update, optim.Muon, {}),
]


def parameters(dtype: Any = np.float64) -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {name: random.normal(size=(3, 2)).astype(dtype) for name in ("weight", "bias")}


def gradients(number: int) -> list[dict[str, Any]]:
    random = np.random.default_rng(1)
    return [{name: random.normal(size=(3, 2)) for name in ("weight", "bias")} for _ in range(number)]


def by_optimizer(make: Any, number: int = 5) -> dict[str, Any]:
    """Return what the optimizer makes of the same parameters and gradients."""
    tensors = {name: koubai.tensor(array, requires_grad=True) for name, array in parameters().items()}
    optimizer = make(tensors.values())
    for grads in gradients(number):
        for name, tensor in tensors.items():
            tensor.grad = koubai.tensor(grads[name])
        optimizer.step()
    return {name: tensor.detach().numpy() for name, tensor in tensors.items()}


@pytest.mark.parametrize(("update", "kind", "options"), FACES)
def test_a_face_is_its_optimizer(update: Any, kind: Any, options: dict[str, Any]) -> None:
    params, state = parameters(), {}
    arrays = dict(params)
    for grads in gradients(5):
        assert update(params, grads, state, learning_rate=0.03, **options) is params
    expected = by_optimizer(lambda tensors: kind(tensors, lr=0.03, **options))
    for name, array in params.items():
        assert array is arrays[name]
        np.testing.assert_array_equal(array, expected[name])
    assert all(isinstance(entry, np.ndarray) for entries in state.values() for entry in entries.values())


@pytest.mark.parametrize(("update", "kind", "_"), FACES)
def test_a_face_has_its_optimizers_defaults(update: Any, kind: Any, _: Any) -> None:
    params = parameters()
    update(params, gradients(1)[0], {})
    expected = by_optimizer(kind, 1)
    np.testing.assert_array_equal(params["weight"], expected["weight"])
    assert update.__name__ == f"{kind.__name__.lower()}_update"


def test_sgd_update() -> None:
    params = {"w": np.array([1.0, 2.0])}
    array = params["w"]
    assert functional.sgd_update(params, {"w": np.array([1.0, -1.0])}) is params
    np.testing.assert_allclose(array, [0.99, 2.01])
    functional.sgd_update(params, {"w": np.array([1.0, -1.0])}, learning_rate=1.0)
    np.testing.assert_allclose(array, [-0.01, 3.01])


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_updates_are_the_classical_form(nesterov: bool) -> None:
    update = functional.nesterov_update if nesterov else functional.momentum_update
    params, velocity = parameters(), {}
    for grads in gradients(5):
        update(params, grads, velocity, learning_rate=0.03, momentum=0.8)
    expected = by_optimizer(
        lambda tensors: optim.SGD(tensors, lr=0.03, momentum=0.8, nesterov=nesterov, form="classical")
    )
    np.testing.assert_array_equal(params["bias"], expected["bias"])


def test_the_callers_velocity_changes_in_place() -> None:
    params, velocity = {"w": np.array([1.0])}, {"w": np.array([0.5])}
    array = velocity["w"]
    functional.momentum_update(params, {"w": np.array([2.0])}, velocity, learning_rate=0.1)
    np.testing.assert_allclose(array, [0.25])
    np.testing.assert_allclose(params["w"], [1.25])
    assert velocity["w"] is array


def test_views_and_types_of_the_caller_are_kept() -> None:
    storage = np.zeros((2, 3), np.float32)
    params = {"row": storage[0], "number": np.array(1.0, np.float32)}
    functional.adam_update(params, {"row": np.ones(3), "number": np.array(1)}, {}, learning_rate=0.5)
    np.testing.assert_allclose(storage, [[-0.5] * 3, [0] * 3], rtol=1e-6)
    assert params["number"].dtype == np.float32
    assert params["number"] == 0.5


@pytest.mark.parametrize(
    ("params", "grads", "kind", "message"),
    [
        (
            {"w": np.ones(2), "b": 1.0},
            {"w": np.ones(2), "b": 1.0},
            TypeError,
            r"params\['b'\] is a float; only arrays",
        ),
        ({"w": np.ones(2, int)}, {"w": np.ones(2)}, TypeError, r"params\['w'\] is an array of int64"),
        ({"w": np.ones(2)}, {"W": np.ones(2)}, KeyError, r"grads has no entry 'w', only \['W', 'first'\]"),
        (
            {"w": np.ones((2, 1))},
            {"w": np.ones(2)},
            ValueError,
            r"grads\['w'\] has shape \[2\].*has \[2, 1\]",
        ),
    ],
)
def test_mistakes_are_named_and_change_nothing(params: Any, grads: Any, kind: Any, message: str) -> None:
    params = {"first": np.ones(1), **params}
    with pytest.raises(kind, match=message):
        functional.sgd_update(params, {"first": np.ones(1), **grads})
    assert params["first"] == 1


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="Invalid learning rate: -1"):
        functional.adam_update(parameters(), gradients(1)[0], {}, learning_rate=-1)
    with pytest.raises(TypeError, match="adam_update has no option momentum"):
        functional.adam_update(parameters(), gradients(1)[0], {}, momentum=0.9)
