"""The site: both languages are made without a warning, and every link in them leads somewhere."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    for library in ("sphinx", "myst_parser", "furo", "sphinx_copybutton"):
        if subprocess.run([sys.executable, "-c", f"import {library}"], capture_output=True).returncode:
            pytest.skip(f"{library} is not installed")
    folder = tmp_path_factory.mktemp("site")
    tool = ROOT / "tools" / "site.py"
    done = subprocess.run(
        [sys.executable, str(tool), str(folder)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_every_page_is_there_in_both_languages(site):
    for page in (ROOT / "docs").rglob("*.md"):
        language = "ja" if page.name.endswith(".ja.md") else "en"
        assert (site / language / page.relative_to(ROOT / "docs")).with_suffix(".html").exists(), page.name


@pytest.mark.slow
def test_every_link_leads_somewhere(site):
    count = 0
    for page in site.rglob("*.html"):
        for link in re.findall(r'(?:href|src)="([^"#?]+)', page.read_text(encoding="utf-8")):
            if not re.match(r"[a-z]+:", link):
                assert (page.parent / unquote(link)).exists(), f"{page.relative_to(site)}: {link}"
                count += 1
    assert count > 1000


@pytest.mark.slow
def test_pages_switch_to_the_other_language(site):
    assert 'href="../../ja/learn/2-forward.ja.html"' in (site / "en/learn/2-forward.html").read_text(
        encoding="utf-8"
    )
    assert '<html class="no-js" lang="ja"' in (site / "ja/learn/2-forward.ja.html").read_text(
        encoding="utf-8"
    )
