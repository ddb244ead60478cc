"""Checkpoints on disk: a folder with weights, all other state, and checksums that tell whether it is whole.

`model.safetensors` holds the model's `state_dict` under its own keys, so that anything that reads safetensors
can use it; `training.safetensors` holds all other arrays and `state.json` what is not an array. Nothing is
ever pickled.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from koubai.atomic import write_folder
from koubai.i18n import _
from koubai.train.metrics.metric import Array, as_array
from koubai.tree import join, split

__all__ = [
    "MODEL_FILE",
    "DamagedCheckpoint",
    "encode_weights",
    "read_checkpoint",
    "read_weights",
    "write_checkpoint",
]

MODEL_FILE = "model.safetensors"
TRAINING_FILE = "training.safetensors"
STATE_FILE = "state.json"
FORMAT = 1


class DamagedCheckpoint(ValueError):
    """A checkpoint is truncated, changed, or not a checkpoint at all."""


def write_checkpoint(folder: Path, model: dict[str, Any], training: dict[str, Any]) -> None:
    """Write a checkpoint to `folder` in one step: it is there in full or not at all.

    Args:
        folder: Where to; it must not exist yet.
        model: The model's `state_dict`.
        training: A tree of all other state.

    Raises:
        OSError: The disk is full or the like; nothing is left behind.
    """
    outline, arrays = split(training)
    contents = {
        MODEL_FILE: encode_weights(model),
        TRAINING_FILE: safetensors.numpy.save(arrays),
    }
    sums = {name: _checksum(content) for name, content in contents.items()}
    body = json.dumps({"format": FORMAT, "files": sums, "state": outline})
    seal = f'{{"sha256": "{_checksum(body.encode())}", "body": {body}}}'
    write_folder(folder, {**contents, STATE_FILE: seal.encode()})


def read_checkpoint(folder: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the model's arrays and the tree of all other state.

    Raises:
        DamagedCheckpoint: A file is missing, or its checksum is not the one it was written with.
    """
    try:
        body = _open_seal(_read(folder, STATE_FILE))
        files = {name: _read(folder, name) for name in body["files"]}
        for name, content in files.items():
            _check_sum(name, content, body["files"][name])
    except ValueError as error:
        problem = _("the checkpoint {folder} is damaged ({reason})")
        raise DamagedCheckpoint(problem.format(folder=folder, reason=error)) from error
    return (
        safetensors.numpy.load(files[MODEL_FILE]),
        join(body["state"], safetensors.numpy.load(files[TRAINING_FILE])),
    )


def read_weights(path: Path) -> dict[str, Array]:
    """Return the arrays of a file of weights on its own.

    Raises:
        FileNotFoundError: There is no such file.
        DamagedCheckpoint: It is truncated or changed.
    """
    try:
        return safetensors.numpy.load(path.read_bytes())
    except safetensors.SafetensorError as error:
        problem = _(
            "{file} is damaged ({reason}); copy it back from a backup, or delete it: then the weights of the last "
            "checkpoint are used"
        )
        raise DamagedCheckpoint(problem.format(file=path, reason=error)) from error


def encode_weights(model: dict[str, Any]) -> bytes:
    """Return a `state_dict` in the safetensors format."""
    return safetensors.numpy.save(
        {name: np.asarray(as_array(value), order="C") for name, value in model.items()}
    )


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        problem = _("{name} cannot be read: {reason}")
        raise ValueError(problem.format(name=name, reason=error.strerror)) from error


def _open_seal(content: bytes) -> dict[str, Any]:
    try:
        seal = json.loads(content)
        body: dict[str, Any] = seal["body"]
        checksum = seal["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(_("{name} is truncated or changed").format(name=STATE_FILE)) from error
    _check_sum(STATE_FILE, json.dumps(body).encode(), checksum)
    if body["format"] != FORMAT:
        raise ValueError(f"format {body['format']} is not known to this version, which reads {FORMAT}")
    return body


def _check_sum(name: str, content: bytes, expected: str) -> None:
    if _checksum(content) != expected:
        raise ValueError(_("the checksum of {name} is wrong").format(name=name))


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
