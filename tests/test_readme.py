"""Every Python block of the READMEs and of the documents in docs/ runs as it stands, in whichever language it is."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
READMES = ["README.md", "README.ja.md"]
PAGES = [*READMES, *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))]


def blocks(name: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)


def programs() -> list[tuple[str, int]]:
    """Return the page and number of each block; of those that differ in their comments only the first one."""
    found: dict[str, tuple[str, int]] = {}
    for name in PAGES:
        for number, block in enumerate(blocks(name)):
            found.setdefault(ast.dump(ast.parse(block)), (name, number))
    return list(found.values())


CASES = programs()


@pytest.mark.parametrize(("name", "number"), CASES, ids=[f"{name}-{number}" for name, number in CASES])
def test_code_block_runs(name, number, tmp_path):
    pytest.importorskip("sklearn")
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", blocks(name)[number]],
        cwd=tmp_path,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", [name for name in PAGES if not name.endswith(".ja.md")])
def test_both_languages_have_the_same_code(name):
    names = (name, name.replace(".md", ".ja.md"))
    english, japanese = (re.sub(r" *#.*", "", "\n".join(blocks(name))) for name in names)
    assert english == japanese


@pytest.mark.parametrize("name", PAGES)
def test_what_is_linked_exists(name):
    for link in re.findall(r"\[.*?\]\((?!https?:)(.*?)\)", (ROOT / name).read_text(encoding="utf-8")):
        assert (ROOT / name).parent.joinpath(link).exists(), link


@pytest.mark.parametrize("script", ["pytorch_loop.py", "numpy_dictionary.py"])
def test_example_runs(script, tmp_path):
    result = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout


def test_the_pytorch_example_is_pytorch_but_for_its_imports():
    """The loop runs on PyTorch itself when its two import lines are PyTorch's."""
    pytest.importorskip("torch")
    source = (ROOT / "examples" / "pytorch_loop.py").read_text(encoding="utf-8")
    source = source.replace("import koubai as torch\nfrom koubai import", "import torch\nfrom torch import")
    assert "koubai" not in source
    result = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
