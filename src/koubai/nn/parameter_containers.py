"""Parameters in a list or under names, registered with the module that holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Self

from koubai.engine.tensor import Tensor
from koubai.nn.module import Module
from koubai.nn.parameter import Parameter

__all__ = ["ParameterDict", "ParameterList"]


def _as_parameter(value: Tensor) -> Parameter:
    if not isinstance(value, Tensor):
        raise TypeError(f"expected a Parameter or a Tensor, got {type(value).__name__}")
    return value if isinstance(value, Parameter) else Parameter(value)


class _Parameters(Module):
    """What `ParameterList` and `ParameterDict` share."""

    def __len__(self) -> int:
        return len(self._parameters)

    def _repr_children(self) -> Iterator[str]:
        for name, parameter in self._parameters.items():
            if parameter is not None:
                yield f"({name}): Parameter {tuple(parameter.shape)} {parameter.dtype}"


class ParameterList(_Parameters):
    """A list whose parameters are registered under "0", "1", ...; tensors become parameters.

    Args:
        values: to begin with.
    """

    def __init__(self, values: Iterable[Tensor] | None = None) -> None:
        super().__init__()
        self.extend(values if values is not None else ())

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self._parameters.values())  # type: ignore[arg-type]

    def __getitem__(self, index: int | slice) -> Parameter | Self:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return list(self)[index]

    def __setitem__(self, index: int, value: Tensor) -> None:
        name = list(self._parameters)[index]
        self._parameters[name] = _as_parameter(value)

    def append(self, value: Tensor) -> Self:
        """Add a parameter at the end."""
        self.register_parameter(str(len(self)), _as_parameter(value))
        return self

    def extend(self, values: Iterable[Tensor]) -> Self:
        """Add parameters at the end."""
        for value in list(values):
            self.append(value)
        return self

    def __iadd__(self, values: Iterable[Tensor]) -> Self:
        return self.extend(values)


class ParameterDict(_Parameters):
    """A dictionary whose parameters are registered under its keys; tensors become parameters.

    Args:
        parameters: a mapping, or pairs of key and parameter, to begin with.
    """

    def __init__(self, parameters: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]] | None = None) -> None:
        super().__init__()
        self.update(parameters if parameters is not None else {})

    def __getitem__(self, key: str) -> Parameter:
        return self._parameters[key]  # type: ignore[return-value]

    def __setitem__(self, key: str, value: Tensor) -> None:
        self.register_parameter(key, _as_parameter(value))

    def __delitem__(self, key: str) -> None:
        del self._parameters[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __contains__(self, key: str) -> bool:
        return key in self._parameters

    def clear(self) -> None:
        """Take everything out."""
        self._parameters.clear()

    def pop(self, key: str) -> Parameter:
        """Take out the parameter under `key` and return it."""
        return self._parameters.pop(key)  # type: ignore[return-value]

    def keys(self) -> Iterable[str]:
        """The keys, in order of insertion."""
        return self._parameters.keys()

    def values(self) -> Iterable[Parameter]:
        """The parameters."""
        return self._parameters.values()  # type: ignore[return-value]

    def items(self) -> Iterable[tuple[str, Parameter]]:
        """Pairs of key and parameter."""
        return self._parameters.items()  # type: ignore[return-value]

    def update(self, parameters: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]]) -> None:
        """Add the parameters of a mapping, or of pairs of key and parameter."""
        for key, value in dict(parameters).items():
            self[key] = value
