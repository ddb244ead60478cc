"""Who wrote this? Short snippets of everyday sentences, Shakespeare, Python, Soseki and Miyazawa.

Capitals and punctuation would give most away, so they are gone: only the words tell, in 10 to 40 characters.
"""

from __future__ import annotations

import re
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import koubai
from koubai.data.download import RemoteFile, fetch
from koubai.data.draw import derived_generator
from koubai.data.labelled_texts import LabelledTexts
from koubai.i18n import _

_SHORTEST, _LONGEST = 10, 40  # characters of a snippet
_RUN = 25  # snippets that stand one after the other, and go into the same part

_GITHUB = "https://raw.githubusercontent.com/"
_SHAKESPEARE = RemoteFile(
    "tinyshakespeare/input.txt",
    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    1115394,
    (_GITHUB + "karpathy/char-rnn/master/data/tinyshakespeare/input.txt",),
)
_ENJA = {
    "train.en": (1701356, "148b05dcd28638fe20ee84f2b1127001c80982be352007dda241fb759adadc76"),
    "train.ja": (2784447, "fc81a1434349ec98a449d7ae9cd2530057f689637684ecfed3501ea6a8a07ecc"),
}
_AOZORA = "aozorahack/aozorabunko_text/0984f7dc18a2270bdfd2ff99bf14fd1b3ebb4f65/"
# Botchan, Kokoro, I Am a Cat; Night on the Galactic Railroad
_SOSEKI = (
    ("000148/files/752_ruby_2438", 209990, "8b1087162da44dbf54705c15f5ba62c7c07db86bb6f38caacd4f5beb62e4618b"),
    ("000148/files/773_ruby_5968", 374152, "d0124c6a71ca3c8f6898dc84578134789fcbdf6a1133121d205ebdaf52274594"),
    ("000148/files/789_ruby_5639", 749051, "f8c511ab3e69e3a1ccfea475783c2e4d64917a2cdedfb67441ea27655aca5f75"),
)  # fmt: skip
_MIYAZAWA = (
    ("000081/files/456_ruby_145", 85542, "e233543790f0aa5ba32ca39c7328f3668bb704c1be69259f4c17636ed23debbe"),
)  # fmt: skip
_MODULES = (
    "argparse", "ast", "base64", "calendar", "cmd", "configparser", "contextlib", "copy", "csv", "difflib", "enum",
    "fractions", "functools", "gettext", "heapq", "inspect", "locale", "optparse", "pathlib", "pickle", "queue",
    "random", "shutil", "statistics", "string", "subprocess", "tarfile", "textwrap", "threading", "uuid",
)  # fmt: skip

_RULE = re.compile(r"^-{20,}\r?$", re.MULTILINE)
_MARKS = re.compile("《[^》]*》|［＃[^］]*］")  # ruby and notes
_COLOPHON = re.compile("^底本：", re.MULTILINE)


def language_identification(per_class: int = 4000, progress: bool = True) -> LabelledTexts:
    """Snippets of six kinds: English and Japanese sentences, Shakespeare, Python, Natsume Soseki, Miyazawa Kenji.

    Runs of 25 snippets that follow each other go into the same part, so that no sentence is in two. Those of Python are
    from the standard library of the Python that runs, and differ between its versions.

    Args:
        per_class: snippets of each kind, at most; Miyazawa's novel gives about 1,400.
        progress: show a progress bar while downloading.

    Raises:
        DownloadError: when the files are not in the data folder and cannot be had.
    """
    kinds = {
        _("English"): _spaced(_enja("train.en", progress)),
        _("Shakespeare"): _spaced(fetch(_SHAKESPEARE, progress).read_text("utf-8")),
        _("Python"): _spaced(_library()),
        _("Japanese"): _unspaced(_enja("train.ja", progress)),
        _("Soseki"): _unspaced(_works(_SOSEKI, progress)),
        _("Miyazawa"): _unspaced(_works(_MIYAZAWA, progress)),
    }
    found = [_spread(snippets, per_class) for snippets in kinds.values()]
    texts = tuple(text for snippets in found for text in snippets)
    labels = np.repeat(np.arange(len(found)), [len(snippets) for snippets in found])
    runs = np.concatenate([np.arange(len(snippets)) // _RUN for snippets in found]) % 10
    rows = {
        "train": np.flatnonzero((runs != 2) & (runs % 5 != 4)),
        "validation": np.flatnonzero(runs == 2),
        "test": np.flatnonzero(runs % 5 == 4),
    }
    return LabelledTexts("languages", texts, labels, tuple(kinds), rows)


def _spaced(text: str) -> list[str]:
    return _snippets(_words(text), " ")


def _unspaced(text: str) -> list[str]:
    return _snippets("".join(_words(text)), "")


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _enja(file: str, progress: bool) -> str:
    size, sha256 = _ENJA[file]
    address = f"{_GITHUB}odashi/small_parallel_enja/master/{file}"
    return fetch(RemoteFile(f"small_parallel_enja/{file}", sha256, size, (address,)), progress).read_text(
        "utf-8"
    )


def _library() -> str:
    """What the modules of the standard library say, in code and comments; those that are absent are left out."""
    folder = Path(sysconfig.get_path("stdlib"))
    files = (folder / f"{name}.py" for name in _MODULES)
    return "\n".join(file.read_text("utf-8") for file in files if file.is_file())


def _works(files: Sequence[tuple[str, int, str]], progress: bool) -> str:
    return "\n".join(_work(*file, progress) for file in files)


def _work(folder: str, size: int, sha256: str, progress: bool) -> str:
    """A work of Aozora Bunko without its marks and its colophon."""
    path = f"cards/{folder}/{folder.rpartition('/')[2]}.txt"
    remote = RemoteFile(f"aozora/{path}", sha256, size, (_GITHUB + _AOZORA + path,))
    text = fetch(remote, progress).read_bytes().decode("cp932")
    body = text[list(_RULE.finditer(text))[-1].end() :]
    return _MARKS.sub("", _COLOPHON.split(body)[0])


def _snippets(units: Sequence[str], between: str) -> list[str]:
    """Words, each with the space after it, or characters, put together up to a length that is drawn at random."""
    random = derived_generator(0, "snippets")
    lengths = koubai.randint(_SHORTEST, _LONGEST + 1, (len(units),), generator=random).tolist()
    snippets: list[str] = []
    start = 0
    while start < len(units):
        end, length = start, 0
        while end < len(units) and length < lengths[len(snippets)]:
            length += len(units[end]) + len(between)
            end += 1
        snippets.append(between.join(units[start:end]))
        start = end
    return snippets


def _spread(snippets: list[str], count: int) -> list[str]:
    """At most `count` snippets, in whole runs that are evenly spaced over all of them."""
    runs, wanted = len(snippets) // _RUN, count // _RUN
    chosen = range(runs) if runs <= wanted else [run * runs // wanted for run in range(wanted)]
    return [text for run in chosen for text in snippets[run * _RUN : (run + 1) * _RUN]]
