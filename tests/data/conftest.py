"""Messages are tested in English, whatever language this machine speaks."""

import pytest


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("KOUBAI_LANG", "en")
