"""The doctor sees what kind of question the targets ask, also where there is one for each word or pixel."""

import numpy as np
import pytest

from koubai.doctor.facts.task import task_of

CLASSES = np.arange(6) % 3


@pytest.mark.parametrize(
    ("target", "answers", "kind"),
    [
        (CLASSES, (6, 3), "classes"),
        (CLASSES % 2, (6,), "binary"),
        (CLASSES % 2, (6, 1), "binary"),
        (
            np.zeros((6, 128), int) + 5,
            (6, 65, 128),
            "classes",
        ),  # a character at each place, fewer kinds than places
        (np.zeros((6, 8, 8), int) + 5, (6, 8, 8, 8), "classes"),  # a class for each pixel
        (np.eye(3)[CLASSES], (6, 3), "classes"),
        (np.ones((6, 4)), (6, 4), "multilabel"),
        (np.arange(12).reshape(6, 2), (6, 2), "numbers"),  # counts
        (np.linspace(0, 1, 6), (6,), "numbers"),
    ],
)
def test_kinds_of_questions(target, answers, kind):
    assert task_of(target, answers) == kind
