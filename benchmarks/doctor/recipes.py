"""Koubai's own recipes with their usual settings: good trainings, of which the doctor has nothing to say."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from koubai.data.download import data_folder
from koubai.doctor.chart import read_findings
from koubai.recipes import RECIPES
from koubai.train import RunRecord

__all__ = ["TRAININGS", "alarms"]

TRAININGS = (
    *RECIPES,
    "forecast --series sunspots",
    "forecast --series temperatures",
    "tabular --data penguins",
    "tabular --data california-housing",
)

# Where no proxy listens: data that are not on this machine are not fetched, and the recipe says what is missing.
_OFFLINE = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")


def alarms(training: str, seed: int) -> list[str]:
    """Train a recipe by its command, with data that are on this machine, and return the causes that the doctor names.

    Args:
        training: the recipe's name, and options.
        seed: of the training.

    Raises:
        RuntimeError: the training failed, for instance because its data are not there; it says why.
    """
    with tempfile.TemporaryDirectory() as temporary:
        run, data = Path(temporary) / "run", _data_that_are_there(Path(temporary) / "data")
        options = [*training.split(), "--seed", str(seed), "--run-dir", str(run)]
        command = [sys.executable, "-m", "koubai", "train", *options]
        settings = os.environ | _OFFLINE | {"KOUBAI_DATA": str(data), "KOUBAI_LANG": "en", "COLUMNS": "1000"}
        done = subprocess.run(command, capture_output=True, text=True, env=settings)
        if done.returncode:
            raise RuntimeError((done.stderr or done.stdout).strip())
        return [finding.cause for finding in read_findings(RunRecord.open(run)) or []]


def _data_that_are_there(folder: Path) -> Path:
    """Make a data folder that leads to the data there are, in which a failed download leaves nothing behind."""
    folder.mkdir()
    for data in data_folder().iterdir() if data_folder().is_dir() else ():
        (folder / data.name).symlink_to(data.resolve())
    return folder
