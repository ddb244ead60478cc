"""Works of Japanese literature as Aozora Bunko keeps them: its marks read, its colophon kept apart.

A file is Shift_JIS with title and author, a list of its marks between two lines of hyphens, the text, and a colophon
that begins with the book it was taken from (底本). How the text is marked is written at
https://www.aozora.gr.jp/annotation/.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from koubai.data.download import RemoteFile, fetch

__all__ = ["AozoraWork", "aozora", "read_aozora"]

_RUBY = re.compile("《[^》]*》|｜")  # how a word is read, and where the word begins
_RULE = re.compile(r"^-{20,}$", re.MULTILINE)
_COLOPHON = re.compile("^底本：", re.MULTILINE)
_NOTE = re.compile("［＃[^］]*］")  # layout, emphasis
_GAIJI = re.compile("※［＃([^］]*)］")
_CODE_POINT = re.compile(r"U\+([0-9A-Fa-f]{4,6})")
_PLACE = re.compile(r"(?<![\d-])([12])-(\d{1,2})-(\d{1,2})(?![\d-])")  # plane, row and cell
_GETA = "〓"  # what printers put where a character is missing

_BASE = (
    "https://raw.githubusercontent.com/aozorahack/aozorabunko_text/0984f7dc18a2270bdfd2ff99bf14fd1b3ebb4f65/"
)
# Rashomon, Run Melos!, Night on the Galactic Railroad, Botchan, Kokoro, I Am a Cat
_FILES = (
    ("000879/files/127_ruby_150", 13969, "18fd203e4e805fa8cf05d8ee18db05a29f541e83f4043b67091191ce1db4a319"),
    ("000035/files/1567_ruby_4948", 21563, "03def0d5f4322d1cf1bb812a7cca4e490464cb95090182a34a6e2665dde22ba7"),
    ("000081/files/456_ruby_145", 85542, "e233543790f0aa5ba32ca39c7328f3668bb704c1be69259f4c17636ed23debbe"),
    ("000148/files/752_ruby_2438", 209990, "8b1087162da44dbf54705c15f5ba62c7c07db86bb6f38caacd4f5beb62e4618b"),
    ("000148/files/773_ruby_5968", 374152, "d0124c6a71ca3c8f6898dc84578134789fcbdf6a1133121d205ebdaf52274594"),
    ("000148/files/789_ruby_5639", 749051, "f8c511ab3e69e3a1ccfea475783c2e4d64917a2cdedfb67441ea27655aca5f75"),
)  # fmt: skip


@dataclass(frozen=True)
class AozoraWork:
    """A work.

    Attributes:
        title: such as 羅生門.
        author: such as 芥川龍之介.
        text: without ruby and notes; paragraphs end with a line break.
        colophon: the edition it was taken from and who typed it, which goes where the text goes.
    """

    title: str
    author: str
    text: str
    colophon: str


def aozora(progress: bool = True) -> tuple[AozoraWork, ...]:
    """Six works by Akutagawa, Dazai, Miyazawa and Natsume, 627,200 characters, the longest last.

    They are in the public domain in Japan.

    Args:
        progress: show a progress bar while downloading.

    Raises:
        DownloadError: when the files are not in the data folder and cannot be had.
    """
    return tuple(read_aozora(fetch(remote, progress).read_bytes()) for remote in map(_remote, _FILES))


def read_aozora(content: bytes) -> AozoraWork:
    """Read a file of Aozora Bunko.

    Args:
        content: the file's bytes, in Shift_JIS.

    Raises:
        ValueError: it is not Shift_JIS (a UnicodeDecodeError), or has no title.
    """
    text = content.decode("cp932").replace("\r\n", "\n")
    head, _, rest = text.partition("\n\n")
    names = head.split("\n")
    if len(names) < 2:
        raise ValueError("a file of Aozora Bunko begins with a title and an author, each on a line")
    rules = list(_RULE.finditer(rest))
    body = rest[rules[1].end() :] if len(rules) > 1 else rest
    found = _COLOPHON.search(body)
    end = found.start() if found else len(body)
    return AozoraWork(names[0], names[-1], _plain(body[:end]).strip("\n") + "\n", body[end:].strip())


def _plain(marked: str) -> str:
    """The text without its marks; characters that Shift_JIS lacks in their place."""
    return _NOTE.sub("", _GAIJI.sub(_character, _RUBY.sub("", marked)))


def _character(noted: re.Match[str]) -> str:
    """The character of a note like ※［＃「てへん＋丑」、第4水準2-12-93］, by its place in JIS X 0213 or in Unicode."""
    if code := _CODE_POINT.search(noted[1]):
        return chr(int(code[1], 16))
    if not (place := _PLACE.search(noted[1])):
        return _GETA
    plane, row, cell = map(int, place.groups())
    coded = b"\x8f" * (plane == 2) + bytes((0xA0 + row, 0xA0 + cell))
    return coded.decode("euc_jis_2004", errors="replace").replace("\ufffd", _GETA)


def _remote(file: tuple[str, int, str]) -> RemoteFile:
    folder, size, sha256 = file
    path = f"cards/{folder}/{folder.rpartition('/')[2]}.txt"
    return RemoteFile(f"aozora/{path}", sha256, size, (_BASE + path,))
