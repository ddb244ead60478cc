"""What the tests of recipes share."""

from functools import partial

import pytest

from koubai.train import Trainer


@pytest.fixture
def undoctored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train without the doctor, whose trials at the end take longer than a small training.

    Each recipe has a test with him.
    """
    monkeypatch.setattr("koubai.recipes.training.Trainer", partial(Trainer, doctor=False))
