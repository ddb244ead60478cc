"""Surnames and the language they come from: the data of PyTorch's tutorial on characters."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile

import numpy as np

from koubai.data.download import RemoteFile, fetch, not_whole
from koubai.data.labelled_texts import LabelledTexts
from koubai.i18n import _

__all__ = ["name_origins"]

# Robertson, "NLP From Scratch: Classifying Names with a Character-Level RNN". Nobody published a checksum of the
# archive: the zip has one of its own for each file, and the number of names tells whether all is there.
_ARCHIVE = RemoteFile(
    "name-origins/data.zip", None, None, ("https://download.pytorch.org/tutorial/data.zip",)
)
_COUNT = 20074  # names in its 18 files


def name_origins(progress: bool = True) -> LabelledTexts:
    """Surnames of 18 languages, most of them in Latin letters; almost half are Russian.

    A name that stands in a file more than once counts once; one that several languages have is in each of them.

    Args:
        progress: show a progress bar while downloading.

    Raises:
        DownloadError: when the archive is not in the data folder and cannot be had.
        ValueError: when the archive is damaged, or not the one of the tutorial.
    """
    path = fetch(_ARCHIVE, progress)
    try:
        found = _names(path)
    except (BadZipFile, OSError, EOFError, ValueError) as error:
        raise not_whole(path, str(error)) from error
    count = sum(map(len, found.values()))
    if count != _COUNT:
        told = _("it has {count:,} names, and {expected:,} were expected")
        raise not_whole(path, told.format(count=count, expected=_COUNT))
    different = {origin: tuple(dict.fromkeys(names)) for origin, names in found.items()}
    texts = tuple(name for names in different.values() for name in names)
    labels = np.repeat(np.arange(len(different)), [len(names) for names in different.values()])
    return LabelledTexts("names", texts, labels, tuple(different))


def _names(path: Path) -> dict[str, list[str]]:
    """The names in each file `names/LANGUAGE.txt`, one on each line."""
    with ZipFile(path) as archive:
        files = {PurePosixPath(file): file for file in sorted(archive.namelist())}
        return {
            place.stem: archive.read(file).decode("utf-8").strip().split("\n")
            for place, file in files.items()
            if place.match("names/[!.]*.txt")
        }
