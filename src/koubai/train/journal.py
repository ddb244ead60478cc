"""The numbers of a run in SQLite: one row per step, one row per value of each epoch, and notes of any kind.

The database is in WAL mode, so others can read while a training writes, and a writer that is killed at any
moment leaves it readable, with everything that was committed.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

__all__ = ["STEP_COLUMNS", "Journal"]

STEP_COLUMNS = ("step", "epoch", "samples", "loss", "lr", "seconds")

_TABLES = """
CREATE TABLE IF NOT EXISTS steps (
    step INTEGER PRIMARY KEY, epoch INTEGER, samples INTEGER, loss REAL, lr REAL, seconds REAL
);
CREATE TABLE IF NOT EXISTS epochs (
    epoch INTEGER, name TEXT, value, PRIMARY KEY (epoch, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notes (
    kind TEXT, step INTEGER, content TEXT, PRIMARY KEY (kind, step)
) WITHOUT ROWID;
"""


class Journal:
    """The file `metrics.sqlite` of a run.

    Table `steps` has the columns `STEP_COLUMNS`: the number of the update since the start of the run, its
    epoch (from 1), the samples of the epoch seen so far, the loss of this step, the learning rate it used,
    and the seconds since the epoch began. Table `epochs` has a row (epoch, name, value) for each entry of the
    history; a value that is no number, such as a confusion matrix, is JSON. Table `notes` holds what anyone else
    writes down beside them: its kind, the number of the update it is about, and any content as JSON.

    Args:
        path: Where the database is, or will be.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self) -> None:
        """Make the database with empty tables."""
        with self._connected() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_TABLES)

    def add(self, steps: list[tuple[Any, ...]], epochs: dict[int, dict[str, Any]] | None = None) -> None:
        """Commit rows of `steps` and, by epoch, the values of finished epochs: all of them, or none."""
        values = [(n, name, _encode(v)) for n, epoch in (epochs or {}).items() for name, v in epoch.items()]
        with self._connected() as connection:
            connection.executemany(f"INSERT OR REPLACE INTO steps VALUES ({_marks(STEP_COLUMNS)})", steps)
            connection.executemany("INSERT OR REPLACE INTO epochs VALUES (?, ?, ?)", values)

    def note(self, kind: str, step: int, content: Any) -> None:
        """Commit a note; it takes the place of an earlier one of the same kind and step."""
        with self._connected() as connection:
            connection.executescript(_TABLES)  # a record of an earlier version has no notes yet
            row = (kind, step, json.dumps(content, ensure_ascii=False, default=_plain))
            connection.execute("INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", row)

    def rewind(self, step: int, epoch: int) -> None:
        """Remove everything after update number `step`, and epochs after number `epoch`."""
        with self._connected() as connection:
            connection.executescript(_TABLES)
            connection.execute("DELETE FROM steps WHERE step > ?", (step,))
            connection.execute("DELETE FROM notes WHERE step > ?", (step,))
            connection.execute("DELETE FROM epochs WHERE epoch > ?", (epoch,))

    def steps(self) -> dict[str, list[Any]]:
        """Return the columns of the table of steps as lists."""
        rows = self._read("SELECT * FROM steps ORDER BY step")
        columns = {name: [row[i] for row in rows] for i, name in enumerate(STEP_COLUMNS)}
        return {**columns, "loss": [_decode(loss) for loss in columns["loss"]]}

    def history(self) -> dict[str, list[Any]]:
        """Return the values of the epochs, as `Trainer.fit` returns them: name to list."""
        history: dict[str, list[Any]] = {}
        for name, value in self._read("SELECT name, value FROM epochs ORDER BY epoch"):
            history.setdefault(name, []).append(_decode(value))
        return history

    def notes(self, kind: str) -> dict[int, Any]:
        """Return the notes of a kind by their step, the earliest first."""
        if not self._read("SELECT 1 FROM sqlite_master WHERE name = 'notes'"):
            return {}
        rows = self._read("SELECT step, content FROM notes WHERE kind = ? ORDER BY step", kind)
        return {step: json.loads(content) for step, content in rows}

    def _read(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        try:
            with self._connected() as connection:
                return connection.execute(query, values).fetchall()
        except sqlite3.OperationalError:
            if self._has_log():
                raise
        # On a full or write-protected disk SQLite has no room for its shared index; nor does it need one here.
        with closing(sqlite3.connect(f"{self.path.resolve().as_uri()}?immutable=1", uri=True)) as connection:
            return connection.execute(query, values).fetchall()

    def _has_log(self) -> bool:
        """Whether there are rows that are only in the write-ahead log."""
        log = self.path.with_name(f"{self.path.name}-wal")
        return log.exists() and log.stat().st_size > 0

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """Connect for one transaction; nothing stays open between two."""
        with closing(sqlite3.connect(self.path, timeout=30.0)) as connection, connection:
            yield connection


def _marks(columns: tuple[str, ...]) -> str:
    return ", ".join("?" * len(columns))


def _encode(value: Any) -> Any:
    return value if isinstance(value, int | float) else json.dumps(value)


def _plain(value: Any) -> Any:
    """A number of NumPy's as Python's, for JSON."""
    return value.item() if hasattr(value, "item") else str(value)


def _decode(value: Any) -> Any:
    """SQLite stores NaN as NULL, and what is no number is JSON."""
    if value is None:
        return math.nan
    return json.loads(value) if isinstance(value, str) else value
