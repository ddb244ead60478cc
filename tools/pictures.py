"""Draws the pictures that the documents show: pages in a browser, and the cost of gradients.

    python tools/pictures.py        # needs Chromium on the PATH, and fonts with Japanese characters

It trains the demo and a training with a fault once in each language, photographs their reports and a worksheet, and
runs benchmarks/gradient_cost.py.
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
FAULTY = """
from koubai import data as datasets, nn

data = datasets.digits().with_validation(0.1).scaled()
hidden = [layer for _ in range(7) for layer in (nn.Linear(32, 32), nn.Sigmoid())]
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.Sigmoid(), *hidden, nn.Linear(32, 10))
defaults = {"epochs": 12, "optimizer": "sgd", "lr": 0.1}
"""
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


def train(folder: Path, language: str, *what: str) -> Path:
    """Train something and return its report."""
    run = folder / "run"
    command = [sys.executable, "-m", "koubai", "train", *what, "--run-dir", str(run)]
    subprocess.run(command, cwd=folder, env=os.environ | {"KOUBAI_LANG": language}, check=True)
    return run / "report.html"


def train_demo(folder: Path, language: str) -> Path:
    """Train the demo and return its report."""
    return train(folder, language, "digits", "--target", "0.97")


def train_faulty(folder: Path, language: str) -> Path:
    """Train a deep net of sigmoids and return its report."""
    (folder / "sigmoids.py").write_text(FAULTY, encoding="utf-8")
    return train(folder, language, "sigmoids.py")


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


def influence(folder: Path, language: str) -> Path:
    """Train the demo, and return the page on what one of its answers hangs on."""
    run = train_demo(folder, language).parent
    return written(folder, language, "influence", str(run), "--sample", "3")


def downhill(folder: Path, language: str) -> Path:
    """Write the page on which optimizers walk."""
    return written(folder, language, "downhill", "bowl")


def gallery(folder: Path, language: str) -> Path:
    """Write the page of activations and first weights."""
    return written(folder, language, "gallery")


def written(folder: Path, language: str, *what: str) -> Path:
    """Write a command's page."""
    page = folder / "page.html"
    command = [sys.executable, "-m", "koubai", *what, "--html", page, "--lang", language]
    subprocess.run(command, cwd=folder, check=True)
    return page


def photograph(page: Path, picture: Path, folder: Path, height: int) -> None:
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
    made = (
        (train_demo, "report", 1620),
        (train_faulty, "doctor", 2050),
        (explain, "explain", 1100),
        (influence, "influence", 560),
        (downhill, "downhill", 835),
        (gallery, "gallery", 1000),
    )
    for language, ending in (("en", ""), ("ja", "_ja")):
        for make, name, height in made:
            with tempfile.TemporaryDirectory() as temporary:
                folder = Path(temporary)
                photograph(make(folder, language), IMAGES / f"{name}{ending}.png", folder, height)
    benchmark = ROOT / "benchmarks" / "gradient_cost.py"
    subprocess.run([sys.executable, benchmark, "--output", IMAGES / "gradient_cost.png"], check=True)


if __name__ == "__main__":
    main()
