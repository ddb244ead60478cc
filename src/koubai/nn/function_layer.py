"""`FunctionLayer`: a layer that is a function with its settings kept, as activations and losses are."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

from koubai.nn.module import Module
from koubai.tensor import Tensor


class FunctionLayer(Module):
    """A layer that computes `function(*inputs, **settings)`.

    A subclass is a docstring, the function, and its settings: annotated attributes, in the order of the constructor's
    arguments, with their defaults. Settings that are tensors become buffers.
    """

    function: ClassVar[Callable[..., Tensor]]
    settings: ClassVar[tuple[str, ...]] = ()
    defaults: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        own = inspect.get_annotations(cls)
        if own:
            cls.settings = tuple(own)
            cls.defaults = {name: cls.__dict__[name] for name in own if name in cls.__dict__}
        for name in cls.defaults.keys() & cls.__dict__.keys():
            delattr(cls, name)  # a class attribute would hide the buffer of its name

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        given = self._read(args, kwargs)
        for name in self.settings:
            value = given[name] if name in given else self.defaults[name]
            if isinstance(value, Tensor):
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def _read(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the settings that are given.

        Raises:
            TypeError: if one is unknown, given twice, or missing.
        """
        given = dict(zip(self.settings, args))
        wrong = [
            *map(repr, args[len(self.settings) :]),
            *sorted(kwargs.keys() - set(self.settings) | kwargs.keys() & given),
        ]
        given.update(kwargs)
        missing = [name for name in self.settings if name not in given and name not in self.defaults]
        if wrong or missing:
            problem = f"missing: {', '.join(missing)}" if missing else f"not understood: {', '.join(wrong)}"
            raise TypeError(f"{type(self).__name__}({', '.join(self.settings)}): {problem}")
        return given

    def forward(self, *inputs: Tensor) -> Tensor:
        """Compute the function of the inputs."""
        return type(self).function(*inputs, **{name: getattr(self, name) for name in self.settings})

    def extra_repr(self) -> str:
        """The settings that differ from their defaults, or have none."""
        values = {
            name: getattr(self, name) for name in self.settings if not isinstance(getattr(self, name), Tensor)
        }
        return ", ".join(f"{n}={v}" for n, v in values.items() if v != self.defaults.get(n))
