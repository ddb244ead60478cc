"""Texts with their headlines: an archive that is checked by what is in it, a CSV file, and made-up news."""

import io
import json
import tarfile

import pytest

from koubai.data import DownloadError, headlines, headlines_from_csv, made_up_news, xl_sum

from .server import address

COUNTS = (4, 2, 1)


def archive(counts=COUNTS, **changed) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:bz2") as tar:
        for part, count in zip(("train", "val", "test"), counts):
            rows = [
                {"id": str(k), "url": "", "title": f"{part} 題{k}", "summary": "", "text": f"本文{k}。"}
                | changed
                for k in range(count)
            ]
            content = "".join(json.dumps(row) + "\n" for row in rows).encode()
            member = tarfile.TarInfo(f"./japanese_{part}.jsonl")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@pytest.fixture
def articles(server, tmp_path, monkeypatch):
    monkeypatch.setenv("KOUBAI_DATA", str(tmp_path))
    monkeypatch.setitem(headlines._COUNTS, "japanese", COUNTS)
    monkeypatch.setattr(headlines, "_address", lambda name: address(server))
    server.content = archive()
    server.at_most = len(server.content)
    return server


def test_articles_are_fetched_once_and_come_in_their_three_parts(articles):
    train, validation, test = xl_sum("japanese")
    assert [len(part) for part in (train, validation, test)] == [4, 2, 1]
    assert train.texts[3] == "本文3。"
    assert train.headlines[3] == "train 題3"
    assert validation.headlines == ("val 題0", "val 題1")
    assert xl_sum("japanese")[2].headlines == ("test 題0",)
    assert articles.asked == [None]


def test_an_archive_that_was_cut_off_is_not_kept(articles, tmp_path):
    articles.at_most = len(articles.content) // 2
    with pytest.raises(DownloadError, match="sent"):
        xl_sum("japanese")
    articles.at_most = len(articles.content)
    assert len(xl_sum("japanese")[0]) == 4


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (archive((4, 2, 2)), r"it has \(4, 2, 2\) articles, and \(4, 2, 1\) were expected"),
        (archive()[:-100], "is not whole"),
        (b"<html>moved</html>", "is not whole"),
    ],
)
def test_another_archive_is_refused(articles, content, reason):
    articles.content = content
    articles.at_most = len(content)
    with pytest.raises(ValueError, match=reason):
        xl_sum("japanese")


def test_a_csv_file_is_divided_in_three(tmp_path):
    file = tmp_path / "mails.csv"
    file.write_text("body,subject\n" + "".join(f'"Text {k}.",Title {k}\n' for k in range(40)))
    parts = headlines_from_csv(file, "body", "subject")
    assert [len(part) for part in parts] == [32, 4, 4]
    pairs = {pair for part in parts for pair in zip(part.texts, part.headlines)}
    assert pairs == {(f"Text {k}.", f"Title {k}") for k in range(40)}
    assert headlines_from_csv(file, "body", "subject") == parts


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("a,x\n,y\n", "line 3, column 'text': the cell is empty"),
        ("a,x\nb,\n", "line 3, column 'headline': the cell is empty"),
        ("a,x\n" * 19, "has 19 texts; at least 20 are needed"),
    ],
)
def test_what_is_wrong_in_a_file_is_told(tmp_path, rows, problem):
    file = tmp_path / "mine.csv"
    file.write_text("text,headline\n" + rows)
    with pytest.raises(ValueError, match=problem):
        headlines_from_csv(file)


def test_made_up_news_have_headlines_whose_names_are_in_the_text():
    train, validation, test = made_up_news(300)
    assert [len(part) for part in (train, validation, test)] == [240, 30, 30]
    known = {word for text in train.texts for word in text.replace(".", "").replace(",", "").split()}
    for text, headline in zip(test.texts, test.headlines):
        names = [word for word in headline.split()[1:] if word[0].isupper() and word not in known]
        assert all(name.casefold() in text.casefold() for name in names)
    assert sum(word not in known for headline in test.headlines for word in headline.split()) > 30
    assert made_up_news(300) == (train, validation, test) != made_up_news(300, seed=1)
