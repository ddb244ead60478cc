"""Surnames come out of their archive with the language of each, and an archive that lacks some is refused."""

import sys

import numpy as np
import pytest

from koubai.data import RemoteFile, name_origins

from .server import address
from .surnames import COUNT, archive

MODULE = sys.modules[name_origins.__module__]


@pytest.fixture
def served(server, tmp_path, monkeypatch):
    monkeypatch.setenv("KOUBAI_DATA", str(tmp_path))
    remote = RemoteFile("name-origins/data.zip", None, None, (address(server),))
    monkeypatch.setattr(MODULE, "_ARCHIVE", remote)
    monkeypatch.setattr(MODULE, "_COUNT", COUNT + 1)
    server.content = archive(again="Rossi")
    server.at_most = len(server.content)
    return server


def test_each_name_comes_once_with_its_language(served):
    data = name_origins()
    assert data.name == "names"
    assert data.class_names == ("Italian", "Japanese", "Russian")
    assert len(data) == COUNT
    assert len(set(data.texts)) == COUNT
    origins = dict(zip(data.texts, np.take(data.class_names, data.labels)))
    assert (origins["D'Angelo"], origins["Suzuki"], origins["Orlov"]) == ("Italian", "Japanese", "Russian")
    parts = data.parts(1)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(COUNT))
    name_origins()
    assert len(served.asked) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (archive(), rf"it has {COUNT} names, and {COUNT + 1} were expected"),
        (archive(again="Rossi")[:-200], "is not whole"),
        (b"<html>moved</html>", "is not whole"),
    ],
)
def test_another_archive_is_refused(served, content, reason):
    served.content = content
    served.at_most = len(content)
    with pytest.raises(ValueError, match=reason):
        name_origins()
