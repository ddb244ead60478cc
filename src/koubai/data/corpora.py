"""Texts to learn a language from: Shakespeare's plays, first names, English sentences with their Japanese."""

from __future__ import annotations

from dataclasses import dataclass

from koubai.data.download import RemoteFile, fetch

__all__ = ["ParallelTexts", "names", "shakespeare", "small_parallel_enja"]

_GITHUB = "https://raw.githubusercontent.com/"
_SHAKESPEARE = RemoteFile(
    "tinyshakespeare/input.txt",
    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    1115394,
    (_GITHUB + "karpathy/char-rnn/master/data/tinyshakespeare/input.txt",),
)
_NAMES = RemoteFile(
    "names/names.txt",
    "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
    228145,
    (_GITHUB + "karpathy/makemore/master/names.txt",),
)
_PARTS = ("train", "dev", "test")
_ENJA = {
    "train.en": (1701356, "148b05dcd28638fe20ee84f2b1127001c80982be352007dda241fb759adadc76"),
    "train.ja": (2784447, "fc81a1434349ec98a449d7ae9cd2530057f689637684ecfed3501ea6a8a07ecc"),
    "dev.en": (17054, "04a2673449770657fd5e3b963cb856be3130923212b6db8ac7eaeef18f06c041"),
    "dev.ja": (27781, "cd534f56b8639dc130f86a365e5ec0aa70042000bdd740a622fbbf8b6be4acca"),
    "test.en": (17301, "45edb380749ec2b49cca7618fc5a7595fc9f791180672ba466b90c873a4aa8bf"),
    "test.ja": (27793, "d37dc460a81b064e4106c8913eb11fa300da05cf3f58a7a5bbfec7e20947ddef"),
}


def shakespeare(progress: bool = True) -> str:
    """Tiny Shakespeare: 1,115,394 characters of his plays, 65 different ones (Karpathy 2015).

    Args:
        progress: show a progress bar while downloading.

    Raises:
        DownloadError: when the file is not in the data folder and cannot be had.
    """
    return fetch(_SHAKESPEARE, progress).read_text("utf-8")


def names(progress: bool = True) -> tuple[str, ...]:
    """32,033 first names in small letters, the most frequent first (US Social Security, by Karpathy's makemore).

    Args:
        progress: show a progress bar while downloading.

    Raises:
        DownloadError: when the file is not in the data folder and cannot be had.
    """
    return tuple(fetch(_NAMES, progress).read_text("utf-8").split())


@dataclass(frozen=True)
class ParallelTexts:
    """Sentences in two languages, cut into words; pair number i is `(english[i], japanese[i])`.

    Attributes:
        english: words of each sentence.
        japanese: words of its translation.
    """

    english: tuple[tuple[str, ...], ...]
    japanese: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.english)


def small_parallel_enja(progress: bool = True) -> tuple[ParallelTexts, ParallelTexts, ParallelTexts]:
    """English sentences of 4 to 16 words with their Japanese: 50,000 to train, 500 to validate, 500 to test.

    Neubig's selection of the Tanaka Corpus (CC BY), tokenised; see github.com/odashi/small_parallel_enja.

    Args:
        progress: show a progress bar while downloading.

    Raises:
        DownloadError: when the files are not in the data folder and cannot be had.
    """
    train, dev, test = (
        ParallelTexts(_sentences(part + ".en", progress), _sentences(part + ".ja", progress))
        for part in _PARTS
    )
    return train, dev, test


def _sentences(file: str, progress: bool) -> tuple[tuple[str, ...], ...]:
    size, sha256 = _ENJA[file]
    address = f"{_GITHUB}odashi/small_parallel_enja/master/{file}"
    path = fetch(RemoteFile(f"small_parallel_enja/{file}", sha256, size, (address,)), progress)
    return tuple(tuple(line.split()) for line in path.read_text("utf-8").splitlines())
