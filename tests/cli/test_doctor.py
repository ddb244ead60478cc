"""`koubai doctor` and `koubai replay` as a user types them: what they say, in both languages, and their mistakes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import safetensors.numpy
from rich.cells import cell_len

from koubai import i18n
from koubai.cli import run
from koubai.doctor.chart import write_findings
from koubai.doctor.finding import Finding
from koubai.train import RunRecord

pytest.importorskip("sklearn")

FADING = """
from koubai import data as datasets, nn
data = datasets.iris().with_validation(0.1).scaled()
hidden = [layer for _ in range(6) for layer in (nn.Linear(8, 8), nn.Sigmoid())]
model = nn.Sequential(nn.Linear(4, 8), nn.Sigmoid(), *hidden, nn.Linear(8, 3))
defaults = {"epochs": 20, "optimizer": "sgd", "lr": 0.1}
"""


@pytest.fixture(autouse=True)
def _english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANGUAGE", "en")
    monkeypatch.setenv("KOUBAI_LANG", "en")
    yield
    i18n.set_language(None)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def healthy(place: Path) -> str:
    folder = str(place / "healthy")
    assert run(["train", "iris", "--epochs", "60", "--lr", "0.01", "--run-dir", folder]) == 0
    return folder


@pytest.fixture(scope="module")
def fading(place: Path) -> str:
    script, folder = place / "fading.py", str(place / "fading")
    script.write_text(FADING)
    assert run(["train", str(script), "--run-dir", folder]) == 0
    return folder


@pytest.fixture
def told(fading: str) -> str:
    """The same run, with a finding that has everything."""
    full = Finding(
        "vanishing_gradient",
        0.92,
        "the gradient fades",
        "use ReLU " * 12,
        code="nn.ReLU()",
        withdrawn_if="it comes back",
        layer="0",
        step=7,
        numbers={"ratio": 1.5e-6},
        curve=[1e-7, 1e-5, 1e-3, 1e-1],
        curve_name="gradient",
    )
    write_findings(RunRecord.open(fading), 10_000, {tag: [full] for tag in i18n.LANGUAGES})
    return fading


class TestDoctor:
    def test_a_healthy_run(self, healthy: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["doctor", healthy]) == 0
        out = capsys.readouterr().out
        for words in ("✓ Healthy", "Learning curve", "Gradients from the output", "|Δ|/|w|", "420 steps"):
            assert words in out
        assert "bottleneck" not in out

    def test_a_finding_reads_symptom_cause_remedy(
        self, told: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(["doctor", told]) == 0
        out = capsys.readouterr().out
        places = [
            out.index(words)
            for words in (
                "layer 0 · since step 7 · confidence 92%",
                "symptom",
                "→ cause",
                "→ remedy",
                "nn.ReLU()",
            )
        ]
        assert places == sorted(places)
        for words in (
            "Not healthy: gradients vanish.",
            "ratio 1.5e-06",
            "▁▃▆█",
            "it comes back",
            "◀ bottleneck",
        ):
            assert words in out

    @pytest.mark.parametrize("language", ["en", "ja"])
    @pytest.mark.parametrize("more", [[], ["--checklist"]])
    def test_it_fits_80_columns(
        self, told: str, capsys: pytest.CaptureFixture[str], language: str, more: list[str]
    ) -> None:
        assert run(["doctor", told, *more, "--lang", language]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert max(cell_len(line) for line in lines) <= 80

    def test_it_speaks_japanese(self, told: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["doctor", told, "--lang", "ja"]) == 0
        out = capsys.readouterr().out
        for words in ("症状", "→ 原因", "→ 対策", "勾配消失", "学習曲線", "ボトルネック"):
            assert words in out

    def test_json_is_for_machines(self, told: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["doctor", told, "--json"]) == 0
        content = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)  # NaN is no JSON
        (finding,) = content["findings"]
        assert (finding["cause"], finding["numbers"]) == ("vanishing_gradient", {"ratio": 1.5e-6})
        assert content["verdict"]["kind"]
        assert content["vital_signs"][0]["step"] == 1

    def test_a_run_that_no_doctor_has_seen(self, capsys: pytest.CaptureFixture[str]) -> None:
        RunRecord.create("mine")
        assert run(["doctor", "mine"]) == 0
        out = capsys.readouterr().out
        assert "has not looked at this run" in out
        assert "Too few epochs" in out

    def test_a_run_that_was_cut_short_is_not_called_healthy(self, capsys: pytest.CaptureFixture[str]) -> None:
        record = RunRecord.create("cut")
        write_findings(record, 1, {tag: [] for tag in i18n.LANGUAGES})
        record.journal.add([(step, 1, 8, 1.0, 0.1, 0.0) for step in (1, 2)])
        assert run(["doctor", "cut"]) == 0
        out = capsys.readouterr().out
        assert "Healthy" not in out
        assert "Nothing was wrong after step 1" in out

    def test_the_alarm_while_training_is_short(self, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (place / "again.py").write_text(FADING)
        assert run(["train", str(place / "again.py"), "--run-dir", "again"]) == 0
        captured = capsys.readouterr()
        assert captured.out.count("! ") == 1
        assert "What is wrong: koubai doctor again" in captured.out
        assert not captured.err

    @pytest.mark.parametrize("command", [["doctor"], ["doctor", "x"], ["doctor", "x", "--checklist"]])
    def test_no_such_run(self, capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
        assert run(command) == 1
        err = capsys.readouterr().err
        assert err.startswith("✗ There is no run ")
        assert "Traceback" not in err


class TestChecklist:
    def test_both_lists_in_their_order(self, fading: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["doctor", fading, "--checklist"]) == 0
        out = capsys.readouterr().out
        titles = [
            "Before training", "inputs normalised", "a loss that fits", "a metric that fits", "a baseline to beat",
            "When it is stuck", "activation", "initialisation", "normalisation layers", "structure", "residual",
            "learning rate", "optimizer", "regularisation", "data",
        ]  # fmt: skip
        places = [out.index(f"  {title}") if title[0].islower() else out.index(title) for title in titles]
        assert places == sorted(places)
        assert "☑  inputs normalised" in out
        assert "□  activation" in out

    def test_json(self, healthy: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["doctor", healthy, "--checklist", "--json"]) == 0
        entries = json.loads(capsys.readouterr().out)
        assert [entry["name"] for entry in entries[:4]] == ["normalisation", "loss", "metric", "baseline"]

    def test_a_run_without_a_recipe(self, capsys: pytest.CaptureFixture[str]) -> None:
        RunRecord.create("mine")
        assert run(["doctor", "mine", "--checklist"]) == 1
        assert "was not made by koubai train" in capsys.readouterr().err


class TestReplay:
    def test_it_shows_every_layer_and_the_recorded_loss(
        self, healthy: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(["replay", healthy, "--step", "30"]) == 0
        out = capsys.readouterr().out
        recorded = RunRecord.open(healthy).steps()["loss"][29]
        for words in (
            "step 30, epoch 5",
            f"✓ the recorded loss is {recorded:.6g}",
            "1 Linear",
            "∂L/∂weight",
            "Δbias",
        ):
            assert words in out
        assert max(cell_len(line) for line in out.splitlines()) <= 80

    def test_all_values_of_one_layer(self, healthy: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["replay", healthy, "--step", "2", "--layer", "1"]) == 0
        out = capsys.readouterr().out
        assert "weight (32, 4)" in out
        assert "..." not in out

    def test_all_values_in_a_file(self, healthy: str) -> None:
        assert run(["replay", healthy, "--step", "2", "--save", "step.safetensors"]) == 0
        arrays = safetensors.numpy.load_file("step.safetensors")
        assert arrays["parameter.1.weight.gradient"].shape == (32, 4)
        assert arrays["layer.1.1.output"].shape == (16, 32)

    @pytest.mark.parametrize(
        ("more", "code", "words"),
        [
            (["--step", "421"], 0, ""),  # the one after the last
            (["--step", "999"], 1, "has the steps 1 to 420, not 999"),
            (["--step", "0"], 2, "--step"),
            ([], 2, "--step is missing."),
            (["--step", "2", "--layer", "nine"], 1, "There is no layer nine.\n  There are 0, 1, 2, 3."),
            (["--step", "2", "--save", "x.npz"], 2, "ends in .safetensors"),
        ],
    )
    def test_mistakes(
        self, healthy: str, capsys: pytest.CaptureFixture[str], more: list[str], code: int, words: str
    ) -> None:
        assert run(["replay", healthy, *more]) == code
        err = capsys.readouterr().err
        assert words in err
        assert "Traceback" not in err
