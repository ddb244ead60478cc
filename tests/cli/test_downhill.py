"""`koubai downhill` and `koubai gallery` as a user types them."""

import numpy as np
import pytest
from rich.cells import cell_len

from koubai import i18n
from koubai.cli import run
from koubai.explain.downhill import descend, surface
from koubai.explain.gallery import Setting, measure


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANGUAGE", "en")
    monkeypatch.setenv("KOUBAI_LANG", "en")
    monkeypatch.setenv("COLUMNS", "80")
    yield tmp_path
    i18n.set_language(None)


def csv(folder):
    x = np.linspace(0, 5, 30)
    rows = [f"{a:.3f},{2 * a + np.sin(9 * a):.3f},word" for a in x]
    (folder / "line.csv").write_text("\n".join(["size,price,kind", *rows, "3.0,,word"]), encoding="utf-8")


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("more", [[], ["--lr", "0.05"]])
def test_tables_fit_a_screen_of_80_columns(language, more, workplace, capsys):
    csv(workplace)
    file = ["line.csv", "--input", "size", "--target", "price", "--steps", "31"]
    assert (
        run(["downhill", *file, *more, "--optimizer", "sgd", "--optimizer", "adam", "--lang", language]) == 0
    )
    out = capsys.readouterr().out
    assert "SGD" in out
    assert "30" in out  # updates in an epoch of single samples
    assert max(map(cell_len, out.splitlines())) <= 80


def test_the_table_shows_the_engines_losses(capsys):
    assert run(["downhill", "bowl", "--lr", "0.02", "--steps", "30", "--optimizer", "momentum"]) == 0
    out = capsys.readouterr().out
    losses = descend(surface("bowl"), "momentum", 0.02, steps=30).losses
    assert f"{losses[10]:.3g}" in out
    assert f"{losses[30]:.3g}" in out


def test_files_are_written(workplace, capsys):
    pytest.importorskip("contourpy")
    options = ["--lr", "0.1", "--steps", "5", "--html", "a.html", "--png", "a.png"]
    assert run(["downhill", "saddle", *options]) == 0
    assert (workplace / "a.html").stat().st_size > 10_000
    assert (workplace / "a.png").stat().st_size > 10_000


@pytest.mark.parametrize("kind", ["path", "random"])
def test_a_runs_loss_around_its_weights(kind, workplace, capsys):
    pytest.importorskip("sklearn")
    assert run(["train", "iris", "--epochs", "3", "--run-dir", "r"]) == 0
    capsys.readouterr()
    assert run(["downhill", "r", "--plane", kind, "--lr", "0.1", "--steps", "3", "--optimizer", "sgd"]) == 0
    out = capsys.readouterr().out
    assert ("the training" in out) == (kind == "path")
    assert "SGD" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["downhill", "hill"], "no surface or run hill"),
        (["downhill", "bowl", "--optimizer", "magic"], "no optimizer magic"),
        (["downhill", "bowl", "--plane", "flat"], "--plane"),
        (["downhill", "line.csv"], "--input COLUMN"),
        (["downhill", "line.csv", "--input", "kind", "--target", "price"], "kind"),
        (["downhill", "line.csv", "--input", "nothing", "--target", "price"], "nothing"),
        (["downhill", "none.csv", "--input", "a", "--target", "b"], "none.csv"),
        (["gallery", "reluu"], "no activation reluu"),
        (["gallery", "--norm", "group"], "--norm"),
    ],
)
def test_mistakes_are_told_without_a_traceback(arguments, words, workplace, capsys):
    csv(workplace)
    assert run(arguments) in (1, 2)
    told = capsys.readouterr().err
    assert words in told
    assert "Traceback" not in told
    assert "fault of Koubai" not in told


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("activation", [[], ["relu", "--norm", "batch", "--residual"]])
def test_the_gallery_fits_a_screen_of_80_columns(language, activation, capsys):
    sizes = ["--depth", "4", "--width", "4", "--seeds", "1"]
    assert run(["gallery", *activation, *sizes, "--lang", language]) == 0
    out = capsys.readouterr().out
    assert "Xavier" in out
    assert max(map(cell_len, out.splitlines())) <= 80


def test_the_gallery_shows_what_is_measured(capsys):
    assert run(["gallery", "tanh", "--depth", "5", "--width", "6", "--seeds", "1"]) == 0
    flow = measure(Setting("tanh", "he"), depth=5, width=6, seeds=1)
    assert f"{flow.ratio:.2g}" in capsys.readouterr().out


def test_the_gallery_is_written(workplace):
    pytest.importorskip("matplotlib")
    sizes = ["--depth", "3", "--width", "3", "--seeds", "1"]
    assert run(["gallery", "relu", *sizes, "--html", "g.html", "--png", "g.png"]) == 0
    assert (workplace / "g.html").exists()
    assert (workplace / "g.png").exists()
