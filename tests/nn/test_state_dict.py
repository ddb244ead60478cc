"""State goes out and comes back by name, completely or not at all."""

import numpy as np
import pytest

import koubai
from koubai import nn


def model(seed: int) -> nn.Sequential:
    koubai.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))


def same(one, other) -> bool:
    return all(np.array_equal(one[key].numpy(), other[key].numpy()) for key in one)


def test_keys_are_paths_in_order():
    assert list(model(0).state_dict(prefix="net.")) == [
        "net.0.weight",
        "net.0.bias",
        "net.1.weight",
        "net.1.bias",
        "net.1.running_mean",
        "net.1.running_var",
        "net.1.num_batches_tracked",
        "net.2.weight",
        "net.2.bias",
    ]


def test_values_are_detached_unless_variables_are_wanted():
    layer = nn.Linear(1, 1)
    assert not layer.state_dict()["weight"].requires_grad
    assert layer.state_dict(keep_vars=True)["weight"] is layer.weight


def test_state_follows_training_until_it_is_cloned():
    layer = nn.Linear(1, 1)
    state = layer.state_dict()
    kept = state["weight"].clone()
    with koubai.no_grad():
        layer.weight.add_(1)
    assert state["weight"].item() == layer.weight.item() != kept.item()


def test_loading_makes_two_models_equal():
    source, target = model(0), model(1)
    weight = target[0].weight
    assert str(target.load_state_dict(source.state_dict())) == "<All keys matched successfully>"
    assert target[0].weight is weight
    assert same(source.state_dict(), target.state_dict())


def test_arrays_load_too():
    source, target = model(0), model(1)
    arrays = {key: tensor.numpy().copy() for key, tensor in source.state_dict().items()}
    target.load_state_dict(arrays)
    arrays["0.weight"][:] = 0  # the arrays stay their owner's
    assert same(source.state_dict(), target.state_dict())


def test_all_mistakes_are_listed_at_once_and_nothing_is_loaded():
    target = model(1)
    before = {key: tensor.clone() for key, tensor in target.state_dict().items()}
    state = dict(model(0).state_dict())
    del state["0.bias"]
    state["extra"] = koubai.ones(1)
    state["2.weight"] = koubai.ones(1, 4)
    state["2.bias"] = "text"
    state["1.num_batches_tracked"] = koubai.tensor(1.5)
    with pytest.raises(RuntimeError) as error:
        target.load_state_dict(state)
    message = str(error.value)
    assert "does not fit Sequential; nothing was loaded" in message
    for mistake in (
        'Missing key(s) in state_dict: "0.bias"',
        'Unexpected key(s) in state_dict: "extra"',
        "size mismatch for 2.weight: [1, 4] in the state, [1, 3] in the module",
        "not a tensor: 2.bias is a str",
        "dtype: 1.num_batches_tracked is float32 in the state, int64 in the module",
    ):
        assert mistake in message
    assert same(before, target.state_dict())


def test_without_strict_only_what_matches_is_loaded():
    target = model(1)
    state = {"0.bias": koubai.ones(3), "extra": koubai.ones(1)}
    result = target.load_state_dict(state, strict=False)
    assert target[0].bias.tolist() == [1, 1, 1]
    assert "0.weight" in result.missing_keys
    assert result.unexpected_keys == ["extra"]
    with pytest.raises(RuntimeError, match=r"size mismatch for 0\.bias"):
        target.load_state_dict({"0.bias": koubai.ones(4)}, strict=False)


def test_assign_takes_the_tensors_themselves():
    target = model(1)
    state = {key: tensor.double() for key, tensor in model(0).state_dict().items() if "num" not in key}
    target.load_state_dict(state, strict=False, assign=True)
    assert target[0].weight.dtype == koubai.float64
    assert isinstance(target[0].weight, nn.Parameter)
    assert target[0].weight.requires_grad


def test_a_shared_layer_appears_under_each_of_its_names():
    layer = nn.Linear(1, 1, bias=False)
    pair = nn.Sequential(layer, layer)
    assert list(pair.state_dict()) == ["0.weight", "1.weight"]
    pair.load_state_dict(pair.state_dict())
