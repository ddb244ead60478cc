"""The checkpoints of a run: which are kept, which is the newest that is whole, and which is the best."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from koubai.atomic import clear_rubbish, remove_folder
from koubai.i18n import _
from koubai.train.checkpoint import DamagedCheckpoint, read_checkpoint, write_checkpoint
from koubai.train.metrics.metric import Array

__all__ = ["Checkpoints", "StoredCheckpoint"]

_PREFIX = "checkpoint-"


@dataclass(frozen=True)
class StoredCheckpoint:
    """A checkpoint read from disk: its name, the model's arrays, and the tree of all other state."""

    name: str
    model: dict[str, Array]
    training: dict[str, Any]


class Checkpoints:
    """The folder `checkpoints` of a run.

    The newest two are kept, so that one is left if the other is damaged, and the best. Which one is the best
    is part of each checkpoint, so that it can never disagree with the state it belongs to.

    Args:
        folder: Where they are.
    """

    keep = 2

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.best: str | None = None

    def names(self) -> list[str]:
        """Return the names of all checkpoints, the oldest first."""
        return sorted(path.name for path in self.folder.glob(f"{_PREFIX}*"))

    def save(self, model: dict[str, Any], training: dict[str, Any], is_best: bool = False) -> str:
        """Write a checkpoint in one step and return its name; older ones that are not needed go.

        Raises:
            OSError: The disk is full or the like; all older checkpoints are still there.
        """
        names = self.names()
        number = int(names[-1].removeprefix(_PREFIX)) + 1 if names else 0
        name = f"{_PREFIX}{number:06d}"
        best = name if is_best else self.best
        write_checkpoint(self.folder / name, model, {"best": best, "training": training})
        self.best = best
        for old in [*names, name][: -self.keep]:
            if old != best:
                remove_folder(self.folder / old)
        return name

    def newest(self) -> StoredCheckpoint:
        """Return the newest checkpoint that is whole; a warning names those that are not, and what is lost.

        Raises:
            FileNotFoundError: There are no checkpoints.
            DamagedCheckpoint: None of them is whole.
        """
        names = self.names()
        if not names:
            raise FileNotFoundError(_("there is no checkpoint in {folder}").format(folder=self.folder))
        problems: list[str] = []
        for name in reversed(names):
            try:
                stored = self._read(name)
            except DamagedCheckpoint as error:
                problems.append(str(error))
            else:
                _warn_of_damage(problems, name)
                return stored
        problem = _(
            "no checkpoint of this run can be read: {problems}. Copy one back from a backup, or train anew in "
            "another folder"
        )
        raise DamagedCheckpoint(problem.format(problems="; ".join(problems)))

    def before(self, step: int) -> StoredCheckpoint | None:
        """Return the newest whole checkpoint from before an update (1 for the first); None if there is none left."""
        for name in reversed(self.names()):
            with suppress(DamagedCheckpoint):
                stored = self._read(name)
                if stored.training["progress"]["updates"] < step:
                    return stored
        return None

    def whole(self) -> Iterator[StoredCheckpoint]:
        """Yield all checkpoints that are whole, the oldest first."""
        for name in self.names():
            with suppress(DamagedCheckpoint):
                yield self._read(name)

    def best_one(self) -> StoredCheckpoint:
        """Return the checkpoint of the best epoch, or the newest if no epoch is finished."""
        newest = self.newest()
        return newest if self.best in (None, newest.name) else self._read(str(self.best))

    def _read(self, name: str) -> StoredCheckpoint:
        model, state = read_checkpoint(self.folder / name)
        self.best = state["best"]
        return StoredCheckpoint(name, model, state["training"])

    def drop_after(self, name: str) -> None:
        """Remove rubbish and the checkpoints after `name`, which were damaged: a new history begins there."""
        clear_rubbish(self.folder)
        for later in self.names():
            if later > name:
                remove_folder(self.folder / later)


def _warn_of_damage(problems: list[str], used: str) -> None:
    for problem in problems:
        message = _(
            "{problem}. The older {used} is used instead; what was trained after it has to be trained again"
        )
        warnings.warn(message.format(problem=problem, used=used), stacklevel=3)
