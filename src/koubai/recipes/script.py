"""Turns a user's own script into a recipe, so that `koubai train script.py` trains it like any other.

A script defines two names: `data`, a `LabelledData`, and `model`, a `Module`; each may instead be a function
of the settings. It may define `loss`, and `defaults`, a dictionary of settings that the command line
overrides.
"""

from __future__ import annotations

import runpy
import traceback
from pathlib import Path
from types import FunctionType
from typing import Any

import koubai
from koubai.data import LabelledData
from koubai.i18n import _
from koubai.nn import Module
from koubai.recipes.labelled import labelled_recipe
from koubai.recipes.recipe import Recipe
from koubai.recipes.settings import Settings


def load_script(path: Path, seed: int = 0) -> Recipe:
    """Run a script and make a recipe of what it defines.

    Args:
        path: the script.
        seed: of the default generator while the script runs, so that its model starts with the same weights.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it raises an error, or does not define what it has to.

    Example:
        A whole script::

            from koubai import data as datasets, nn

            data = datasets.iris().with_validation(0.1).scaled()
            model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
            defaults = {"epochs": 50, "optimizer": "sgd", "lr": 0.1}
    """
    names = run_script(path, seed)
    _check(path, names)
    return labelled_recipe(
        name=path.stem,
        summary=str(path),
        data=lambda settings: _value(path, "data", names, settings, LabelledData),
        model=lambda settings, *sizes: _value(path, "model", names, settings, Module),
        base=Settings,
        defaults=names.get("defaults", {}),
        loss=names.get("loss"),
        scaler=None,
    )


def run_script(path: Path, seed: int = 0) -> dict[str, Any]:
    """Run a script and return the names it defines; what it raises is told with the script's line.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it raises an error.
    """
    if not path.is_file():
        raise FileNotFoundError(_("There is no file {path}.").format(path=path))
    koubai.manual_seed(seed)
    try:
        return runpy.run_path(str(path), run_name="__koubai__")
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == str(path)]
        line = getattr(error, "lineno", None) or next(reversed(lines), None)  # a syntax error brings its own
        raise ValueError(
            _("{path}, line {line}: {kind}: {error}").format(
                path=path, line=line, kind=type(error).__name__, error=error
            )
        ) from error


def _check(path: Path, names: dict[str, Any]) -> None:
    missing = [name for name in ("data", "model") if name not in names]
    if missing:
        raise ValueError(
            _(
                "{path} does not define {names}. A script for koubai train defines data (a LabelledData) "
                "and model (a Module), or functions of the settings that return them."
            ).format(path=path, names=", ".join(missing))
        )
    unknown = [name for name in names.get("defaults", {}) if name not in Settings.model_fields]
    if unknown:
        raise ValueError(
            _("{path}: defaults holds {names}, which is no setting; there are {settings}.").format(
                path=path, names=", ".join(unknown), settings=", ".join(Settings.model_fields)
            )
        )


def _value(path: Path, name: str, names: dict[str, Any], settings: Settings, kind: type) -> Any:
    """A name's value, or what its function of the settings returns."""
    value = names[name]
    made = value(settings) if isinstance(value, FunctionType) else value
    if not isinstance(made, kind):
        raise ValueError(
            _("{path}: {name} has to be a {kind}, but it is a {given}.").format(
                path=path, name=name, kind=kind.__name__, given=type(made).__name__
            )
        )
    return made
