"""`koubai doctor --treat` and `--experiment` as a user types them: what they say and leave behind, and the mistakes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len

from koubai import i18n
from koubai.cli import run
from koubai.doctor.chart import write_findings
from koubai.doctor.proof_file import read_proof
from koubai.doctor.treatment import Training
from koubai.train import RunRecord

pytest.importorskip("sklearn")


@pytest.fixture(autouse=True)
def _english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANGUAGE", "en")
    monkeypatch.setenv("KOUBAI_LANG", "en")
    monkeypatch.setenv("COLUMNS", "80")
    yield
    i18n.set_language(None)


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run whose learning rate is far too low."""
    folder = str(tmp_path_factory.mktemp("runs") / "slow")
    options = ["--optimizer", "sgd", "--lr", "0.001", "--epochs", "20"]
    assert run(["train", "iris", *options, "--run-dir", folder]) == 0
    return folder


def prescribe(folder: str, causes: list[str]) -> None:
    """Let the doctor have found this."""
    from koubai.doctor import Finding

    found = [Finding(cause, 0.9, "", "") for cause in causes]
    write_findings(RunRecord.open(Path(folder)), 10_000, dict.fromkeys(i18n.LANGUAGES, found))


class TestTreat:
    def test_the_cure_is_shown_and_kept(self, slow: str, capsys: pytest.CaptureFixture[str]) -> None:
        prescribe(slow, ["lr_too_low"])
        assert run(["doctor", slow, "--treat", "--trials", "1", "--seeds", "1"]) == 0
        out = capsys.readouterr().out
        for words in ("–  untreated", "1  ten times the learning rate", "✓  the best again, seed 1"):
            assert words in out
        for words in (
            "✓ Proven: skill",
            "confirmed on fresh seeds (1).",
            "lr *= 10",
            "lr: 0.001 → 0.01",
            "proof.json",
        ):
            assert words in out
        proof = json.loads((Path(slow) / "proof.json").read_text())
        assert proof["proven"]
        assert proof["winner"] == ["lr_times_10"]
        assert proof["trials"][0]["skill"] > proof["untreated"]["skill"]
        assert len(proof["trials"][0]["losses"]) == len(proof["untreated"]["losses"]) == 20
        assert [pair["seed"] for pair in proof["confirmed"]] == [1]
        page = (Path(slow) / "report.html").read_text(encoding="utf-8")
        for words in ("<h2>Treatment</h2>", "✓ Proven: skill", "ten times the learning rate", "lr *= 10"):
            assert words in page

    @pytest.mark.parametrize("language", ["en", "ja"])
    def test_it_fits_80_columns(self, slow: str, capsys: pytest.CaptureFixture[str], language: str) -> None:
        prescribe(slow, ["lr_too_low"])
        assert run(["doctor", slow, "--treat", "--trials", "2", "--seeds", "0", "--lang", language]) == 2
        capsys.readouterr()
        assert run(["doctor", slow, "--treat", "--trials", "1", "--seeds", "1", "--lang", language]) == 0
        out = capsys.readouterr().out
        lines = [line for line in out.splitlines() if slow not in line]
        assert max(cell_len(line) for line in lines) <= 80
        assert ("処方" if language == "ja" else "Prescription") in out

    def test_a_healthy_run_is_left_alone(self, slow: str, capsys: pytest.CaptureFixture[str]) -> None:
        prescribe(slow, [])
        assert run(["doctor", slow, "--treat"]) == 0
        assert capsys.readouterr().out == "✓ Healthy: the doctor found nothing to treat.\n"

    def test_json_is_for_machines(self, slow: str, capsys: pytest.CaptureFixture[str]) -> None:
        prescribe(slow, ["lr_too_low"])
        assert run(["doctor", slow, "--treat", "--trials", "1", "--seeds", "1", "--json"]) == 0
        proof = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
        assert (proof["causes"], proof["complete"]) == (["lr_too_low"], True)

    def test_stopping_keeps_what_was_shown(
        self, slow: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        prescribe(slow, ["lr_too_low"])
        trained = Training.run
        count = 0

        def stopped(self, *args, **options):
            nonlocal count
            count += 1
            if count == 3:  # untreated, a trial, and then Ctrl-C
                raise KeyboardInterrupt
            return trained(self, *args, **options)

        monkeypatch.setattr(Training, "run", stopped)
        assert run(["doctor", slow, "--treat"]) == 130
        err = capsys.readouterr().err
        assert err.startswith("■ Stopped. All that was shown so far is kept.")
        assert "not confirmed on fresh seeds yet" in err
        proof = read_proof(Path(slow))
        assert proof is not None
        assert (len(proof.trials), proof.proven, proof.coming is None) == (1, False, False)

    def test_stopping_before_anything_was_tried(
        self, slow: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        prescribe(slow, ["lr_too_low"])

        def stopped(self, *args, **options):
            raise KeyboardInterrupt

        monkeypatch.setattr(Training, "run", stopped)
        assert run(["doctor", slow, "--treat"]) == 130
        assert "Stopped before a trial was made." in capsys.readouterr().err


class TestExperiment:
    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("rates", ["÷ 10  0.0001", "× 10  0.01", "the present one seems too small"]),
            ("overfit", ["32 samples to learn by heart", "heart: the loss"]),
            ("seeds", ["seed 0", "seed 2", "learning rate × 0.5", "over 3 seeds", "learning rate"]),
        ],
    )
    def test_it_shows_curves_and_words(
        self, slow: str, capsys: pytest.CaptureFixture[str], name: str, words: list[str]
    ) -> None:
        assert run(["doctor", slow, "--experiment", name, "--seeds", "3"]) == 0
        out = capsys.readouterr().out
        for word in [*words, "evidence, no finding", "▁"]:
            assert word in out
        assert (Path(slow) / f"experiment-{name}.png").read_bytes().startswith(b"\x89PNG")

    @pytest.mark.parametrize("name", ["rates", "overfit", "seeds"])
    def test_it_fits_80_columns_in_japanese(
        self, slow: str, capsys: pytest.CaptureFixture[str], name: str
    ) -> None:
        assert run(["doctor", slow, "--experiment", name, "--seeds", "2", "--lang", "ja"]) == 0
        out = capsys.readouterr().out
        assert "診断ではありません" in out
        lines = [line for line in out.splitlines() if slow not in line]
        assert max(cell_len(line) for line in lines) <= 80

    def test_json_is_for_machines(self, slow: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["doctor", slow, "--experiment", "rates", "--json"]) == 0
        content = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
        assert len(content["curves"]) == len(content["results"]) == 3


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (
            ["--experiment", "magic"],
            2,
            "There is no experiment magic.\n  Choose one of rates, overfit, seeds, data",
        ),
        (["--experiment", "seeds", "--seeds", "1"], 1, "at least 2 seeds"),
        (["--treat", "--checklist"], 2, "Choose one of --checklist, --treat and --experiment."),
        (["--treat", "--trials", "0"], 2, "--trials"),
        (["--treat", "--trials", "many"], 2, "--trials"),
    ],
)
def test_mistakes(
    slow: str, capsys: pytest.CaptureFixture[str], more: list[str], code: int, words: str
) -> None:
    prescribe(slow, ["lr_too_low"])
    assert run(["doctor", slow, *more]) == code
    err = capsys.readouterr().err
    assert words in err
    assert "Traceback" not in err


@pytest.mark.parametrize("more", [["--treat"], ["--experiment", "rates"]])
def test_a_run_without_a_recipe(capsys: pytest.CaptureFixture[str], more: list[str]) -> None:
    RunRecord.create("mine")
    assert run(["doctor", "mine", *more]) == 1
    assert "was not made by koubai train" in capsys.readouterr().err
