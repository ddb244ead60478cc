"""`FunctionLayer`: a layer that is a function with its settings kept, as activations and losses are."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, Signature, get_annotations
from typing import Any, ClassVar

from koubai.engine.tensor import Tensor
from koubai.nn.module import Module

__all__ = ["FunctionLayer"]


class FunctionLayer(Module):
    """A layer that computes `function(*inputs, **settings)`.

    A subclass is a docstring, the function, and its settings: annotated attributes, which become the constructor's
    arguments, in their order and with their defaults. Settings that are tensors become buffers.

    Example:
        >>> class Scale(FunctionLayer):
        ...     "factor · x."
        ...
        ...     function = koubai.mul
        ...     other: float = 2.0
        >>> Scale(other=3.0)(koubai.ones(2))
        tensor([3., 3.])
    """

    function: ClassVar[Callable[..., Tensor]]
    settings: ClassVar[Signature] = Signature()

    def __init_subclass__(cls) -> None:
        if "function" in cls.__dict__:
            cls.settings = Signature([_take_setting(cls, name) for name in get_annotations(cls)])
        cls.__signature__ = None if "__init__" in cls.__dict__ else cls.settings  # type: ignore[attr-defined]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        for name, value in self._bind(args, kwargs).items():
            if isinstance(value, Tensor):
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return all settings by name.

        Raises:
            TypeError: if one is missing, unknown or given twice.
        """
        try:
            bound = self.settings.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}{self.settings}: {error}") from None
        bound.apply_defaults()
        return bound.arguments

    def forward(self, *inputs: Tensor) -> Tensor:
        """Compute the function of the inputs."""
        return type(self).function(
            *inputs, **{name: getattr(self, name) for name in self.settings.parameters}
        )

    def extra_repr(self) -> str:
        """The settings that differ from their defaults, or have none; not the tensors among them."""
        shown = [
            f"{name}={value}"
            for name, setting in self.settings.parameters.items()
            if not isinstance(value := getattr(self, name), Tensor) and value != setting.default
        ]
        return ", ".join(shown)


def _take_setting(cls: type, name: str) -> Parameter:
    """Return an annotated attribute as an argument; its default leaves the class, where it would hide a buffer."""
    default = cls.__dict__.get(name, Parameter.empty)
    if name in cls.__dict__:
        delattr(cls, name)
    return Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=default)
