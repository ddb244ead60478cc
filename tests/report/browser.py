"""Opens a page in a headless browser, lets a probe play with it, and returns what the probe found."""

import html
import json
import re
import shutil
import subprocess

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_WATCH = "<script>window.errors = []; onerror = (text) => window.errors.push(text);</script>"


def probed(page, script, folder):
    """Run `script` at the end of a page; what it leaves in `found` comes back, with errors and what was fetched."""
    end = "found.errors = window.errors; found.fetched = performance.getEntriesByType('resource').length;"
    probe = f"<script>const found = {{}}; {script}; {end} document.body.dataset.probe = JSON.stringify(found);</script>"
    page = page.replace("<head>", f"<head>{_WATCH}").replace("</body>", f"{probe}</body>")
    (folder / "probe.html").write_text(page, encoding="utf-8")
    quiet = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-background-networking",
        "--no-first-run",
    ]
    command = [
        BROWSER,
        *quiet,
        f"--user-data-dir={folder / 'profile'}",
        "--dump-dom",
        (folder / "probe.html").as_uri(),
    ]
    dom = subprocess.run(command, check=True, capture_output=True, text=True, timeout=180).stdout
    found = re.search(r'data-probe="([^"]+)"', dom)
    assert found is not None
    return json.loads(html.unescape(found[1]))
