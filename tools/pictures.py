"""Draws the pictures that the READMEs show: two reports as a browser shows them, and the cost of gradients.

    python tools/pictures.py        # needs Chromium on the PATH, and fonts with Japanese characters

It trains the demo once in each language, photographs its report, and runs benchmarks/gradient_cost.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-device-scale-factor=1.5",
]


def train_demo(folder: Path, language: str) -> Path:
    """Train the demo and return its report."""
    environment = os.environ | {"KOUBAI_LANG": language}
    subprocess.run(
        [sys.executable, "-m", "koubai", "train", "digits", "--target", "0.97"],
        cwd=folder,
        env=environment,
        check=True,
    )
    (report,) = folder.glob("runs/*/report.html")
    return report


def photograph(page: Path, picture: Path, folder: Path) -> None:
    """Save the upper part of a page as a browser shows it."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"no browser found: install one of {', '.join(BROWSERS)}")
    shot = folder / "shot.png"
    options = [f"--user-data-dir={folder / 'profile'}", f"--screenshot={shot}", "--window-size=1000,1620"]
    subprocess.run([browser, *QUIET, *options, page.as_uri()], check=True, capture_output=True)
    with Image.open(shot) as image:
        image.convert("P", palette=Image.Palette.ADAPTIVE, colors=128).save(picture, optimize=True)


def main() -> None:
    """Draw all pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    for language, name in (("en", "report.png"), ("ja", "report_ja.png")):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            photograph(train_demo(folder, language), IMAGES / name, folder)
    benchmark = ROOT / "benchmarks" / "gradient_cost.py"
    subprocess.run([sys.executable, benchmark, "--output", IMAGES / "gradient_cost.png"], check=True)


if __name__ == "__main__":
    main()
