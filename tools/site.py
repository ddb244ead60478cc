"""Makes the site from docs/: one folder for each language, and a first page that leads to the reader's own.

python tools/site.py [FOLDER]        # build/site without a folder; needs the extra [docs]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
FIRST = """<!doctype html>
<meta charset="utf-8">
<title>Koubai 勾配</title>
<script>location.replace(navigator.language.startsWith("ja") ? "ja/index.ja.html" : "en/index.html");</script>
<p><a href="en/index.html">English</a> · <a href="ja/index.ja.html">日本語</a></p>
"""


def build(folder: Path) -> None:
    """Make both languages; any warning is an error.

    Raises:
        subprocess.CalledProcessError: if Sphinx finds something wrong; it has said what.
    """
    for language in ("en", "ja"):
        made = folder / language
        options = [
            "-W",
            "--keep-going",
            "-q",
            "-b",
            "html",
            "-t",
            language,
            "-d",
            str(folder / ".doctrees" / language),
        ]
        subprocess.run([sys.executable, "-m", "sphinx", *options, str(ROOT / "docs"), str(made)], check=True)
    (folder / "index.html").write_text(FIRST, encoding="utf-8")


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "site")
