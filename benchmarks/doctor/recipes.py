"""Koubai's own recipes with their usual settings: good trainings, of which the doctor has nothing to say."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from koubai.doctor.chart import read_findings
from koubai.train import RunRecord

__all__ = ["RECIPES", "alarms"]

RECIPES = ("iris", "wine", "breast-cancer", "diabetes", "digits", "mnist", "fashion-mnist")


def alarms(name: str, seed: int) -> list[str]:
    """Train a recipe by its command, and return the causes that the doctor names.

    Raises:
        RuntimeError: the training failed, for instance because its data cannot be fetched.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "run"
        command = [
            sys.executable,
            "-m",
            "koubai",
            "train",
            name,
            "--seed",
            str(seed),
            "--run-dir",
            str(folder),
        ]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"KOUBAI_LANG": "en"})
        if done.returncode:
            raise RuntimeError(f"koubai train {name}: {done.stderr.strip()[-300:]}")
        return [finding.cause for finding in read_findings(RunRecord.open(folder)) or []]
