"""The same step with another activation, number for number, so that a reader can choose one afterwards."""

from __future__ import annotations

import copy
from dataclasses import replace

from koubai.explain.presets import ACTIVATIONS
from koubai.explain.worksheet import Worksheet, solve
from koubai.nn.module import Module

__all__ = ["activation_variants"]


def activation_variants(sheet: Worksheet) -> tuple[str, dict[str, Worksheet]]:
    """Return the worksheet with each activation in the place of the network's own.

    Args:
        sheet: the worksheet.

    Returns:
        the name of the network's activation, and the worksheets by the names of theirs. If the network has none, or
        several different ones, the name is empty and there are no worksheets.
    """
    places = _places(sheet.problem.model)
    names = {name for _path, name in places}
    if len(names) != 1:
        return "", {}
    own = names.pop()
    keys = [cell.symbol.key for cell in sheet.cells()]
    made = {name: sheet if name == own else _with(sheet, places, name) for name in ACTIVATIONS}
    return own, {name: other for name, other in made.items() if [c.symbol.key for c in other.cells()] == keys}


def _places(model: Module) -> list[tuple[str, str]]:
    """Where the model has activation layers with default settings, and which."""
    made = {name: make() for name, make in ACTIVATIONS.items()}
    return [
        (path, name)
        for path, module in model.named_modules()
        for name, activation in made.items()
        if type(module) is type(activation) and module.extra_repr() == activation.extra_repr()
    ]


def _with(sheet: Worksheet, places: list[tuple[str, str]], name: str) -> Worksheet:
    model = copy.deepcopy(sheet.problem.model)
    for path, _name in places:
        owner, _dot, last = path.rpartition(".")
        setattr(model.get_submodule(owner), last, ACTIVATIONS[name]())
    return solve(replace(sheet.problem, model=model))
