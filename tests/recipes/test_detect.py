"""detect: scenes keep their promises, a detector learns to find things, and a user's picture is answered."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import koubai
from koubai.nn import functional as F
from koubai.recipes import RECIPES, Outcome, Training
from koubai.recipes.detect import recipe as detect
from koubai.recipes.detect.detector import Detector, boxes_of, detection_loss, in_cells
from koubai.recipes.detect.scenes import MOST, NOTHING, compose
from koubai.recipes.exhibit import Pictures, Table

from .pictures import shaped, shapes


@pytest.fixture(autouse=True)
def _no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detect, "mnist", shaped)


def training(**settings: Any) -> Training:
    recipe = RECIPES["detect"]
    quick = {
        "epochs": 8,
        "batch_size": 16,
        "scenes": 240,
        "test_scenes": 40,
        "width": 4,
        "side": 48,
        "lr": 0.01,
    }
    return Training(recipe, recipe.settings(**quick | settings))


@pytest.fixture(scope="module")
def trained() -> Training:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detect, "mnist", shaped)
        made = training()
        made.fit()
    return made


class TestScenes:
    def made(self, seed: int = 0) -> Any:
        images, labels = (tensor.numpy() for tensor in shapes(100, 3).tensors)
        return compose(images[:, 0], labels, 60, 64, seed)

    def test_each_box_fits_its_thing(self) -> None:
        made = self.made()
        assert made.images.shape == (60, 1, 64, 64)
        for image, boxes in zip(made.images[:, 0], made.boxes):
            for k, *edges in boxes[boxes[:, 0] != NOTHING]:
                left, top, right, bottom = map(int, edges)
                assert 0 <= k <= 9
                assert 0 <= left < right <= 64
                assert 0 <= top < bottom <= 64
                assert image[top:bottom, left:right].max() > 0.7

    def test_there_are_one_to_five_that_overlap_little(self) -> None:
        made = self.made()
        counts = (made.boxes[..., 0] != NOTHING).sum(1)
        assert set(counts.tolist()) <= set(range(1, MOST + 1))
        assert counts.max() > 2
        for boxes in made.boxes:
            used = koubai.tensor(boxes[boxes[:, 0] != NOTHING, 1:])
            assert (F.box_iou(used, used).numpy() - np.eye(len(used))).max() <= 0.25

    def test_the_seed_decides(self) -> None:
        first, again, other = self.made(), self.made(), self.made(1)
        assert np.array_equal(first.images, again.images)
        assert not np.array_equal(first.images, other.images)


def test_the_loss_is_least_where_everything_is_said_right() -> None:
    boxes = np.full((1, MOST, 5), NOTHING, np.float32)
    boxes[0, 0] = (2, 8, 8, 24, 20)
    truth = koubai.tensor(in_cells(boxes))
    wrong = koubai.zeros(1, 14, 16, 16).numpy().copy()
    wrong[:, :10] = -8.0
    right = wrong.copy()
    for row, column in [(3, 3), (3, 4)]:  # the cells beside the centre, (16, 14) pixels
        right[0, 2, row, column] = 8.0
        right[0, 10:12, row, column] = 4 - (column + 0.5), 3.5 - (row + 0.5)
        right[0, 12:, row, column] = np.log([4, 3])
    losses = [detection_loss(koubai.tensor(output), truth).item() for output in (right, wrong)]
    assert losses[0] < 0.01 < losses[1]
    corner = boxes_of(koubai.tensor(right))[0, 3, 3].numpy()
    assert corner == pytest.approx([2, 2, 6, 5])


def test_nothing_on_a_scene_is_no_reason_for_nan() -> None:
    empty = koubai.tensor(np.full((2, MOST, 5), NOTHING, np.float32))
    output = Detector(3, 2)(koubai.zeros(2, 1, 48, 48))
    assert np.isfinite(detection_loss(output, empty).item())


def test_it_learns_to_find_things(trained: Training, tmp_path: Path) -> None:
    outcome = trained.judge()
    assert outcome.result > 0.25
    assert outcome.result > outcome.baseline["map_50"] + 0.2
    pictures = outcome.exhibits[0]
    assert isinstance(pictures, Pictures)
    assert any(box.name and not box.true for boxes in pictures.boxes for box in boxes)
    outcome.save(tmp_path)
    assert Outcome.load(tmp_path).exhibits[0].boxes == pictures.boxes  # type: ignore[attr-defined]


@pytest.mark.usefixtures("undoctored")
def test_the_same_seed_gives_the_same_bits() -> None:
    losses = [training(epochs=1, seed=seed, scenes=48).fit()["loss"] for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


def test_a_picture_of_another_size_and_on_paper(trained: Training, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    scene = trained.task.test.tensors[0].numpy()[0, 0]
    paper = 255 - np.clip(255 * scene, 0, 255).astype(np.uint8)
    image.fromarray(paper).resize((144, 144)).save(tmp_path / "paper.png")
    predictor = trained.task.predictor
    rows, drawn = predictor.answer(
        trained.model, str(tmp_path / "paper.png"), predictor.options(threshold=0.1)
    )
    assert isinstance(rows, Table)
    assert isinstance(drawn, Pictures)
    assert drawn.images.shape == (1, 144, 144)
    assert len(rows.rows) == len(drawn.boxes[0]) > 0
    assert max(box.right for box in drawn.boxes[0]) > 48  # in the picture's own pixels


@pytest.mark.parametrize("size", [(10, 300), (8, 8), (1, 1)])
def test_a_picture_of_odd_size_is_no_reason_to_fail(
    trained: Training, tmp_path: Path, size: tuple[int, int]
) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = np.arange(size[0] * size[1], dtype=np.uint8).reshape(size)
    image.fromarray(pixels).save(tmp_path / "odd.png")
    predictor = trained.task.predictor
    if size == (1, 1):
        with pytest.raises(ValueError, match="nothing on this picture"):
            predictor.answer(trained.model, str(tmp_path / "odd.png"), predictor.options())
    else:
        assert len(predictor.answer(trained.model, str(tmp_path / "odd.png"), predictor.options())) == 2


def test_what_is_no_picture_is_refused(trained: Training, tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    predictor = trained.task.predictor
    (tmp_path / "no.png").write_text("no picture")
    with pytest.raises(ValueError, match="not a picture"):
        predictor.answer(trained.model, str(tmp_path / "no.png"), predictor.options())
    with pytest.raises(FileNotFoundError, match="There is no file"):
        predictor.answer(trained.model, str(tmp_path / "missing.png"), predictor.options())
    with pytest.raises(ValueError, match="less than 1"):
        predictor.options(threshold=2)
