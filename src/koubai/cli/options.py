"""Makes a command's options from a settings model, and a settings object from what the user typed.

Every value reaches pydantic as text, so that there is one place where settings are checked, for commands and
scripts alike, and one place where a wrong value is put into words.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import typer
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from koubai.cli.errors import MISUSED, Mistake
from koubai.cli.wrapping import lines_of
from koubai.i18n import _

_HELP_WIDTH = 40  # columns that an option's help has on a screen of 80
Model = TypeVar("Model", bound=BaseModel)


def parameters(settings: type[BaseModel]) -> Iterator[inspect.Parameter]:
    """A parameter for Typer to read for each field; arguments first."""
    fields = sorted(settings.model_fields.items(), key=lambda item: not _extra(item[1]).get("argument"))
    for name, field in fields:
        kind = bool if bool in _kinds(field) else str
        annotation = Annotated[kind | None, _parameter(name, field)]  # type: ignore[valid-type]
        yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def settings_from(model: type[Model], given: Mapping[str, Any]) -> Model:
    """Check what was typed.

    Raises:
        Mistake: with one line for each wrong option; exit code 2.
    """
    try:
        return model(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        lines = [_in_words(model, dict(problem)) for problem in error.errors()]
        raise Mistake("\n  ".join(lines), code=MISUSED) from None


def option_name(name: str) -> str:
    """The option of a field: batch_size is --batch-size."""
    return "--" + name.replace("_", "-")


def _parameter(name: str, field: FieldInfo) -> Any:
    if _extra(field).get("argument"):
        return typer.Argument(help=_description(field), metavar=name.upper(), show_default=False)
    declaration = option_name(name)
    if bool in _kinds(field):
        if field.default:
            declaration += f"/--no-{name.replace('_', '-')}"
        return typer.Option(declaration, help=_help(field), show_default=False)
    return typer.Option(declaration, help=_help(field), metavar=_metavar(field), show_default=False)


def _help(field: FieldInfo) -> str:
    """The description, what can be chosen, and what happens without the option."""
    if field.is_required():
        return wrapped(_("{description} (required)").format(description=_description(field)))
    unset = _extra(field).get("unset")
    default = _(unset) if unset else field.default
    if isinstance(default, bool):
        default = _("yes") if default else _("no")
    choices = ", ".join(_choices(field))
    form = (
        _("{description}: {choices} (default: {default})")
        if choices
        else _("{description} (default: {default})")
    )
    return wrapped(form.format(description=_description(field), choices=choices, default=default))


def wrapped(text: str) -> str:
    """Japanese broken into lines, which Rich does only at spaces; Typer shows two line ends as one."""
    return "\n\n".join(lines_of(text, _HELP_WIDTH))


def _description(field: FieldInfo) -> str:
    """In the user's language; a script's own settings may have none."""
    return _(field.description) if field.description else ""


def _metavar(field: FieldInfo) -> str:
    kinds = _kinds(field)
    if _choices(field):
        return _("NAME")
    return _("INTEGER") if int in kinds else _("NUMBER") if float in kinds else _("TEXT")


def _choices(field: FieldInfo) -> list[str]:
    return [str(choice) for kind in _kinds(field) if get_origin(kind) is Literal for choice in get_args(kind)]


def _kinds(field: FieldInfo) -> list[Any]:
    """The types a field allows, without None."""
    if get_origin(field.annotation) is Literal:
        return [field.annotation]
    return [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not NoneType]


def _extra(field: FieldInfo) -> dict[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _in_words(model: type[BaseModel], problem: dict[str, Any]) -> str:
    """One of pydantic's problems, in the user's language and with the option's name."""
    if not problem["loc"]:
        return str(problem["msg"]).removeprefix("Value error, ")
    name = str(problem["loc"][0])
    field = model.model_fields.get(name)
    shown = name.upper() if field and _extra(field).get("argument") else option_name(name)
    if problem["type"] == "missing":
        return _("{name} is missing.").format(name=shown)
    sentence = _rule(problem["type"]) or str(problem["msg"])
    rule = sentence.format(**problem.get("ctx", {}), choices=", ".join(_choices(field)) if field else "")
    return _("{name} {rule}; it was given {value!r}.").format(name=shown, rule=rule, value=problem["input"])


def _rule(kind: str) -> str | None:
    """What a value has to be, by the type of pydantic's error."""
    rules = {
        "int_parsing": _("must be a whole number"),
        "int_from_float": _("must be a whole number"),
        "float_parsing": _("must be a number"),
        "bool_parsing": _("must be yes or no"),
        "finite_number": _("must be finite"),
        "greater_than": _("must be greater than {gt}"),
        "greater_than_equal": _("must be at least {ge}"),
        "less_than": _("must be less than {lt}"),
        "less_than_equal": _("must be at most {le}"),
        "literal_error": _("must be one of {choices}"),
        "extra_forbidden": _("is not a setting here"),
    }
    return rules.get(kind)
