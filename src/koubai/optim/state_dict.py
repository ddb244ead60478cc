"""Taking an optimizer's options and state out as a dictionary in PyTorch's layout, and putting them back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

import koubai
from koubai.engine.tensor import Tensor
from koubai.optim.rule import Options

if TYPE_CHECKING:
    from koubai.optim.optimizer import Optimizer

__all__ = ["load_state", "state_of"]


def state_of(optimizer: Optimizer) -> dict[str, Any]:
    """Return the dictionary that `Optimizer.state_dict` promises."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    indices = iter(range(len(parameters)))
    groups = [
        {**group, "params": [next(indices) for _ in group["params"]]} for group in optimizer.param_groups
    ]
    state = {
        index: dict(optimizer.state[parameter])
        for index, parameter in enumerate(parameters)
        if optimizer.state.get(parameter)
    }
    return {"state": state, "param_groups": groups}


def load_state(optimizer: Optimizer, state_dict: dict[str, Any]) -> None:
    """Do what `Optimizer.load_state_dict` promises: all of it or, on any mistake, nothing."""
    groups = [dict(group) for group in state_dict["param_groups"]]
    _check_groups(optimizer, groups)
    state = {
        parameter: _parameter_state(optimizer, name, parameter, group, state_dict["state"].get(index, {}))
        for (index, group), (name, parameter, _) in zip(_indices(groups), optimizer._places())
    }
    for own, group in zip(optimizer.param_groups, groups):
        own.update({**group, "params": own["params"]})
    optimizer._changes += 1
    optimizer.state.clear()
    optimizer.state.update({parameter: entries for parameter, entries in state.items() if entries})


def _indices(groups: list[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the index that each saved parameter has, with its group."""
    for group in groups:
        for index in group["params"]:
            yield index, group


def _check_groups(optimizer: Optimizer, groups: list[dict[str, Any]]) -> None:
    own = [len(group["params"]) for group in optimizer.param_groups]
    loaded = [len(group["params"]) for group in groups]
    if len(own) != len(loaded):
        raise ValueError(
            f"loaded state dict has a different number of parameter groups: {len(loaded)}, "
            f"the optimizer has {len(own)}"
        )
    if own != loaded:
        raise ValueError(
            "loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
            f"{loaded} parameters per group, the optimizer has {own}"
        )


def _parameter_state(
    optimizer: Optimizer, name: str, parameter: Tensor, group: dict[str, Any], entries: dict[str, Any]
) -> dict[str, Any]:
    """Return the state of one parameter from its saved `entries`, copied and checked."""
    state = {key: _converted(parameter, key, value) for key, value in entries.items()}
    if not state or not hasattr(optimizer, "rule"):
        return state
    missing_step = "step" not in state
    options = Options({**optimizer.defaults, **group})
    expected = optimizer.rule.remember(parameter, {}, options)
    for key, value in expected.items():
        given = state.setdefault(key, value)
        if given is not value and tuple(given.shape) != tuple(value.shape):
            raise ValueError(
                f"loaded state dict is of another model: {key} of {name} has shape {tuple(given.shape)}, "
                f"expected {tuple(value.shape)}"
            )
    if (
        missing_step and "step" in expected
    ):  # PyTorch counts no steps for this rule; what has state took at least one
        state["step"] = koubai.ones(())
    return state


def _converted(parameter: Tensor, key: str, value: Any) -> Any:
    """Copy a saved value; arrays, also PyTorch's tensors, become tensors of the parameter's dtype.

    Counts and the like, which are 0-dimensional, keep their own dtype, so that a resumed training stays the
    same.
    """
    if isinstance(value, list | tuple):
        return type(value)(_converted(parameter, key, entry) for entry in value)
    if key == "step" and isinstance(value, int | float):
        return koubai.tensor(float(value))
    if isinstance(value, bool | int | float | str | None):
        return value
    tensor = value.detach().clone() if isinstance(value, Tensor) else koubai.tensor(np.asarray(value))
    return tensor.to(parameter) if tensor.ndim else tensor
