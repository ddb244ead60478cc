"""Layers and functions take PyTorch's arguments: the same names, order and defaults."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from koubai import nn  # noqa: E402
from koubai.nn.utils import rnn  # noqa: E402

# results are returned; inplace is added by a decorator; the others are deprecated in PyTorch
IGNORED = {"out", "size_average", "reduce", "min_value", "max_value", "inplace"}
OPEN = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def shared(ours: Any, theirs: Any) -> list[str]:
    """Public functions and classes of both whose signature PyTorch shows."""
    return [
        name
        for name, function in sorted(vars(ours).items())
        if name[0] != "_" and (inspect.isfunction(function) or inspect.isclass(function))
        if shows_signature(getattr(theirs, name, None))
    ]


def shows_signature(function: Any) -> bool:
    if not (inspect.isfunction(function) or inspect.isclass(function)):
        return False
    return all(parameter.kind not in OPEN for parameter in inspect.signature(function).parameters.values())


def arguments(function: Any) -> list[tuple[str, Any]]:
    """Names and defaults, in order; a function's name stands for the function."""
    parameters = inspect.signature(function).parameters.values()
    kept = [p for p in parameters if p.name not in IGNORED and p.kind not in OPEN]
    return [(p.name, p.default.__name__ if inspect.isfunction(p.default) else p.default) for p in kept]


@pytest.mark.parametrize("name", shared(nn, torch.nn))
def test_layers_take_pytorchs_arguments(name: str) -> None:
    assert arguments(getattr(nn, name)) == arguments(getattr(torch.nn, name))


@pytest.mark.parametrize("name", shared(nn.functional, torch.nn.functional))
def test_functions_take_pytorchs_arguments(name: str) -> None:
    assert arguments(getattr(nn.functional, name)) == arguments(getattr(torch.nn.functional, name))


@pytest.mark.parametrize("name", shared(nn.init, torch.nn.init))
def test_initialisers_take_pytorchs_arguments(name: str) -> None:
    assert arguments(getattr(nn.init, name)) == arguments(getattr(torch.nn.init, name))


@pytest.mark.parametrize("name", [name for name in rnn.__all__ if name != "PackedSequence"])
def test_packing_takes_pytorchs_arguments(name: str) -> None:
    assert arguments(getattr(rnn, name)) == arguments(getattr(torch.nn.utils.rnn, name))
