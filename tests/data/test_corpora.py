"""The texts to learn a language from are whole."""

import os
from pathlib import Path

import pytest

from koubai.data import names, shakespeare, small_parallel_enja


def _is_there(file: str) -> bool:
    return (Path(os.environ.get("KOUBAI_DATA", "")) / file).is_file()


@pytest.mark.skipif(
    not _is_there("tinyshakespeare/input.txt"), reason="Tiny Shakespeare is not in KOUBAI_DATA"
)
def test_shakespeare():
    text = shakespeare(progress=False)
    assert (len(text), len(set(text))) == (1_115_394, 65)
    assert text.startswith("First Citizen:\n")


@pytest.mark.skipif(not _is_there("names/names.txt"), reason="the names are not in KOUBAI_DATA")
def test_names():
    every = names(progress=False)
    assert (len(every), len(set(every)), every[0]) == (32_033, 29_494, "emma")


@pytest.mark.skipif(
    not _is_there("small_parallel_enja/train.en"), reason="small_parallel_enja is not in KOUBAI_DATA"
)
def test_english_with_japanese():
    train, validation, test = small_parallel_enja(progress=False)
    assert [len(part) for part in (train, validation, test)] == [50_000, 500, 500]
    assert len(train.english) == len(train.japanese)
    assert " ".join(train.english[2]) == "i 'm in the tennis club ."
    assert "".join(train.japanese[2]) == "私はテニス部員です。"
