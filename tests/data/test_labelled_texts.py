"""Texts with classes, as their files hold them."""

import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from koubai.data import (
    LabelledTexts,
    RemoteFile,
    ag_news,
    data_folder,
    imdb,
    labelled_texts,
    language_identification,
    texts_from_csv,
)


def placed(monkeypatch: pytest.MonkeyPatch, folder: Path, remote: RemoteFile, content: bytes) -> RemoteFile:
    """A small file in the place of the real one."""
    monkeypatch.setenv("KOUBAI_DATA", str(folder))
    path = folder / remote.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return replace(remote, sha256=hashlib.sha256(content).hexdigest(), size=len(content))


def test_news_are_titles_and_beginnings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    contents = (b'"3","Oil","It rose,\\again"\n"1","War ""over""","Yes"\n', b'"4","Web","New"\n')
    files = tuple(placed(monkeypatch, tmp_path, *pair) for pair in zip(labelled_texts._NEWS, contents))
    monkeypatch.setattr(labelled_texts, "_NEWS", files)
    news = ag_news()
    assert news.texts == ("Oil It rose, again", 'War "over" Yes', "Web New")
    assert [news.class_names[k] for k in news.labels] == ["Business", "World", "Sci/Tech"]
    assert news.fixed["test"].tolist() == [2]


def test_reviews_are_read_from_their_archive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    reviews = {
        "train/pos/0_9.txt": "Good.<br />Very", "train/unsup/0_0.txt": "?", "train/neg/0_1.txt": "Bad",
        "test/neg/1_2.txt": "Dull", "train/urls_pos.txt": "http",
    }  # fmt: skip
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in reviews.items():
            info = tarfile.TarInfo(f"aclImdb/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    monkeypatch.setattr(
        labelled_texts, "_REVIEWS", placed(monkeypatch, tmp_path, labelled_texts._REVIEWS, packed.getvalue())
    )
    found = imdb()
    assert found.texts == ("Good. Very", "Bad", "Dull")
    assert found.labels.tolist() == [1, 0, 0]
    assert found.fixed["test"].tolist() == [2]


def test_parts_are_drawn_but_for_fixed_ones() -> None:
    texts = LabelledTexts(
        "t", tuple("abcdefghij" * 10), np.arange(100) % 2, ("x", "y"), {"test": np.arange(20)}
    )
    parts = texts.parts(3)
    assert parts["test"].tolist() == list(range(20))
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(100))
    assert len(parts["train"]) == 70
    assert texts.labels[parts["train"]].mean() == 0.5
    assert texts.parts(3)["train"].tolist() == parts["train"].tolist() != texts.parts(4)["train"].tolist()


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("a,x\nb,\n", "line 3, column 'label': the cell is empty"),
        ("a,x\n,y\n", "line 3, column 'text': the cell is empty"),
        ("a,x\nb,x\n", "all texts are of one class"),
        ("a,x\nb,x\nc,x\nd,y\n", "each class needs at least 3 texts, but the class 'y' has 1"),
    ],
)
def test_what_is_wrong_in_a_file_is_told(tmp_path: Path, rows: str, problem: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("text,label\n" + rows)
    with pytest.raises(ValueError, match=problem):
        texts_from_csv(path)


@pytest.mark.skipif(not (data_folder() / "aozora").is_dir(), reason="the files of the data set are not there")
def test_snippets_of_six_kinds_are_short_and_in_one_part_only() -> None:
    data = language_identification(per_class=500)
    assert len(data.class_names) == 6
    assert np.bincount(data.labels).tolist() == [500] * 6
    parts = data.parts()
    assert sum(map(len, parts.values())) == len(data) == 3000
    assert [len(parts[name]) for name in ("train", "validation", "test")] == [2100, 300, 600]
    joined = " ".join(data.texts)
    assert joined == joined.casefold()
    assert not set(joined) & set("。、,.;「」《》［＃()")
    assert all(len(text) >= 9 for text in data.texts)
