"""`koubai influence` on small runs: of a table, of pictures, of tokens, and where it must refuse."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

import koubai
from koubai import i18n, nn
from koubai.cli import run
from koubai.cli.exhibits import show_exhibit
from koubai.explain import influence
from koubai.recipes.exhibit import Bars, Pictures, Texts, Tokens
from koubai.recipes.explainable import Explainable
from koubai.recipes.influences import ranked_exhibit, sample_exhibits, strongest_exhibit

pytest.importorskip("sklearn")

ROW = "5.1,3.5,1.4,0.2"
COMPLETE = "which misses the difference by"


@pytest.fixture(autouse=True)
def english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANGUAGE", "en")
    monkeypatch.setenv("KOUBAI_LANG", "en")
    yield
    i18n.set_language(None)


def trained(folder: Path, *what: str) -> str:
    assert run(["train", *what, "--run-dir", str(folder)]) == 0
    return str(folder)


@pytest.fixture(scope="module")
def iris(tmp_path_factory: pytest.TempPathFactory) -> str:
    return trained(tmp_path_factory.mktemp("runs") / "iris", "iris", "--epochs", "3")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> str:
    return trained(tmp_path_factory.mktemp("runs") / "digits", "digits", "--epochs", "1", "--smoke")


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run(["influence", *words]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    return out


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run(["influence", *words]) in (1, 2)
    output = capsys.readouterr()
    assert not output.out
    assert "Traceback" not in output.err
    return output.err


def test_a_row_of_a_table(iris: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, iris, ROW)
    assert "Influence on the class" in out
    assert "petal length (cm) = 1.4" in out
    assert COMPLETE in out.replace("\n", " ")
    for method in ("gradient", "smooth"):
        assert "petal length" in told(capsys, iris, ROW, "--method", method, "--of", "virginica")


def test_a_sample_of_the_test_part_on_its_loss(iris: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Influence on the loss" in told(capsys, iris, "--sample", "3", "--of", "loss")


def test_the_whole_test_part(iris: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, iris, "--html", "influence.html", "--of", "2", "--over", "12")
    assert "over 12 samples" in out
    for words in ("pull hardest", "Gradients from the output back", "The gradient comes through", "|Δ|/|w|"):
        assert words in out
    page = Path("influence.html").read_text(encoding="utf-8")
    for words in ("over 12 samples", "pull hardest", "Gradients inside the network", "integrated gradients"):
        assert words in page
    assert told(capsys, iris, "--over", "12") == told(capsys, iris, "--over", "12")


def test_pictures(digits: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, digits, "--sample", "2", "--save", "heat.png")
    assert "red: for it  blue: against it" in out
    assert any(mark in out for mark in "░▒▓█")
    assert Path("heat.png").read_bytes().startswith(b"\x89PNG")
    np.save("digit.npy", np.zeros((1, 8, 8)))
    assert "Influence on the class" in told(capsys, digits, "digit.npy")
    assert "mean picture" in told(capsys, digits, "--over", "5")


def test_black_pixels_of_a_picture_have_no_influence(digits: str, capsys: pytest.CaptureFixture[str]) -> None:
    np.save("black.npy", np.zeros((1, 8, 8)))
    out = told(capsys, digits, "black.npy", "--method", "gradient")
    assert not any(mark in out for mark in "░▒▓█")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ([ROW, "--of", "loss"], "The loss of INPUT is not known"),
        ([ROW, "--of", "dog"], "There is no class dog; there are loss, setosa"),
        (["--of", "9"], "There is no output 9"),
        ([ROW, "--method", "magic"], "There is no method magic"),
        ([ROW, "--sample", "1"], "not both"),
        (["--sample", "1000"], "The test part has 30 samples"),
        (["5.1,3.5"], "2 cells"),
        (["nothing.csv"], "There is no file nothing.csv"),
        ([ROW, "--html", "page.txt"], "must end in .html"),
    ],
)
def test_mistakes_are_told(
    iris: str, words: Sequence[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert problem in refused(capsys, iris, *words)


def test_a_run_without_weights_is_refused(
    iris: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("config.json", "predictor.json"):
        Path("bare").mkdir(exist_ok=True)
        Path("bare", name).write_bytes(Path(iris, name).read_bytes())
    assert refused(capsys, "bare", ROW)


class Reader:
    """What a recipe of texts would tell."""

    output_names = ("bad", "good")
    continues = False
    baseline = 0.0
    words = ("<pad>", "not", "good", "film")

    def model_inputs(self, source: str) -> np.ndarray:
        return np.array([[self.words.index(word) for word in source.split()]])

    def as_given(self, inputs: np.ndarray) -> np.ndarray:
        return inputs

    def part_names(self, inputs: np.ndarray) -> list[list[str]]:
        return [[self.words[k] for k in row] for row in inputs]


class Mean(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.out = nn.Embedding(4, 3), nn.Linear(3, 2)

    def forward(self, tokens: koubai.Tensor) -> koubai.Tensor:
        return self.out(self.embedding(tokens).mean(1))


def test_tokens_are_coloured(capsys: pytest.CaptureFixture[str]) -> None:
    koubai.manual_seed(0)
    reader, model = Reader(), Mean()
    assert isinstance(reader, Explainable)
    tokens = reader.model_inputs("not good film film")
    found = influence(model, tokens, of=1)
    (exhibit,) = sample_exhibits(found, tokens, reader)
    assert isinstance(exhibit, Tokens)
    assert exhibit.title == "Influence on the class good"
    assert exhibit.words == ("not", "good", "film", "film")
    np.testing.assert_array_equal(exhibit.weights, found.values[0])
    show_exhibit(exhibit)
    out = capsys.readouterr().out
    assert "not good film film" in out
    assert "red: for it" in out
    ranked = ranked_exhibit(found, tokens, reader)
    assert isinstance(ranked, Bars)
    assert set(ranked.names) == {"not", "good", "film"}
    np.testing.assert_allclose(
        ranked.values[ranked.names.index("film")], np.abs(found.values[0, 2:]).mean(), rtol=1e-6
    )
    strongest = strongest_exhibit(np.ones(1), np.ones(1, int), tokens, np.array([1]), reader)
    assert isinstance(strongest, Texts)
    assert strongest.passages[0][1] == "not good film film"


def test_large_pictures_become_coarse_maps(capsys: pytest.CaptureFixture[str]) -> None:
    heat = np.zeros((1, 100, 60))
    heat[0, 7, 3], heat[0, 90, 50] = 1.0, -1.0
    show_exhibit(Pictures(images=np.zeros((1, 100, 60)), captions=((("class", "3"),),), heat=heat))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 80
    assert any("██" in line for line in lines)
    assert any("##" in line for line in lines)
