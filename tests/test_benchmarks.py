"""The benchmarks run, and show what they promise; how long anything takes is not tested."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace

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


@pytest.fixture
def script(monkeypatch, tmp_path):
    """Run a script of the native step's benchmarks, and return what it printed."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.setenv("KOUBAI_CACHE", str(tmp_path / "compiled"))
    monkeypatch.setenv("COLUMNS", "100")
    before = set(sys.modules)

    def run(name, *arguments):
        app = typer.Typer()
        app.command()(importlib.import_module(name).main)
        result = CliRunner().invoke(app, list(arguments))
        assert result.exit_code == 0, result.output
        return result.output

    yield run
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("native", "speed", "scaling", "mnist_epoch"):
            del sys.modules[name]


@pytest.fixture
def native(script):
    """Import a module of the benchmarks' package."""
    return lambda name: importlib.import_module(f"native.{name}")


def test_speed_times_a_workload_and_writes_all_numbers(script, tmp_path):
    file = tmp_path / "speed.json"
    options = (
        "--workloads",
        "A32",
        "--peers",
        "none",
        "--rounds",
        "1",
        "--turn",
        "0.01",
        "--json",
        str(file),
    )
    output = script("speed", *options, "--details")
    assert "A32" in output
    assert "FMA peak" in output
    (result,) = json.loads(file.read_text())["results"]
    assert result["flops"] == 2 * 32 * (2 * 784 * 128 + 3 * 128 * 10)
    assert result["contestants"][0]["seconds"] > 0


def test_speed_knows_its_workloads_and_peers(script):
    speed = importlib.import_module("speed")
    with pytest.raises(typer.BadParameter, match="there is no 'Z'; there are A32, A128"):
        speed.chosen("A32,Z", speed.WORKLOADS, "--workloads")


def test_scaling_prints_tables_and_draws_a_picture(script, tmp_path):
    picture = tmp_path / "scaling.png"
    output = script("scaling", "--quick", "--output", str(picture))
    for words in ("width", "depth", "batch size", "sequence length", "threads", "neighbours"):
        assert words in output
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_round_in_which_the_machine_was_slow_does_not_count(native):
    rounds = native("rounds")
    race = rounds.Race(wanted=1, best_peak=100.0)
    race.rounds += [rounds.Round({"a": 9.0}, {"a": 50.0}), rounds.Round({"a": 1.0}, {"a": 95.0})]
    assert race.finished
    assert (race.discarded, race.seconds("a")) == (1, 1.0)
    assert race.share("a", 76.0) == 0.8  # of the peak of that moment, not of the best one


def test_a_contestant_that_computes_something_else_is_refused(native):
    pytest.importorskip("torch")
    workload = native("workloads").mlp_workload("tiny", batch=4, inputs=5, width=6)
    references = native("correctness").References.of(workload)
    start, entries, koubai_step = references.starts[0], native("entries"), native("koubai_step")

    def enter(spoil):
        def build(start):
            contestant = koubai_step.KoubaiStep(workload, start, 1)
            spoil(contestant)
            return contestant

        return entries.enter(entries.Entry("koubai", 1), build, start, references)

    assert enter(lambda contestant: None).reason is None
    wrong_labels = enter(lambda contestant: setattr(contestant, "y", (contestant.y + 1) % 10))
    assert wrong_labels.reason.startswith("wrong, not timed")
    assert wrong_labels.contestant is None
    slightly = enter(lambda contestant: contestant.optimizer.param_groups[0].update(lr=0.01001))
    assert slightly.reason.startswith("wrong, not timed")


def test_mnist_epoch_trains_with_koubai_and_with_torch(script, monkeypatch):
    torch = pytest.importorskip("torch")
    koubai = importlib.import_module("koubai")
    images, labels = koubai.rand(256, 1, 28, 28), koubai.randint(0, 10, (256,))
    data = importlib.import_module("koubai.data")
    digits = SimpleNamespace(train=data.TensorDataset(images, labels))
    script_module = importlib.import_module("mnist_epoch")
    monkeypatch.setattr(script_module, "mnist", lambda: digits)
    threads = torch.get_num_threads()
    output = script("mnist_epoch", "--network", "mlp", "--rounds", "1", "--threads", "1")
    torch.set_num_threads(threads)
    assert "256 images" in output
    assert "torch·1" in output
