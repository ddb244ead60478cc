"""Tensors in files: `save` and `load` for a `state_dict`, or whatever else is made of containers, numbers and tensors.

The format is safetensors, which other programs read too. Nothing is pickled: a file that somebody sent cannot run code.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import safetensors
import safetensors.numpy

from koubai.arrays import Array
from koubai.atomic import write_file
from koubai.devices import device, place
from koubai.engine.tensor import Tensor
from koubai.engine.trace import flatten, unflatten
from koubai.tree import join, split

__all__ = ["load", "save"]

File = str | os.PathLike[str] | BinaryIO
_OUTLINE = "koubai"  # the entry of the metadata that says how the tensors are nested
_PICKLES = (b"PK", b"\x80")  # what torch.save and pickle begin with


def save(obj: Any, f: File) -> None:
    """Write tensors to a file, whole or not at all.

    A dict of tensors is written under its own keys, for any program that reads safetensors. Other trees (tensors in
    nested dicts, lists and tuples, with numbers and strings) carry an outline beside. `koubai.train.Trainer` writes
    checkpoints of a training, with its optimizer, by itself.

    Args:
        obj: the tensors, such as `model.state_dict()`, or `{"model": ..., "optimizer": ..., "epoch": 3}`.
        f: the path, or a file open for writing bytes.

    Raises:
        TypeError: if it holds anything else, such as a module.

    Example:
        >>> koubai.save(model.state_dict(), "model.safetensors")
        >>> model.load_state_dict(koubai.load("model.safetensors"))
    """
    content = _encode(obj)
    if isinstance(f, str | os.PathLike):
        write_file(Path(f), content)
    else:
        f.write(content)


def load(f: File, map_location: Any = None, *, weights_only: bool = True) -> Any:
    """Return what `save` wrote to a file; of a safetensors file by another program, a dict of its tensors.

    Args:
        f: the path, or a file open for reading bytes.
        map_location: the device that the tensors will live on; None means the CPU.
        weights_only: without effect: no file can hold anything that runs.

    Raises:
        ValueError: if the file is truncated, or of another format.
    """
    if isinstance(f, str | os.PathLike):
        name, content = str(f), Path(f).read_bytes()
    else:
        name, content = str(getattr(f, "name", "the file")), f.read()
    return _placed(_decode(content, name), place(map_location))


def _placed(tree: Any, where: device) -> Any:
    """Return what was read with its tensors on a device."""
    tensors: list[Tensor] = []
    structure = flatten(tree, tensors)
    return unflatten(structure, iter([tensor.to(where) for tensor in tensors]))


def _encode(obj: Any) -> bytes:
    outline, arrays = _flat_dict(obj) if _is_flat_dict(obj) else _tree(obj)
    return safetensors.numpy.save(arrays, {_OUTLINE: json.dumps(outline)})


def _is_flat_dict(obj: Any) -> bool:
    return isinstance(obj, dict) and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in obj.items())


def _flat_dict(tensors: dict[str, Tensor]) -> tuple[Any, dict[str, Array]]:
    """Split a dict of tensors as `split` does, but under its own keys; the outline keeps their order."""
    arrays = {key: np.asarray(tensor.numpy(force=True), order="C") for key, tensor in tensors.items()}
    return {"dict": [[key, {"tensor": key}] for key in tensors]}, arrays


def _tree(obj: Any) -> tuple[Any, dict[str, Array]]:
    try:
        return split(obj, "obj")
    except TypeError as reason:
        raise TypeError(f"save: {reason}; of a model save model.state_dict()") from None


def _decode(content: bytes, name: str) -> Any:
    try:
        arrays = safetensors.numpy.load(content)
    except KeyError as kind:
        raise ValueError(
            f"load: {name} holds tensors of type {kind}, which koubai has not; save them as float32"
        ) from None
    except safetensors.SafetensorError as reason:
        raise ValueError(f"load: {name} {_complaint(content, reason)}") from None
    outline = _metadata(content).get(_OUTLINE)
    return join(
        json.loads(outline) if outline else {"dict": [[key, {"tensor": key}] for key in arrays]}, arrays
    )


def _complaint(content: bytes, reason: Exception) -> str:
    """Say what is wrong with a file that is not safetensors, and what to do."""
    if content.startswith(_PICKLES):
        return (
            "is a pickle, as torch.save writes it, which koubai does not read because reading one can run code; "
            "write it again with safetensors.torch.save_file(state_dict, path)"
        )
    return f"is truncated or not in the safetensors format ({len(content)} bytes): {reason}"


def _metadata(content: bytes) -> dict[str, str]:
    """Read the texts in a safetensors header: its length in eight bytes, then JSON."""
    length = int.from_bytes(content[:8], "little")
    found: dict[str, str] = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    return found
