"""Vectors of a function that never change, in memory beside its code."""

from __future__ import annotations

from koubai.compiler.llvm.value import Value


class ConstantTable:
    """Vectors that never change and lie in memory, each at a multiple of its own size.

    Args:
        name: of the table in the module.

    Attributes:
        pointer: the name that the table's address has in the function.
    """

    pointer = "%constants"

    def __init__(self, name: str) -> None:
        self._name = name
        self._places: dict[str, int] = {}
        self._types: list[str] = []
        self._size = 0

    def place_of(self, constant: Value) -> int:
        """Return how many bytes into the table a constant lies; it is put there if it is not there yet."""
        key, size = str(constant), constant.lanes * constant.dtype.itemsize
        if key not in self._places:
            self._places[key] = -(-self._size // size) * size
            self._types.append(constant.type)
            self._size = self._places[key] + size
        return self._places[key]

    @property
    def definition(self) -> list[str]:
        """The lines of the module that define it: none if it is empty."""
        if not self._places:
            return []
        types, vectors = ", ".join(self._types), ", ".join(self._places)
        return [f"{self._name} = internal constant {{ {types} }} {{ {vectors} }}, align 64"]

    @property
    def address(self) -> list[str]:
        """The lines of the function that let `pointer` be its address, of which LLVM cannot know more than that."""
        return [f'  {self.pointer} = call ptr asm "", "=r,0"(ptr {self._name})'] if self._places else []
