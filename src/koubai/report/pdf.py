"""A page as PDF, printed by a browser that is installed: formulas and fonts are as on the screen."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from koubai.atomic import write_file
from koubai.i18n import _

__all__ = ["page_count", "write_pdf"]

_BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "microsoft-edge",
)
_OPTIONS = (
    "--headless",
    "--no-sandbox",  # it opens nothing but our own page
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-pdf-header-footer",
)
_SECONDS = 120


def write_pdf(page: str, path: Path) -> Path:
    """Print an HTML page into a file.

    Args:
        page: the page, which needs no other file.
        path: the file.

    Returns:
        the path.

    Raises:
        FileNotFoundError: if no browser is installed; it says what to do.
        RuntimeError: if the browser prints nothing.
    """
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        raise FileNotFoundError(
            _(
                "A PDF needs Chromium or Chrome. Without one, write the page (--html) and print it in your browser."
            )
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "page.html").write_text(page, encoding="utf-8")
        options = [
            *_OPTIONS,
            f"--user-data-dir={folder / 'profile'}",
            f"--print-to-pdf={folder / 'page.pdf'}",
        ]
        command = [browser, *options, (folder / "page.html").as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        if not (folder / "page.pdf").exists():
            message = _("{browser} printed nothing: {reason}")
            raise RuntimeError(message.format(browser=browser, reason=done.stderr.strip()[-500:]))
        write_file(path, (folder / "page.pdf").read_bytes())
    return path


def page_count(path: Path) -> int:
    """How many sheets of paper a PDF has that `write_pdf` printed."""
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", path.read_bytes()))
