"""The benchmarks run, and show what they promise; how long anything takes is not tested."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

pytest.importorskip("matplotlib")
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def gradient_cost(monkeypatch):
    """The script, which lies outside the package, as a module."""
    spec = importlib.util.spec_from_file_location("gradient_cost", BENCHMARKS / "gradient_cost.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "gradient_cost", module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("limit", ["1", "0"])
def test_gradient_cost_prints_a_table_and_draws_a_picture(gradient_cost, tmp_path, monkeypatch, limit):
    monkeypatch.setenv("COLUMNS", "100")
    app = typer.Typer()
    app.command()(gradient_cost.main)
    picture = tmp_path / "cost.png"
    result = CliRunner().invoke(app, ["--quick", "--limit", limit, "--output", str(picture)])
    assert result.exit_code == 0, result.output
    for words in (
        "parameters",
        "forward + backward",
        "numerical",
        "With 138 parameters, backpropagation costs",
    ):
        assert words in result.output
    assert ("≈" in result.output) == (limit == "0")
    assert picture.read_bytes().startswith(b"\x89PNG")
