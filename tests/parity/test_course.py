"""Lesson 6 says that its program runs with PyTorch when the imports are PyTorch's, and finds the same gradients."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "docs" / "learn" / "6-check.py"


def printed(source: str) -> str:
    environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-W", "error", "-c", source]
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_program_of_lesson_6_runs_with_pytorch():
    pytest.importorskip("torch")
    ours = PROGRAM.read_text(encoding="utf-8")
    theirs = ours.replace(
        "import koubai as torch\nfrom koubai import nn", "import torch\nfrom torch import nn"
    )
    assert "koubai" not in theirs
    assert printed(theirs) == printed(ours)
