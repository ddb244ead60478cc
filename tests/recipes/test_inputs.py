"""What users hand in is read, brought to the model's shape and range, or refused with a clear message."""

from pathlib import Path

import numpy as np
import pytest

from koubai.data import Schema
from koubai.data.schema import Column
from koubai.recipes.labelled import LabelledPredictor
from koubai.recipes.labelled.inputs import read_inputs


def predictor(shape: tuple[int, ...] = (1, 8, 8), columns: Schema | None = None) -> LabelledPredictor:
    return LabelledPredictor(
        task="classification",
        shape=shape,
        outputs=2,
        class_names=("no", "yes"),
        columns=columns,
        scaler=None,
        target_scaler=None,
        low=0.0,
        high=16.0,
        dark=True,
    )


COLUMNS = Schema(
    (Column("width"), Column("colour", ("blue", "red"))),
    Column("kind", ("no", "yes")),
    "classification",
    True,
)
TABLE = predictor((3,), COLUMNS)


class TestPictures:
    @pytest.fixture
    def white_on_black(self, tmp_path: Path) -> Path:
        image = pytest.importorskip("PIL.Image")
        pixels = np.zeros((32, 32), np.uint8)
        pixels[8:24, 12:20] = 255
        image.fromarray(pixels).save(tmp_path / "digit.png")
        return tmp_path / "digit.png"

    def test_size_and_range_are_those_of_the_training(self, white_on_black: Path) -> None:
        inputs = read_inputs(str(white_on_black), predictor())
        assert inputs.shape == (1, 1, 8, 8)
        assert inputs.min() == 0
        assert 10 < inputs.max() <= 16

    def test_black_on_white_is_turned_round(self, white_on_black: Path) -> None:
        image = pytest.importorskip("PIL.Image")
        pixels = 255 - np.asarray(image.open(white_on_black))
        image.fromarray(pixels).save(white_on_black.parent / "paper.png")
        paper = read_inputs(str(white_on_black.parent / "paper.png"), predictor())
        assert np.allclose(paper, read_inputs(str(white_on_black), predictor()), atol=0.1)

    def test_colour(self, white_on_black: Path) -> None:
        assert read_inputs(str(white_on_black), predictor((3, 8, 8))).shape == (1, 3, 8, 8)

    def test_a_file_that_is_no_picture(self, tmp_path: Path) -> None:
        pytest.importorskip("PIL")
        (tmp_path / "broken.png").write_bytes(b"no picture")
        with pytest.raises(ValueError, match=r"broken\.png is not a picture"):
            read_inputs(str(tmp_path / "broken.png"), predictor())

    def test_a_picture_for_a_table(self, white_on_black: Path) -> None:
        with pytest.raises(ValueError, match="rows of a table, not for pictures"):
            read_inputs(str(white_on_black), TABLE)


class TestTables:
    @pytest.mark.parametrize(
        "text",
        [
            "width,colour\n1.5,red\n2,blue\n",
            "colour,other,width\nred,9,1.5\nblue,9,2\n",
            "1.5,red\n2,blue\n",
        ],
    )
    def test_columns_are_found_by_name_or_by_place(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "rows.csv").write_text(text)
        assert read_inputs(str(tmp_path / "rows.csv"), TABLE).tolist() == [[1.5, 0, 1], [2, 1, 0]]

    def test_a_row_on_the_command_line(self) -> None:
        assert read_inputs("1.5, red", TABLE).tolist() == [[1.5, 0, 1]]

    @pytest.mark.parametrize(
        ("row", "words"),
        [
            ("1.5", "has 1 cells in a row, but there are 2 columns: width, colour"),
            ("wide,red", "'width': 'wide' is not a number"),
            ("1.5,green", "'green' is not one of the known"),
            (",red", "'width': '' is a missing value"),
        ],
    )
    def test_a_wrong_row(self, row: str, words: str) -> None:
        with pytest.raises(ValueError) as caught:
            read_inputs(row, TABLE)
        assert words in str(caught.value)

    def test_a_missing_column(self, tmp_path: Path) -> None:
        (tmp_path / "rows.csv").write_text("width,size\n2,1\n")
        with pytest.raises(ValueError, match="columns are missing: colour"):
            read_inputs(str(tmp_path / "rows.csv"), TABLE)

    def test_a_row_for_pictures(self) -> None:
        with pytest.raises(ValueError, match=r"inputs of shape \(1, 8, 8\)"):
            read_inputs("1,2,3", predictor())


class TestArrays:
    @pytest.mark.parametrize("shape", [(1, 8, 8), (5, 1, 8, 8)])
    def test_one_sample_or_several(self, tmp_path: Path, shape: tuple[int, ...]) -> None:
        np.save(tmp_path / "x.npy", np.ones(shape))
        inputs = read_inputs(str(tmp_path / "x.npy"), predictor())
        assert inputs.shape == (shape[0] if len(shape) == 4 else 1, 1, 8, 8)
        assert inputs.dtype == np.float32

    def test_another_shape(self, tmp_path: Path) -> None:
        np.save(tmp_path / "x.npy", np.ones((2, 9)))
        with pytest.raises(ValueError, match=r"shape \(2, 9\).*\(1, 8, 8\)"):
            read_inputs(str(tmp_path / "x.npy"), predictor())

    def test_values_that_are_no_numbers(self, tmp_path: Path) -> None:
        np.save(tmp_path / "x.npy", np.full((1, 8, 8), np.nan))
        with pytest.raises(ValueError, match="NaN or infinite"):
            read_inputs(str(tmp_path / "x.npy"), predictor())

    def test_pickled_objects_are_never_loaded(self, tmp_path: Path) -> None:
        np.save(tmp_path / "x.npy", np.array([{}]), allow_pickle=True)
        with pytest.raises(ValueError, match="not an array of numbers"):
            read_inputs(str(tmp_path / "x.npy"), predictor())


@pytest.mark.parametrize("source", ["missing.png", "missing.csv", "missing.npy", "missing"])
def test_a_file_that_is_not_there(source: str) -> None:
    with pytest.raises(FileNotFoundError, match="There is no file"):
        read_inputs(source, TABLE)


def test_a_kind_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "x.pdf").write_bytes(b"%PDF")
    with pytest.raises(ValueError, match=r"can be read: a picture \(\.png"):
        read_inputs(str(tmp_path / "x.pdf"), TABLE)
