"""What holds for a stretch of code in one thread: whether ops are recorded for backward, traced, or watched for NaN."""

from __future__ import annotations

import sysconfig
import threading
import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    from koubai.engine.steps import Step
    from koubai.engine.taps import Taps
    from koubai.engine.trace import Tracer

__all__ = [
    "are_deterministic_algorithms_enabled",
    "detect_anomaly",
    "enable_grad",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "set_grad_enabled",
    "use_deterministic_algorithms",
]

Function = TypeVar("Function", bound=Callable[..., Any])
_NOT_THE_USERS = (
    str(Path(__file__).parent.parent),
    *(sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib")),
    "<frozen",
)


class Modes(threading.local):
    """The modes of one thread."""

    grad_enabled: bool = True
    tracer: Tracer | None = None
    anomaly: bool = False
    taps: Taps | None = None
    steps: list[Step] | None = None


modes = Modes()


class _Mode:
    """A context manager, also usable as a decorator (with or without parentheses), that sets one mode for a while."""

    name: str
    value: Any

    if not TYPE_CHECKING:  # type checkers see a plain class, so that decorated functions keep their types

        def __new__(cls, function: Any = None, **_: Any) -> Any:
            """Return the mode, or with a function that function, decorated."""
            mode = super().__new__(cls)
            return cls()(function) if callable(function) else mode

    def __enter__(self) -> Self:
        self._before = getattr(modes, self.name)
        setattr(modes, self.name, self.value)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        setattr(modes, self.name, self._before)

    def _fresh(self) -> _Mode:
        """Return a mode like this one, so that a decorated function may call itself."""
        return type(self)()

    def __call__(self, function: Function) -> Function:
        @wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self._fresh():
                return function(*args, **kwargs)

        return wrapped  # type: ignore[return-value]


class no_grad(_Mode):
    """Within it, ops leave no recipe: results do not require gradients.

    Example:
        >>> with koubai.no_grad():
        ...     weight -= 0.1 * weight.grad
    """

    name, value = "grad_enabled", False


class enable_grad(_Mode):
    """Within it, ops are recorded again, inside a `no_grad`."""

    name, value = "grad_enabled", True


class inference_mode(no_grad):
    """The same as `no_grad`."""


class untraced(_Mode):
    """Within it, tensors are made as outside of a trace that may be going on."""

    name, value = "tracer", None


class _Switch(_Mode):
    """A mode that is set at once, or for a stretch when used as a context manager."""

    def __init__(self, mode: bool) -> None:
        self.value = mode
        self._at_once = getattr(modes, self.name)
        setattr(modes, self.name, mode)

    def __enter__(self) -> Self:
        self._before = self._at_once
        setattr(modes, self.name, self.value)
        return self

    def _fresh(self) -> _Mode:
        return type(self)(self.value)


class set_grad_enabled(_Switch):
    """Turn recording on or off, at once, or for a stretch when used as a context manager."""

    name = "grad_enabled"


class detect_anomaly(_Mode):
    """Within it, the first op whose result is NaN or inf although its inputs are finite raises FloatingPointError,
    in the forward and in the backward pass, with the op's name and the user's line that called it."""

    name, value = "anomaly", True


class set_detect_anomaly(_Switch):
    """Turn `detect_anomaly` on or off, at once, or for a stretch when used as a context manager."""

    name = "anomaly"


def is_grad_enabled() -> bool:
    """Tell whether ops are recorded for backward now."""
    return modes.grad_enabled


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Do nothing: the same program gives the same results here, whatever `mode` says."""


def are_deterministic_algorithms_enabled() -> bool:
    """Tell whether the same program gives the same results: always."""
    return True


def users_line() -> str:
    """Return the innermost line of the user's own code that led here, as " at file:line: code".

    Koubai, installed packages and Python's own library are not the user's code; without any, it is empty.
    """
    for frame in reversed(traceback.extract_stack()):
        if not frame.filename.startswith(_NOT_THE_USERS):
            return f" at {frame.filename}:{frame.lineno}: {frame.line}"
    return ""
