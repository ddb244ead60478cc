"""Draws the pictures that the READMEs show: reports and worksheets in a browser, and the cost of gradients.

    python tools/pictures.py        # needs Chromium on the PATH, and fonts with Japanese characters

It trains the demo once in each language, photographs its report and a worksheet, and runs benchmarks/gradient_cost.py.
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


def explain(folder: Path, language: str) -> Path:
    """Write a worksheet, and return the part of it that shows the graph and the backward pass."""
    page = folder / "step.html"
    command = [sys.executable, "-m", "koubai", "explain", "2-2-1", "--html", page, "--lang", language]
    subprocess.run(command, cwd=folder, check=True)
    shorter = (
        "<style>#given, #forward, #loss, #update, #after, nav, .legend { display: none; }</style></head>"
    )
    page.write_text(page.read_text(encoding="utf-8").replace("</head>", shorter), encoding="utf-8")
    return page


def photograph(page: Path, picture: Path, folder: Path, height: int = 1620) -> None:
    """Save the upper part of a page as a browser shows it."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"no browser found: install one of {', '.join(BROWSERS)}")
    shot = folder / "shot.png"
    options = [
        f"--user-data-dir={folder / 'profile'}",
        f"--screenshot={shot}",
        f"--window-size=1000,{height}",
    ]
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
            photograph(explain(folder, language), IMAGES / name.replace("report", "explain"), folder, 1100)
    benchmark = ROOT / "benchmarks" / "gradient_cost.py"
    subprocess.run([sys.executable, benchmark, "--output", IMAGES / "gradient_cost.png"], check=True)


if __name__ == "__main__":
    main()
