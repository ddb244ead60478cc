"""What `pip install koubai` brings along: the lessons too."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_an_installed_koubai_shows_the_lessons(tmp_path):
    pytest.importorskip("hatchling")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    environment = os.environ | {
        "PYTHONPATH": str(installed),
        "PYTHONIOENCODING": "utf-8",
        "KOUBAI_LANG": "ja",
    }
    for arguments, text in ((["learn"], "全体像"), (["learn", "2"], "順伝播を手で計算する")):
        command = [sys.executable, "-W", "error", "-m", "koubai", *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", timeout=60
        )
        assert done.returncode == 0, done.stderr
        assert text in done.stdout
