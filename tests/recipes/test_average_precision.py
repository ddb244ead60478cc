"""Mean average precision: by hand in small cases, and as pycocotools has it in random ones."""

import contextlib
import io
from collections.abc import Sequence

import numpy as np
import pytest

from koubai.recipes.detect.average_precision import (
    COCO_THRESHOLDS,
    Boxes,
    average_precisions,
    mean_average_precision,
)

Row = tuple[float, float, float, float, int, float]


def boxes(*rows: Row) -> Boxes:
    array = np.array(rows, np.float32).reshape(-1, 6)
    return Boxes(array[:, :4], array[:, 4].astype(np.int64), array[:, 5])


def at(left: float, k: int = 0, score: float = 1.0) -> Row:
    """A box of 10 × 10."""
    return (left, 0, left + 10, 10, k, score)


def test_all_found() -> None:
    true = [boxes(at(0), at(30, 1)), boxes(at(5))]
    assert mean_average_precision(true, true, 3) == 1.0
    assert np.isnan(average_precisions(true, true, 3)[2])  # on no picture


def test_nothing_found_and_only_nonsense() -> None:
    true = [boxes(at(0))]
    assert mean_average_precision([boxes()], true, 1) == 0.0
    assert mean_average_precision([boxes(at(40))], true, 1) == 0.0
    assert mean_average_precision([boxes(at(0, 1))], true, 2) == 0.0  # another class


def test_a_mistake_before_the_truth_costs_and_one_after_it_does_not() -> None:
    true = [boxes(at(0))]
    assert mean_average_precision([boxes(at(0, 0, 0.9), at(40, 0, 0.5))], true, 1) == 1.0
    assert mean_average_precision([boxes(at(0, 0, 0.5), at(40, 0, 0.9))], true, 1) == 0.5


def test_a_thing_is_found_once() -> None:
    """The second box on the first thing is a mistake: precision 2/3 from recall 1/2 on."""
    true = [boxes(at(0), at(40))]
    found = [boxes(at(0, 0, 0.9), at(1, 0, 0.8), at(40, 0, 0.7))]
    assert mean_average_precision(found, true, 1) == pytest.approx((51 * 1 + 50 * 2 / 3) / 101)


def test_the_threshold_decides_what_counts() -> None:
    """Moved by 2 of 10, a box shares 80 of 120."""
    true, found = [boxes(at(0))], [boxes(at(2))]
    assert mean_average_precision(found, true, 1, (0.65,)) == 1.0
    assert mean_average_precision(found, true, 1, (0.7,)) == 0.0
    assert mean_average_precision(found, true, 1, COCO_THRESHOLDS) == pytest.approx(0.4)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_that_of_coco(seed: int) -> None:
    pytest.importorskip("pycocotools")
    random = np.random.default_rng(seed)
    true, found = [], []
    for _ in range(20):
        corners = random.uniform(0, 60, (random.integers(1, 6), 2))
        edges = np.concatenate([corners, corners + random.uniform(8, 24, corners.shape)], 1)
        classes = random.integers(0, 3, len(edges))
        true.append(Boxes(edges.astype(np.float32), classes, np.ones(len(edges), np.float32)))
        again = np.repeat(edges, 2, axis=0) + random.normal(0, 2.5, (2 * len(edges), 4))
        again[:, 2:] = np.maximum(again[:, 2:], again[:, :2] + 1)  # COCO leaves out boxes without an area
        guesses = np.where(random.random(2 * len(edges)) < 0.8, np.repeat(classes, 2), 0)
        found.append(Boxes(again.astype(np.float32), guesses, random.random(len(again)).astype(np.float32)))
    expected = by_pycocotools(found, true)
    assert mean_average_precision(found, true, 3) == pytest.approx(expected[1], abs=1e-6)
    assert mean_average_precision(found, true, 3, COCO_THRESHOLDS) == pytest.approx(expected[0], abs=1e-6)


def by_pycocotools(found: Sequence[Boxes], true: Sequence[Boxes]) -> Sequence[float]:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def listed(part: Sequence[Boxes]) -> list[dict[str, object]]:
        rows = [(image, *row) for image, boxes in enumerate(part, 1) for row in zip(*boxes)]
        return [
            {
                "id": number,
                "image_id": image,
                "category_id": int(k) + 1,
                "bbox": [float(x) for x in (e[0], e[1], e[2] - e[0], e[3] - e[1])],
                "area": float((e[2] - e[0]) * (e[3] - e[1])),
                "iscrowd": 0,
                "score": float(score),
            }
            for number, (image, e, k, score) in enumerate(rows, 1)
        ]

    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "info": {},
            "images": [{"id": k} for k in range(1, len(true) + 1)],
            "categories": [{"id": k} for k in (1, 2, 3)],
            "annotations": listed(true),
        }
        truth.createIndex()
        judged = COCOeval(truth, truth.loadRes(listed(found)), "bbox")
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    return list(judged.stats)
