"""NumPy's names of arguments, which PyTorch takes as well: `axis` for `dim`, and `keepdims` for `keepdim`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import FunctionType
from typing import Any

PYTORCH_NAMES = {"axis": "dim", "keepdims": "keepdim"}


def takes_numpy_names(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function so that it understands NumPy's names for those of its arguments that have one."""
    arguments = _arguments(function)
    names = {
        theirs: ours
        for theirs, ours in PYTORCH_NAMES.items()
        if ours in arguments and theirs not in arguments
    }
    if not names:
        return function

    @wraps(function)
    def renaming(*args: Any, **kwargs: Any) -> Any:
        for theirs, ours in names.items():
            if theirs in kwargs:
                if ours in kwargs:
                    raise TypeError(
                        f"{function.__name__}() got both {theirs} and {ours}, which mean the same"
                    )
                kwargs[ours] = kwargs.pop(theirs)
        return function(*args, **kwargs)

    return renaming


def take_numpy_names(namespace: Any) -> None:
    """Make all functions of a module or class understand NumPy's names."""
    for name, function in list(vars(namespace).items()):
        if isinstance(function, FunctionType) and function.__module__.startswith("koubai."):
            understanding = takes_numpy_names(function)
            if understanding is not function:
                setattr(namespace, name, understanding)


def _arguments(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of a function's arguments, of the innermost one where it is decorated."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code = function.__code__
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
