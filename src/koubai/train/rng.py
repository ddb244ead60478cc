"""The random numbers a training step draws: saving and restoring where every generator stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from koubai.engine.random import Generator, default_generator
from koubai.nn.module import Module

__all__ = ["load_random_state", "random_state"]


def random_state(model: Module) -> dict[str, Any]:
    """Return the states of the default generator and of all generators that the model's layers hold."""
    return {name: generator.get_state() for name, generator in _generators(model)}


def load_random_state(model: Module, state: dict[str, Any]) -> None:
    """Let the generators go on from `state`."""
    for name, generator in _generators(model):
        if name in state:
            generator.set_state(state[name])


def _generators(model: Module) -> Iterator[tuple[str, Generator]]:
    yield "default", default_generator
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if isinstance(value, Generator):
                yield f"model.{path}.{name}" if path else f"model.{name}", value
