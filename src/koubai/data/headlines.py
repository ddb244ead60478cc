"""Texts with their headlines: XL-Sum's BBC articles, a CSV file of one's own, or news made up with known facts."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from koubai.data.download import RemoteFile, fetch, not_whole
from koubai.data.draw import derived_generator, permutation
from koubai.data.made_up_news import made_up_article
from koubai.data.table import read_csv
from koubai.i18n import _

__all__ = ["Headlines", "headlines_from_csv", "made_up_news", "xl_sum"]

Language = Literal["english", "japanese"]

_PARTS = ("train", "val", "test")
# Articles of each part, as the authors' README counts them. Nobody published a checksum of the archives: bzip2 has
# one of its own for each block, and these numbers tell whether all is there.
_COUNTS = {"english": (306522, 11535, 11535), "japanese": (7113, 889, 889)}
_SHARES = (0.1, 0.1)  # for validation and for the test, where no part is fixed
_LEAST = 20  # articles, so that each part may have some


@dataclass(frozen=True)
class Headlines:
    """Texts with their headlines; number i of each belong together.

    Attributes:
        texts: what was written.
        headlines: what stands above it.
    """

    texts: tuple[str, ...]
    headlines: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def __repr__(self) -> str:
        return f"Headlines({len(self)} texts)"

    def first(self, count: int) -> Headlines:
        """The first `count` of them, or all where there are fewer."""
        return Headlines(self.texts[:count], self.headlines[:count])


Parts = tuple[Headlines, Headlines, Headlines]
"""To train, to validate and to test."""


def xl_sum(language: Language = "english", progress: bool = True) -> Parts:
    """Articles of the BBC with their headlines (Hasan et al. 2021, CC BY-NC-SA 4.0), in its own three parts.

    English has 329,592 of them, Japanese 8,891.

    Args:
        language: "english" or "japanese".
        progress: show a progress bar while downloading.

    Raises:
        DownloadError: when the archive is not in the data folder and cannot be had.
        ValueError: when the archive is damaged, or not the one that its authors describe.
    """
    name = f"{language}_XLSum_v2.0.tar.bz2"
    path = fetch(RemoteFile(f"xlsum/{name}", None, None, (_address(name),)), progress)
    try:
        found = _articles(path, language)
    except (tarfile.TarError, OSError, EOFError, KeyError, ValueError) as error:
        raise not_whole(path, str(error)) from error
    counts = tuple(map(len, found))
    if counts != _COUNTS[language]:
        told = _("it has {counts} articles, and {expected} were expected")
        raise not_whole(path, told.format(counts=counts, expected=_COUNTS[language]))
    return found


def _address(name: str) -> str:
    return f"https://huggingface.co/datasets/csebuetnlp/xlsum/resolve/main/data/{name}"


def _articles(path: Path, language: Language) -> Parts:
    rows: dict[str, list[dict[str, Any]]] = {part: [] for part in _PARTS}
    with tarfile.open(path, "r:bz2") as archive:
        for member in archive:
            part = member.name.removeprefix("./").removeprefix(f"{language}_").removesuffix(".jsonl")
            stream = archive.extractfile(member) if part in rows else None
            if stream is not None:
                rows[part] = [json.loads(line) for line in stream]
    train, validation, test = (_headlines(rows[part]) for part in _PARTS)
    return train, validation, test


def _headlines(rows: Sequence[Mapping[str, str]]) -> Headlines:
    return Headlines(tuple(row["text"] for row in rows), tuple(row["title"] for row in rows))


def headlines_from_csv(path: str | Path, text: str = "text", headline: str = "headline") -> Parts:
    """Read texts and their headlines from a CSV file; a tenth, drawn at random, is to validate, another to test.

    Args:
        path: the file.
        text: the column of the texts.
        headline: the column of the headlines.

    Raises:
        ValueError: when the file or a cell is wrong, with file, line and column.

    Example:
        >>> train, validation, test = headlines_from_csv("mails.csv", text="body", headline="subject")
    """
    table = read_csv(path)
    texts, headlines = table.filled(text), table.filled(headline)
    if len(table) < _LEAST:
        problem = _("{path} has {count} texts; at least {least} are needed.")
        raise ValueError(problem.format(path=path, count=len(table), least=_LEAST))
    return _divided(texts, headlines)


def made_up_news(count: int = 5000, seed: int = 0) -> Parts:
    """Short news of things that never happened, whose people and places have names made of syllables.

    Few names come twice, so headlines of new texts need names that no vocabulary has, and that have to be copied out of
    the text: what the pointer-generator of See et al. (2017) is for.

    Args:
        count: articles, a tenth of them to validate and a tenth to test.
        seed: the same seed gives the same articles.
    """
    random = derived_generator(seed, "news")
    texts, headlines = zip(*(made_up_article(random) for _number in range(count)))
    return _divided(texts, headlines)


def _divided(texts: Sequence[str], headlines: Sequence[str]) -> Parts:
    order = permutation(len(texts), derived_generator(0, "headlines")).tolist()
    ends = [int(share * len(texts)) for share in _SHARES]
    cuts = (order[sum(ends) :], order[: ends[0]], order[ends[0] : sum(ends)])
    train, validation, test = (
        Headlines(tuple(texts[place] for place in cut), tuple(headlines[place] for place in cut))
        for cut in cuts
    )
    return train, validation, test
