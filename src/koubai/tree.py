"""State as a tree of plain containers, numbers, arrays and tensors: copying it, and splitting it for storage.

A tree is what `state_dict` methods return, nested as one likes. For a file it is split into its arrays (for
safetensors) and an outline that JSON can hold, in which each array is replaced by its name.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from koubai.arrays import Array
from koubai.engine.tensor import Tensor
from koubai.functions.creation import tensor

__all__ = ["copied", "join", "split"]

_PLAIN = (str, bool, int, float, type(None))


def copied(tree: Any) -> Any:
    """Return a deep copy that later in-place changes of the original tensors do not reach."""
    if isinstance(tree, Tensor):
        return tree.detach().clone()
    if isinstance(tree, np.ndarray):
        return tree.copy()
    if isinstance(tree, dict):
        return {key: copied(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(copied(value) for value in tree)
    return tree


def split(tree: Any, path: str = "state") -> tuple[Any, dict[str, Array]]:
    """Split a tree into an outline for JSON and its arrays by name.

    Args:
        tree: Nested dicts, lists and tuples of strings, numbers, None, arrays and tensors.
        path: What the arrays' names begin with.

    Raises:
        TypeError: The tree holds something else.
    """
    arrays: dict[str, Array] = {}
    return _outline(tree, path, arrays), arrays


def join(outline: Any, arrays: dict[str, Array]) -> Any:
    """Return the tree that `split` was given."""
    if isinstance(outline, list):
        return [join(item, arrays) for item in outline]
    if not isinstance(outline, dict):
        return outline
    kind, content = next(iter(outline.items()))
    return _JOINERS[kind](content, arrays)


def _outline(tree: Any, path: str, arrays: dict[str, Array]) -> Any:
    if isinstance(tree, Tensor | np.ndarray | np.generic):
        values = tree.numpy(force=True) if isinstance(tree, Tensor) else tree
        arrays[path] = np.asarray(values, order="C")
        return {"tensor" if isinstance(tree, Tensor) else "array": path}
    if isinstance(tree, _PLAIN):
        return tree
    if isinstance(tree, dict):
        return {"dict": [[key, _outline(value, f"{path}.{key}", arrays)] for key, value in tree.items()]}
    if isinstance(tree, list | tuple):
        items = [_outline(value, f"{path}.{index}", arrays) for index, value in enumerate(tree)]
        return {"tuple": items} if isinstance(tree, tuple) else items
    raise TypeError(f"a checkpoint cannot hold {path}, a {type(tree).__name__}")


_JOINERS: dict[str, Any] = {
    "tensor": lambda name, arrays: tensor(arrays[name]),
    "array": lambda name, arrays: arrays[name],
    "dict": lambda pairs, arrays: {key: join(value, arrays) for key, value in pairs},
    "tuple": lambda items, arrays: tuple(join(item, arrays) for item in items),
}
