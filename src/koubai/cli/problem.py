"""The training step that a command is about: a network by its name, its sizes or a script, with numbers and optimizer.

The options are functions, so that their help is in the language of the moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from koubai import optim
from koubai.cli.errors import MISUSED, Mistake
from koubai.cli.options import wrapped
from koubai.explain import ACTIVATIONS, PRESETS, Problem, preset, with_numbers
from koubai.explain.presets import half_squared_error
from koubai.i18n import _
from koubai.recipes.script import run_script

OPTIMIZERS = {
    "sgd": optim.SGD,
    "adagrad": optim.Adagrad,
    "rmsprop": optim.RMSprop,
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "lion": optim.Lion,
}


def option(*names: str, help: str, metavar: str | None = None) -> Any:
    """An option whose help is broken into lines in Japanese too."""
    return typer.Option(*names, metavar=metavar, help=wrapped(help), show_default=False)


def network_help() -> str:
    """What may stand for a network."""
    return _("{names}; layers by their sizes, such as 3-4-2; or a script.py").format(names=", ".join(PRESETS))


def numbers_option() -> Any:
    """--set, for numbers by their names."""
    return option("--set", metavar=_("NAME=NUMBERS"), help=_("change numbers: w1_12=0.3, or x=0.5,-1"))


def lr_option() -> Any:
    """--lr."""
    return option(metavar=_("NUMBER"), help=_("learning rate η"))


def momentum_option() -> Any:
    """--momentum."""
    return option(metavar=_("NUMBER"), help=_("momentum γ; the update is shown in both forms"))


def optimizer_option() -> Any:
    """--optimizer."""
    return option(metavar=_("NAME"), help=", ".join(OPTIMIZERS))


def activation_option() -> Any:
    """--activation."""
    return option(metavar=_("NAME"), help=", ".join(ACTIVATIONS))


def html_option() -> Any:
    """--html."""
    return option(metavar=_("FILE"), help=_("write a page"))


def problem_of(
    network: str,
    numbers: Sequence[str] | None,
    lr: float | None,
    momentum: float,
    optimizer: str,
    activation: str | None,
) -> Problem:
    """Return the training step that these options describe.

    Raises:
        Mistake: if there is no such network, number, optimizer or activation.
    """
    options: dict[str, Any] = {} if lr is None else {"lr": lr}
    options |= _momentum(optimizer, momentum)
    return with_numbers(_problem(network, activation, options), _read(numbers or []))


def check_digits(digits: int) -> None:
    """Refuse a number of digits that nothing can be rounded to."""
    if not 1 <= digits <= 15:
        raise Mistake(_("--digits must be from 1 to 15."), code=MISUSED)


def with_ending(path: Path, ending: str) -> Path:
    """The path; without an ending of its own it gets the one of its kind."""
    if path.suffix and path.suffix != ending:
        raise Mistake(_("{path} must end in {ending}.").format(path=path, ending=ending), code=MISUSED)
    return path.with_suffix(ending)


def _problem(network: str, activation: str | None, options: Mapping[str, Any]) -> Problem:
    if network.endswith(".py"):
        if activation is not None:
            raise Mistake(_("A script chooses its activation itself."), code=MISUSED)
        return _of_script(Path(network), options)
    try:
        return preset(network, activation, **options)
    except ValueError as error:
        raise Mistake(str(error), code=MISUSED) from None


def _momentum(name: str, momentum: float) -> dict[str, Any]:
    """The optimizer, and its momentum if there is one."""
    if name not in OPTIMIZERS:
        message = _("There is no optimizer {name}; there are {names}.")
        raise Mistake(message.format(name=name, names=", ".join(OPTIMIZERS)), code=MISUSED)
    if momentum and name != "sgd":
        raise Mistake(_("--momentum belongs to sgd."), code=MISUSED)
    return {"optimizer": OPTIMIZERS[name], **({"momentum": momentum} if momentum else {})}


def _of_script(path: Path, options: Mapping[str, Any]) -> Problem:
    """The network, inputs, target and loss that a script defines."""
    names = run_script(path)
    missing = [name for name in ("model", "inputs") if name not in names]
    if missing:
        message = _("{path} must define {names}; it may define target and loss.")
        raise Mistake(message.format(path=path, names=_(" and ").join(missing)))
    inputs = names["inputs"] if isinstance(names["inputs"], tuple | list) else (names["inputs"],)
    letters = ("x",) if len(inputs) == 1 else tuple(f"x{number}" for number in range(1, len(inputs) + 1))
    given = {"lr": 0.1, **options}
    optimizer = given.pop("optimizer")
    target, loss = names.get("target"), names.get("loss", half_squared_error)
    return Problem(names["model"], tuple(inputs), target, loss, optimizer, given, letters, path.stem)


def _read(settings: Sequence[str]) -> dict[str, list[float]]:
    """Read "w1_12=0.3" and "x=0.5,-1"."""
    found = {}
    for setting in settings:
        name, _sign, values = setting.partition("=")
        try:
            found[name.strip()] = [float(value) for value in values.replace(";", ",").split(",")]
        except ValueError:
            message = _("--set takes NAME=NUMBERS, such as w1_12=0.3 or x=0.5,-1; it was given {value!r}.")
            raise Mistake(message.format(value=setting), code=MISUSED) from None
    return found
