"""`koubai plan` as a user types it: what it says, in both languages, and the mistakes it puts into words."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len

from koubai import i18n
from koubai.cli import run
from koubai.cli.errors import Mistake
from koubai.cli.plan import seconds_of

SHAPE = ["--data", "96x1x4x4", "--classes", "3", "--batch-size", "32", "--epochs", "2"]
SCRIPT = """
import numpy as np
from koubai import nn
from koubai.data import LabelledData, TensorDataset
random = np.random.default_rng(0)
def part(n):
    x = random.standard_normal((n, 4)).astype(np.float32)
    return TensorDataset(x, (x[:, 0] > 0).astype(np.int64))
data = LabelledData("toy", "classification", part(120), part(20), part(40), class_names=("a", "b"))
model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
defaults = {"epochs": 6, "batch_size": 32}
"""


@pytest.fixture(autouse=True)
def _english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LANGUAGE", "en")
    monkeypatch.setenv("KOUBAI_LANG", "en")
    yield
    i18n.set_language(None)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_plan_fits_on_the_screen(language, capsys):
    options = [
        "--measure",
        "0.01",
        "--price",
        "0.35",
        "--claim",
        "2h",
        "--claim-cost",
        "50",
        "--lang",
        language,
    ]
    assert run(["plan", "16-8-3", *SHAPE, *options]) == 0
    said = capsys.readouterr().out
    assert max(map(cell_len, said.splitlines())) <= 80
    expected = {
        "en": (
            "3 Linear",
            "96 training",
            "Memory by batch size",
            "Far too slow",
            "Risk of overfitting",
            "per hour",
        ),
        "ja": ("3 Linear", "訓練 96", "バッチサイズごとのメモリ", "長すぎます", "過学習の危険", "1 時間"),
    }
    for words in expected[language]:
        assert words in said


def test_nothing_is_measured_if_that_is_asked_for(capsys):
    assert run(["plan", "resnet20", "--data", "100x3x32x32", "--classes", "10", "--measure", "0"]) == 0
    said = capsys.readouterr().out
    assert "layer3.2 BasicBlock" in said
    assert "Time on this machine" not in said


def test_json_has_all_of_it(capsys):
    assert run(["plan", "16-8-3", *SHAPE, "--measure", "0.01", "--json", "--claim", "1h"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["parameters"] == 16 * 8 + 8 + 8 * 3 + 3
    assert found["memory"][0]["batch_size"] == 1
    assert found["time"]["total"] > 0
    assert found["claims"][0]["stated"] == 3600


def test_a_script_is_studied_on_its_data(tmp_path, capsys):
    (tmp_path / "toy.py").write_text(SCRIPT)
    assert run(["plan", "toy.py", "--measure", "0.01", "--study", "--epochs", "2"]) == 0
    said = capsys.readouterr().out
    for words in (
        "it will take about",
        "With twice the data",
        "hidden layers: skill",
        "higher on training samples",
    ):
        assert words in said


def test_a_run_says_whether_more_epochs_help(tmp_path, capsys):
    (tmp_path / "toy.py").write_text(SCRIPT)
    assert run(["train", "toy.py", "--run-dir", "first"]) == 0
    for arguments in (["first"], ["--run", "first"]):
        capsys.readouterr()
        assert run(["plan", *arguments, "--measure", "0"]) == 0
        assert "Will more epochs help?" in capsys.readouterr().out


def test_a_table_is_planned(tmp_path, capsys):
    rows = "\n".join(f"{n},{n % 7},{n % 2}" for n in range(60))
    (tmp_path / "t.csv").write_text(f"a,b,c\n{rows}\n")
    assert run(["plan", "t.csv", "--target-column", "c", "--measure", "0"]) == 0
    assert "csv: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        ([], "Say what to plan", 2),
        (["nonsense"], "nothing to plan called nonsense", 2),
        (["16-8-3"], "--data 60000x1x28x28", 2),
        (["16-8-3", "--data", "many"], "given 'many'", 2),
        (["16-8-3", "--data", "96x1x5x5", "--classes", "3"], "in layer 1 (Linear)", 1),
        (["16-8-3", *SHAPE, "--optimizer", "adm"], "--optimizer must be one of", 2),
        (["16-8-3", *SHAPE, "--study"], "--study needs data", 2),
        (["16-8-3", *SHAPE, "--measure", "0", "--claim", "2h"], "measured", 1),
        (["16-8-3", *SHAPE, "--measure", "0.01", "--claim-cost", "2"], "price per hour", 1),
        (["iris", "--classes", "3"], "brings its own data", 2),
        (["--run", "nowhere"], "There is no run nowhere", 1),
    ],
)
def test_mistakes_are_put_into_words(arguments, words, code, capsys):
    assert run(["plan", *arguments]) == code
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("45min", 2700), ("2h", 7200), ("1.5 d", 129600), ("1:30:00", 5400)]
)
def test_times_are_read(text, seconds):
    assert seconds_of(text) == seconds


def test_no_time_is_a_mistake():
    with pytest.raises(Mistake, match="two hours"):
        seconds_of("two hours")
