"""The proof in a run's folder: `proof.json`, with trials, seeds, skills and losses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from koubai.atomic import write_file
from koubai.doctor.treatment import Proof, Trial

__all__ = ["PROOF", "read_proof", "write_proof"]

PROOF = "proof.json"
T = TypeVar("T", bound=Trial)


def write_proof(proof: Proof[T], folder: Path) -> Path:
    """Keep a proof, finished or not, and return its path."""
    text = json.dumps(proof.to_json(), ensure_ascii=False, indent=2, allow_nan=False)
    write_file(folder / PROOF, text.encode())
    return folder / PROOF


def read_proof(folder: Path) -> Proof[Trial] | None:
    """Return the proof that was kept; None if there is none."""
    path = folder / PROOF
    return Proof.from_json(json.loads(path.read_text("utf-8"))) if path.is_file() else None
