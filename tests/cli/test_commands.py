"""The command as a user types it: what it prints, the files it leaves, and its exit codes."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from koubai import i18n
from koubai.cli import run
from koubai.cli.app import build_app
from koubai.cli.session import recipe_of
from koubai.train import RunRecord

pytest.importorskip("sklearn")

TRAIN = ["train", "iris", "--epochs", "3", "--lr", "0.01", "--run-dir", "run"]
CONTROL = re.compile(r"\x1b|\r")


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder, English, and the language of before afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANGUAGE", "en")  # the command sets it for libraries; monkeypatch puts it back
    monkeypatch.setenv("KOUBAI_LANG", "en")
    yield tmp_path
    i18n.set_language(None)


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "iris-run"
    assert run([*TRAIN[:-1], str(folder), "--target", "0.5"]) == 0
    return folder


def koubai(*arguments: str, **variables: str) -> subprocess.Popen[str]:
    """The real command in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", **variables}
    command = [sys.executable, "-c", "from koubai.cli import main; main()", *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", env=environment
    )


class TestTrain:
    def test_it_prints_a_line_per_epoch_and_the_result(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run([*TRAIN, "--target", "0.5"]) == 0
        out = capsys.readouterr().out
        assert [f"{epoch}/3" in out for epoch in (1, 2, 3)] == [True] * 3
        for words in ("training", "validation", "★", "Test accuracy:", "Baseline", "✓ Target 50.00 % met"):
            assert words in out
        assert "Report: run/report.html" in out
        assert not CONTROL.search(out)
        assert max(map(len, out.splitlines())) <= 80

    def test_it_leaves_a_whole_record(self) -> None:
        run(TRAIN)
        names = {path.name for path in Path("run").iterdir()}
        assert {"config.json", "metrics.sqlite", "model.safetensors", "report.html", "outcome.json"} <= names
        record = RunRecord.open("run")
        assert record.status == "finished"
        assert record.config["recipe"] == "iris"
        assert record.config["settings"]["lr"] == 0.01
        assert record.config["settings"]["weight_decay"] == 0
        assert len(record.history()["val_loss"]) == 3

    def test_runs_get_folders_of_their_own(self) -> None:
        for _ in range(2):
            assert run(["train", "iris", "--epochs", "1"]) == 0
        assert len(list(Path("runs").glob("iris-*/report.html"))) == 2

    def test_a_script(self) -> None:
        Path("mine.py").write_text(
            "from koubai import data as d, nn\n"
            "data, model, defaults = d.iris(), nn.Linear(4, 3), {'epochs': 2}\n"
        )
        assert run(["train", "mine.py", "--run-dir", "run"]) == 0
        assert RunRecord.open("run").config["settings"]["epochs"] == 2
        assert run(["predict", "run", "5.1,3.5,1.4,0.2"]) == 0

    def test_a_csv_file(self, capsys: pytest.CaptureFixture[str]) -> None:
        rows = [f"{x},{'ab'[x % 2]},{x * 2 + (x % 2)}" for x in range(60)]
        Path("my.csv").write_text("\n".join(["size,kind,price", *rows]))
        assert (
            run(["train", "csv", "my.csv", "--target-column", "price", "--epochs", "2", "--run-dir", "run"])
            == 0
        )
        assert "Test R²" in capsys.readouterr().out
        assert run(["predict", "run", "7,b"]) == 0
        assert run(["predict", "run", "7,c"]) == 1

    def test_japanese(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run([*TRAIN, "--lang", "ja"]) == 0
        out = capsys.readouterr().out
        for words in ("訓練", "検証", "エポック", "損失", "正解率", "学習率", "ベースライン"):
            assert words in out
        assert 'lang="ja"' in Path("run/report.html").read_text(encoding="utf-8")


class TestMistakes:
    @pytest.mark.parametrize(
        ("line", "code", "words"),
        [
            ("train digitz", 2, "There is no recipe digitz.\n  Did you mean digits?"),
            ("train", 2, "Say what to train.\n  There are digits, mnist"),
            ("train iris --epochs 0", 2, "--epochs must be at least 1"),
            ("train iris --epochs many", 2, "--epochs must be a whole number"),
            ("train iris --epoch 3", 2, "There is no option --epoch.\n  Did you mean --epochs"),
            ("train iris --epochs", 2, "The option --epochs needs a value."),
            ("train csv", 2, "FILE is missing."),
            ("train csv x.csv", 2, "--target-column is missing."),
            ("train csv x.csv --target-column y", 1, "x.csv"),
            ("train missing.py", 1, "There is no file missing.py."),
            ("train --resume nowhere", 1, "There is no run nowhere."),
            ("train iris --resume x --epochs 3", 2, "A resumed run keeps its settings"),
            ("nonsense", 2, "No such command 'nonsense'"),
            ("predict", 2, "RUN is missing."),
            ("predict nowhere x.png", 1, "There is no run nowhere."),
            ("report nowhere", 1, "There is no run nowhere."),
            ("runs --lang fr", 2, "--lang must be one of en, ja."),
        ],
    )
    def test_one_message_and_no_traceback(
        self, capsys: pytest.CaptureFixture[str], line: str, code: int, words: str
    ) -> None:
        assert run(line.split()) == code
        captured = capsys.readouterr()
        assert words in captured.err
        assert captured.err.startswith("✗ ")
        assert "Traceback" not in captured.err

    def test_a_loss_that_is_no_number(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run([*TRAIN, "--optimizer", "sgd", "--lr", "1e30"]) == 1
        err = capsys.readouterr().err
        assert err.startswith("✗ the loss is ")
        assert "in epoch 1, step " in err
        assert "Try a learning rate ten times smaller" in err
        assert RunRecord.open("run").status == "failed"

    def test_no_run_is_left_behind(self) -> None:
        Path("bad.csv").write_text("a,b\n1,2\nx,3\n4,5\n")
        assert run(["train", "csv", "bad.csv", "--target-column", "b"]) == 1
        assert not Path("runs").exists()

    def test_a_folder_that_holds_a_run_is_not_overwritten(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(TRAIN) == 0
        assert run(TRAIN) == 1
        assert "already holds a run" in capsys.readouterr().err

    def test_debug_shows_where(self) -> None:
        with pytest.raises(FileNotFoundError):
            run(["train", "missing.py", "--debug"])

    def test_a_fault_of_ours_says_so(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object) -> None:
            raise KeyError("oops")

        monkeypatch.setattr("koubai.cli.train.start", broken)
        assert run(TRAIN) == 1
        assert "fault of Koubai" in capsys.readouterr().err

    def test_they_are_told_in_japanese(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["train", "digitz", "--lang", "ja"]) == 2
        assert "digitz というレシピはありません。" in capsys.readouterr().err


class TestRuns:
    def test_a_table(self, finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["runs", str(finished_run.parent)]) == 0
        out = capsys.readouterr().out
        for words in ("iris-run", "finished", " % ✓"):
            assert words in out

    def test_none_yet(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["runs"]) == 0
        assert "There are no runs in runs." in capsys.readouterr().out


class TestExport:
    def test_files_for_c(self, finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["export", str(finished_run), "--out", "c", "--name", "iris", "--batch", "2"]) == 0
        assert "iris.o" in capsys.readouterr().out
        assert "float32 (2, 3)" in Path("c/README").read_text()

    def test_c_gives_the_same_answers(self, finished_run: Path) -> None:
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            pytest.skip("there is no C compiler")
        assert run(["export", str(finished_run), "--out", "c"]) == 0
        row = np.array([5.1, 3.5, 1.4, 0.2], np.float32)
        row.tofile("c/row.bin")
        subprocess.run([compiler, "example.c", "model.o", "-o", "example"], cwd="c", check=True)
        told = subprocess.run(["./example", "row.bin"], cwd="c", check=True, capture_output=True, text=True)
        record = RunRecord.open(finished_run)
        recipe, settings = recipe_of(record)
        predictor = recipe.predictor.load(finished_run)
        model = recipe.model(settings, predictor)
        record.load_weights(model)
        expected = predictor.outputs_of(model, row[None])[0]
        found = told.stdout.splitlines()[0].split()[1:]
        np.testing.assert_allclose(np.array(found, float), expected, rtol=1e-5)

    def test_a_wrong_target(self, finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["export", str(finished_run), "--out", "c", "--target", "z80"]) == 1
        assert "no target is called 'z80'" in capsys.readouterr().err


class TestPredict:
    def test_a_row(self, finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["predict", str(finished_run), "5.1,3.5,1.4,0.2"]) == 0
        assert re.match(r"1 +(setosa|versicolor|virginica) +\d+\.\d %", capsys.readouterr().out)

    def test_several_rows(self, finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
        np.save("rows.npy", np.ones((3, 4)))
        assert run(["predict", str(finished_run), "rows.npy"]) == 0
        assert len(capsys.readouterr().out.splitlines()) == 3

    def test_a_wrong_input(self, finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["predict", str(finished_run), "1,2,3"]) == 1
        assert "has 3 cells in a row, but there are 4 columns" in capsys.readouterr().err

    def test_a_run_of_another_kind(self, capsys: pytest.CaptureFixture[str]) -> None:
        RunRecord.create("other", {"lr": 1})
        assert run(["predict", "other", "1,2"]) == 1
        assert "was not made by koubai train" in capsys.readouterr().err


class TestReport:
    def test_it_is_made_again_in_another_language(self, finished_run: Path) -> None:
        page = finished_run / "report.html"
        page.unlink()
        assert run(["report", str(finished_run), "--lang", "ja"]) == 0
        text = page.read_text(encoding="utf-8")
        for words in ("学習曲線", "混同行列", "正解率", "目標", "setosa"):
            assert words in text

    def test_it_fetches_nothing(self, finished_run: Path) -> None:
        text = (finished_run / "report.html").read_text(encoding="utf-8")
        sources = re.findall(r'(?:src|srcset|href)="([^"]{0,30})', text)
        assert sources
        assert all(source.startswith("data:image/png;base64") for source in sources)
        assert not re.search(r"url\(|@import|<script|<link", text)


class TestHelp:
    @pytest.mark.parametrize(
        "arguments", [[], ["train"], ["train", "digits"], ["train", "csv"], ["predict"], ["export"], ["runs"]]
    )
    def test_every_command_has_help(self, arguments: list[str]) -> None:
        result = CliRunner().invoke(build_app(), [*arguments, "--help"])
        assert result.exit_code == 0
        assert "Usage" in result.output

    def test_options_of_a_recipe_with_their_defaults(self) -> None:
        output = CliRunner().invoke(build_app(), ["train", "digits", "--help"], env={"COLUMNS": "200"}).output
        for words in ("--epochs", "--batch-size", "--lr", "--optimizer", "--schedule", "--seed", "--target"):
            assert words in output
        assert "0.01 for sgd" in output

    def test_version(self) -> None:
        assert re.match(r"koubai \d+\.\d+", CliRunner().invoke(build_app(), ["--version"]).output)


class TestProcess:
    def test_a_pipe_gets_plain_text_and_exit_code_0(self) -> None:
        process = koubai(*TRAIN)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert not CONTROL.search(out)
        assert "Test accuracy" in out

    def test_a_usage_error_ends_with_2_and_a_mistake_with_1(self) -> None:
        for arguments, code in ((["train", "iris", "--lr", "x"], 2), (["predict", "no", "x"], 1)):
            process = koubai(*arguments)
            _out, err = process.communicate(timeout=60)
            assert process.returncode == code
            assert "Traceback" not in err

    @pytest.mark.parametrize("recipe", ["digits", "csv"])
    def test_help_speaks_japanese_and_fits_a_screen(self, recipe: str) -> None:
        out, _err = koubai("train", recipe, "--help", KOUBAI_LANG="ja", COLUMNS="80").communicate(timeout=60)
        for words in ("学習率", "早期終了", "オプション", "このヘルプを表示"):
            assert words in out
        assert "…" not in out

    def test_ctrl_c_ends_with_130_and_resume_comes_to_the_same_weights(self, workplace: Path) -> None:
        long = ["train", "iris", "--epochs", "12", "--run-dir"]
        process = koubai(*long, "cut")
        while not (workplace / "cut" / "result.json").exists() or not RunRecord.open("cut").history():
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        assert "koubai train --resume cut" in err
        assert RunRecord.open("cut").status == "interrupted"
        assert run(["train", "--resume", "cut"]) == 0
        assert run([*long, "whole"]) == 0
        first, second = (Path(name, "model.safetensors").read_bytes() for name in ("whole", "cut"))
        assert first == second
        assert json.loads(Path("cut/result.json").read_text())["status"] == "finished"
