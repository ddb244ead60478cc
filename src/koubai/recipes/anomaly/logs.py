"""Finds lines of a log that are unlike those before: words, pairs of words and sizes of numbers, by an autoencoder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Literal
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from koubai import nn
from koubai.data import LogLines, log_lines
from koubai.i18n import N_, _
from koubai.recipes.anomaly.detector import AnomalyOptions, Case
from koubai.recipes.anomaly.samples import Inputs, Judged, SampleDetector, sample_case
from koubai.recipes.anomaly.settings import AnomalySettings
from koubai.recipes.exhibit import Exhibit, Table

_BUCKETS = 512  # that tokens and pairs of them fall into
_TEST, _VALIDATION = 10000, 4000  # lines
_ANOMALIES = 0.005  # the share of them in the test part
_SHOWN = 15
_LONGEST = 160  # letters of a line that are shown
_WORD = re.compile(r"[^\s\w]|\w+")
_HEX = re.compile(r"(?=.*\d)[0-9a-f]{6,}")
_SIZE = re.compile(r"(\d+)([a-z%]{0,3})")


class LogDetector(SampleDetector):
    """Everything between lines of text and how strange they are but the network."""

    data: Literal["logs"] = "logs"

    def answer(self, model: nn.Module, source: str, options: AnomalyOptions) -> Sequence[Exhibit]:
        """The lines of a text file, the most anomalous first, and what is strange in them."""
        threshold = self.line(options)
        numbered = _lines(Path(source))
        lines = [line for _number, line in numbered]
        errors = self.errors(model, counted(lines))
        scores = errors.mean(axis=1)
        most = np.argsort(-scores, kind="stable")[: options.count]
        rows = tuple(
            (
                numbered[k][0],
                f"{scores[k]:.4f}",
                _("an anomaly") if scores[k] >= threshold else _("usual"),
                strangest(lines[k], errors[k]),
                lines[k][:_LONGEST],
            )
            for k in most
        )
        header = (N_("line"), N_("score"), N_("verdict"), N_("strangest words"), N_("text"))
        note = _("{count} of {all} lines reach the threshold of {threshold:.4f}.").format(
            count=int((scores >= threshold).sum()), all=len(scores), threshold=threshold
        )
        return (Table(header=header, rows=rows, note=note),)


def log_case(settings: AnomalySettings) -> Case:
    """Lines without anomalies to learn from, and later ones with a few."""
    size = settings.samples
    usual = log_lines(size + _VALIDATION, 0.0, settings.seed)
    later = log_lines(_TEST, _ANOMALIES, settings.seed + 1)
    known, held = counted(usual.lines[:size]), counted(usual.lines[size:])
    detector = LogDetector(features=_BUCKETS, shape=settings.shape)
    return sample_case(
        detector, known, held, (counted(later.lines), later.anomalous), settings, partial(_shown, later)
    )


def counted(lines: Sequence[str]) -> Inputs:
    """How often the tokens of each line, and pairs of neighbours, fall into each bucket (N, buckets)."""
    counts = np.zeros((len(lines), _BUCKETS), np.float32)
    for row, line in zip(counts, lines):
        for place in _buckets(tokens(line)):
            row[place] += 1
    return np.sqrt(counts)


def tokens(line: str) -> list[str]:
    """The words of a line; of a number only how many digits it has, and its unit.

    Example:
        >>> tokens("GET /item/812 200 40ms")
        ['get', '/', 'item', '/', '#3', '#3', '#2ms']
    """
    return [_shape(word) for word in _WORD.findall(line.lower())]


def strangest(line: str, errors: NDArray[np.float64], count: int = 3) -> str:
    """The words of a line whose buckets have the largest errors."""
    words = list(dict.fromkeys(tokens(line)))
    words.sort(key=lambda word: -errors[_bucket(word)])
    return " ".join(words[:count])


def _shape(word: str) -> str:
    size = _SIZE.fullmatch(word)
    if size:
        return f"#{len(size[1])}{size[2]}"
    return "#hex" if _HEX.fullmatch(word) else re.sub(r"\d", "0", word)


def _buckets(words: Sequence[str]) -> list[int]:
    return [_bucket(word) for word in words] + [_bucket(f"{a} {b}") for a, b in pairwise(words)]


def _bucket(word: str) -> int:
    return crc32(word.encode()) % _BUCKETS


def _lines(path: Path) -> list[tuple[int, str]]:
    """The lines of a text file that are not blank, with their numbers.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no text, or empty.
    """
    if not path.is_file():
        raise FileNotFoundError(_("There is no file {path}.").format(path=path))
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(_("{path} is not text in UTF-8.").format(path=path)) from error
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise ValueError(_("{path} has no lines.").format(path=path))
    return lines


def _shown(later: LogLines, judged: Judged) -> Sequence[Exhibit]:
    """The most anomalous lines, what is strange in them, and which are anomalies."""
    rows = []
    for k in judged.most(_SHOWN):
        line = later.lines[judged.places[k]]
        truth = _("anomaly") if judged.anomalous[k] else _("usual")
        rows.append((f"{judged.scores[k]:.4f}", truth, strangest(line, judged.errors[k]), line))
    header = (N_("score"), N_("truth"), N_("strangest words"), N_("text"))
    return (Table(title=N_("The most anomalous lines"), header=header, rows=tuple(rows)),)
