"""Modules that hold modules: in a row, in a list, under names.

`Sequential` also runs them, each on the result of the one before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Self, overload

from koubai.nn.module import Module

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


class _Row(Module):
    """Modules in order, registered under "0", "1", ...: what `Sequential` and `ModuleList` share."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())  # type: ignore[arg-type]

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Module | Self:
        if isinstance(index, slice):
            return self._part(dict(list(self._modules.items())[index]))
        return self._modules[self._name(index)]  # type: ignore[return-value]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._name(index), module)

    def __delitem__(self, index: int | slice) -> None:
        rest = list(self)
        self._name(index) if isinstance(index, int) else None
        del rest[index]
        self._hold(rest)

    def _part(self, modules: dict[str, Any]) -> Self:
        """A container of the same kind with some of the modules."""
        raise NotImplementedError

    def _name(self, index: int) -> str:
        """The name of the module at `index`, which counts from the end when negative."""
        if not -len(self) <= index < len(self):
            raise IndexError(
                f"index {index} is out of range for a {type(self).__name__} of {len(self)} modules"
            )
        return list(self._modules)[index]

    def _hold(self, modules: Iterable[Module]) -> None:
        """Hold `modules` under new numbers."""
        numbered = {str(number): module for number, module in enumerate(modules)}
        self._modules.clear()
        for name, module in numbered.items():
            self.add_module(name, module)

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end."""
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Put a module before the one at `index`."""
        modules = list(self)
        modules.insert(index, module)
        self._hold(modules)
        return self

    def pop(self, key: int) -> Module:
        """Take out the module at `key` and return it."""
        module = self[key]
        del self[key]
        return module

    def __iadd__(self, other: Iterable[Module]) -> Self:
        return self.extend(other)

    def __add__(self, other: Iterable[Module]) -> Self:
        both = self._part({})
        return both.extend(self).extend(other)


class Sequential(_Row):
    """Run modules one after another, each on what the one before returned.

    Args:
        args: the modules; or one dictionary of names and modules.

    Example:
        >>> model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        named = args[0] if len(args) == 1 and isinstance(args[0], Mapping) else None
        for name, module in named.items() if named is not None else enumerate(args):
            self.add_module(str(name), module)

    def forward(self, input: Any) -> Any:
        """Run all modules in order."""
        for module in self:
            input = module(input)
        return input

    def _part(self, modules: dict[str, Any]) -> Self:
        return type(self)(modules)


class ModuleList(_Row):
    """A list whose modules are registered; what to do with them is the owner's business.

    Args:
        modules: to begin with.
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(modules if modules is not None else ())

    def _part(self, modules: dict[str, Any]) -> Self:
        return type(self)(modules.values())

    def _repr_children(self) -> Iterator[str]:
        """Equal neighbours are printed once, with their number."""
        start = 0
        for text, group in groupby(map(repr, self)):
            count = len(list(group))
            yield f"({start}): {text}" if count == 1 else f"({start}-{start + count - 1}): {count} x {text}"
            start += count


class ModuleDict(Module):
    """A dictionary whose modules are registered under its keys.

    Args:
        modules: a mapping, or pairs of key and module, to begin with.
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        self.update(modules if modules is not None else {})

    def __getitem__(self, key: str) -> Module:
        return self._modules[key]  # type: ignore[return-value]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Take everything out."""
        self._modules.clear()

    def pop(self, key: str) -> Module:
        """Take out the module under `key` and return it."""
        return self._modules.pop(key)  # type: ignore[return-value]

    def keys(self) -> Iterable[str]:
        """The keys, in order of insertion."""
        return self._modules.keys()

    def values(self) -> Iterable[Module]:
        """The modules."""
        return self._modules.values()  # type: ignore[return-value]

    def items(self) -> Iterable[tuple[str, Module]]:
        """Pairs of key and module."""
        return self._modules.items()  # type: ignore[return-value]

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add the modules of a mapping, or of pairs of key and module."""
        for key, module in dict(modules).items():
            self[key] = module
