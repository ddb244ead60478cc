"""Layers and functions take PyTorch's arguments: the same names, order and defaults."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from koubai import nn  # noqa: E402

IGNORED = {"out"}  # results are returned
KINDS = [
    name
    for name, kind in sorted(vars(nn).items())
    if inspect.isclass(kind) and inspect.isclass(getattr(torch.nn, name, None))
]
OPEN = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def functions(ours: Any, theirs: Any) -> list[str]:
    """Public functions of both whose signature PyTorch shows."""
    return [
        name
        for name, function in sorted(vars(ours).items())
        if not name.startswith("_")
        and inspect.isfunction(function)
        and shows_signature(getattr(theirs, name, None))
    ]


def shows_signature(function: Any) -> bool:
    return inspect.isfunction(function) and not any(
        parameter.kind in OPEN for parameter in inspect.signature(function).parameters.values()
    )


def arguments(function: Callable[..., Any]) -> list[tuple[str, Any]]:
    parameters = inspect.signature(function).parameters.values()
    return [(p.name, p.default) for p in parameters if p.name not in IGNORED and p.kind not in OPEN]


@pytest.mark.parametrize("name", KINDS)
def test_layers_take_pytorchs_arguments(name: str) -> None:
    assert arguments(getattr(nn, name)) == arguments(getattr(torch.nn, name))


@pytest.mark.parametrize("name", functions(nn.functional, torch.nn.functional))
def test_functions_take_pytorchs_arguments(name: str) -> None:
    assert arguments(getattr(nn.functional, name)) == arguments(getattr(torch.nn.functional, name))


@pytest.mark.parametrize("name", functions(nn.init, torch.nn.init))
def test_initialisers_take_pytorchs_arguments(name: str) -> None:
    assert arguments(getattr(nn.init, name)) == arguments(getattr(torch.nn.init, name))
