"""Who wrote this? Short snippets of everyday sentences, Shakespeare, Python, Soseki and Miyazawa.

Capitals and punctuation would give most away, so they are gone: only the words tell, in 10 to 40 characters.
"""

from __future__ import annotations

import re
import sysconfig
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

import koubai
from koubai.data.aozora import AozoraWork, aozora
from koubai.data.corpora import shakespeare, small_parallel_enja
from koubai.data.draw import derived_generator
from koubai.data.labelled_texts import LabelledTexts
from koubai.i18n import _

_SHORTEST, _LONGEST = 10, 40  # characters of a snippet
_RUN = 25  # snippets that stand one after the other, and go into the same part

_MODULES = (
    "argparse", "ast", "base64", "calendar", "cmd", "configparser", "contextlib", "copy", "csv", "difflib", "enum",
    "fractions", "functools", "gettext", "heapq", "inspect", "locale", "optparse", "pathlib", "pickle", "queue",
    "random", "shutil", "statistics", "string", "subprocess", "tarfile", "textwrap", "threading", "uuid",
)  # fmt: skip


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
    sentences, works = small_parallel_enja(progress)[0], aozora(progress)
    kinds = {
        _("English"): _spaced(_joined(sentences.english)),
        _("Shakespeare"): _spaced(shakespeare(progress)),
        _("Python"): _spaced(_library()),
        _("Japanese"): _unspaced(_joined(sentences.japanese)),
        _("Soseki"): _unspaced(_by("夏目漱石", works)),
        _("Miyazawa"): _unspaced(_by("宮沢賢治", works)),
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


def _joined(sentences: Iterable[Sequence[str]]) -> str:
    return "\n".join(map(" ".join, sentences))


def _by(author: str, works: Iterable[AozoraWork]) -> str:
    return "\n".join(work.text for work in works if work.author == author)


def _library() -> str:
    """What the modules of the standard library say, in code and comments; those that are absent are left out."""
    folder = Path(sysconfig.get_path("stdlib"))
    files = (folder / f"{name}.py" for name in _MODULES)
    return "\n".join(file.read_text("utf-8") for file in files if file.is_file())


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
