"""What all tests share: a cache of compiled programs of their own, and no more processes than there are cores."""

import os
from collections.abc import Iterator
from functools import partial

import pytest


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep compiled programs in a temporary folder, also for the processes that tests start."""
    if "KOUBAI_CACHE" in os.environ:
        yield
        return
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    os.environ["KOUBAI_CACHE"] = str(folder / "compiled")
    yield
    del os.environ["KOUBAI_CACHE"]


@pytest.fixture(autouse=True, scope="session")
def _no_helpers() -> None:
    """Where tests run in several processes, let each compile alone."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ.setdefault("KOUBAI_HELPERS", "off")


@pytest.fixture
def undoctored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let recipes train without the doctor, whose trials take longer than a small training.

    Each recipe has a test with him.
    """
    from koubai.train import Trainer

    monkeypatch.setattr("koubai.recipes.training.Trainer", partial(Trainer, doctor=False))
