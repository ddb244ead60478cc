"""Windows on a sequence: what is read, and the same one step later; anew each time they are drawn."""

import numpy as np
import pytest

import koubai
from koubai.data import DataLoader, RandomWindows, windows

TEXT = np.arange(103)


def test_windows_do_not_overlap_and_targets_are_a_step_ahead():
    inputs, targets = windows(TEXT, 10).tensors
    assert inputs.shape == (10, 10)
    assert (inputs.numpy().ravel() == np.arange(100)).all()
    assert (targets.numpy() == inputs.numpy() + 1).all()


def test_a_sequence_that_is_too_short_is_refused():
    assert len(windows(np.arange(11), 10)) == 1
    with pytest.raises(ValueError, match="at least 11, got one of 10"):
        windows(np.arange(10), 10)


def test_windows_are_drawn_anew_in_each_epoch_by_the_seed():
    def epochs(seed: int) -> list[list[int]]:
        order = koubai.Generator().manual_seed(seed)
        loader = DataLoader(
            windows(TEXT, 10), 4, shuffle=True, generator=order, augment=RandomWindows(TEXT, 10)
        )
        return [[int(row[0]) for inputs, _ in loader for row in inputs.numpy()] for _ in range(2)]

    first, second = epochs(0)
    assert first != second
    assert epochs(0) == [first, second]
    assert epochs(1) != [first, second]


def test_every_place_is_drawn_and_targets_stay_a_step_ahead():
    draw, generator = RandomWindows(np.arange(13), 10), koubai.Generator().manual_seed(0)
    inputs, targets = draw([np.zeros((200, 10))], generator)
    assert set(inputs.numpy()[:, 0].tolist()) == {0, 1, 2}
    assert (targets.numpy() == inputs.numpy() + 1).all()
