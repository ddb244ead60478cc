"""The record of a run: a folder with configuration, environment, metrics, checkpoints, weights and result.

    config.json          what the user asked for
    environment.json     seed, versions, platform, git revision, time
    metrics.sqlite       numbers of each step and each epoch, and notes of any kind (see `Journal`)
    checkpoints/         the newest two and the best (see `write_checkpoint`)
    model.safetensors    the weights at the end of the training
    result.json          status and result (see `Trainer.result`)

Everything but the metrics is written in one step under its final name, so whatever is there can be read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from koubai.atomic import write_file
from koubai.i18n import _
from koubai.nn.module import Module
from koubai.train.checkpoint import MODEL_FILE, encode_weights, read_weights
from koubai.train.checkpoints import Checkpoints
from koubai.train.environment import describe_environment
from koubai.train.journal import Journal
from koubai.train.lock import Lock
from koubai.train.record_error import writing

__all__ = ["RunRecord", "list_runs"]

_CONFIG, _ENVIRONMENT, _RESULT = "config.json", "environment.json", "result.json"


class RunRecord:
    """The record of one run. Make one with `create`, or `open` one that is there.

    Attributes:
        folder: Where it is.
        journal: The metrics; `steps`, `history` and `notes` read them.
        checkpoints: The checkpoints.
        lock: Held by the process that trains.

    Example:
        >>> run = RunRecord.create("runs/digits", {"lr": 0.1}, seed=0)
        >>> trainer.fit(train, validation, epochs=10, run=run)
        >>> RunRecord.open("runs/digits").history()["val_loss"]
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.journal = Journal(self.folder / "metrics.sqlite")
        self.checkpoints = Checkpoints(self.folder / "checkpoints")
        self.lock = Lock(self.folder / "lock")

    @classmethod
    def create(
        cls, folder: str | Path, config: Mapping[str, Any] | None = None, seed: int | None = None
    ) -> RunRecord:
        """Make the record of a new run.

        Args:
            folder: Where to; it is made if it is missing.
            config: What the run is trained with: anything that JSON can hold (other values become strings).
            seed: The seed of the run; None takes the entry `"seed"` of the configuration.

        Raises:
            FileExistsError: There is a run in this folder already.
            RecordError: The folder cannot be written.
        """
        record, config = cls(folder), dict(config or {})
        if (record.folder / _CONFIG).exists():
            problem = _("{folder} already holds a run; resume it, or choose another folder")
            raise FileExistsError(problem.format(folder=folder))
        seed = config.get("seed") if seed is None else seed
        with writing(record.folder):
            record.checkpoints.folder.mkdir(parents=True, exist_ok=True)
            record.journal.create()
            record._write(_ENVIRONMENT, {"seed": seed, **describe_environment()})
            record._write(_CONFIG, config)  # last: a folder without it is no run
        return record

    @classmethod
    def open(cls, folder: str | Path) -> RunRecord:
        """Return the record in a folder.

        Raises:
            FileNotFoundError: There is no run.
        """
        record = cls(folder)
        record.check_exists()
        return record

    def check_exists(self) -> None:
        """Refuse a folder in which no run was made.

        Raises:
            FileNotFoundError: There is no run.
        """
        if not (self.folder / _CONFIG).exists():
            problem = _(
                "there is no run in {folder}: {file} is missing; RunRecord.create(folder) makes a new run"
            )
            raise FileNotFoundError(problem.format(folder=self.folder, file=_CONFIG))

    @property
    def config(self) -> dict[str, Any]:
        """What the run is trained with."""
        return self._read(_CONFIG)

    @property
    def environment(self) -> dict[str, Any]:
        """Seed, versions of Python, Koubai and its dependencies, platform, git revision and time of creation."""
        return self._read(_ENVIRONMENT)

    @property
    def result(self) -> dict[str, Any]:
        """The result so far (see `Trainer.result`) and `status`; empty before the first fit."""
        return self._read(_RESULT) if (self.folder / _RESULT).exists() else {}

    @property
    def status(self) -> str:
        """One of new, running, finished, interrupted (Ctrl-C), failed (an error), killed (without a word)."""
        status = str(self.result.get("status", "new"))
        return "killed" if status == "running" and not self.lock.is_taken() else status

    def steps(self) -> dict[str, list[Any]]:
        """Return the recorded steps as lists by column: step, epoch, samples, loss, lr, seconds."""
        return self.journal.steps()

    def history(self) -> dict[str, list[Any]]:
        """Return the values of the finished epochs, as `Trainer.fit` does."""
        return self.journal.history()

    def note(self, kind: str, step: int, content: Any) -> None:
        """Write something down beside the metrics, to stay whatever happens; resuming from before `step` removes it.

        Args:
            kind: What it is; at a step there is one note of each kind, and a later one replaces it.
            step: The update it is about, 1 for the first.
            content: Anything that JSON can hold.

        Raises:
            RecordError: It cannot be written.
        """
        with writing(self.folder):
            self.journal.note(kind, step, content)

    def notes(self, kind: str) -> dict[int, Any]:
        """Return the notes of a kind by their step, the earliest first."""
        return self.journal.notes(kind)

    def load_weights(self, model: Module, which: Literal["final", "best", "last"] = "final") -> None:
        """Load recorded weights into a model.

        Args:
            model: A model of the same architecture.
            which: Those at the end of the training (the last ones if it has not ended), of the best epoch,
                or of the last checkpoint.

        Raises:
            RuntimeError: The weights are of another model; nothing is loaded then.
            FileNotFoundError: There are no weights yet.
            DamagedCheckpoint: The file is truncated or changed.
        """
        final = self.folder / MODEL_FILE
        if which == "final" and final.exists():
            model.load_state_dict(read_weights(final))
        else:
            stored = self.checkpoints.best_one() if which == "best" else self.checkpoints.newest()
            model.load_state_dict(stored.model)

    def write_weights(self, model: Module) -> None:
        """Keep the model's present weights as those at the end of the training."""
        write_file(self.folder / MODEL_FILE, encode_weights(model.state_dict()))

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Replace the result."""
        self._write(_RESULT, result)

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        text = json.dumps(content, indent=2, ensure_ascii=False, default=str)
        write_file(self.folder / name, text.encode())

    def _read(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        try:
            content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            problem = _("{file} is damaged: it is truncated or was changed; copy it back from a backup")
            raise ValueError(problem.format(file=path)) from error
        return content

    def __repr__(self) -> str:
        return f"RunRecord({str(self.folder)!r}, {self.status})"


def list_runs(root: str | Path) -> list[RunRecord]:
    """Return the records of all runs in the folders directly below `root`, the oldest first."""
    runs = [RunRecord.open(path.parent) for path in Path(root).glob(f"*/{_CONFIG}")]
    return sorted(runs, key=lambda run: (run.environment["created"], run.folder))
