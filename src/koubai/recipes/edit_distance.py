"""How far a text is from what it should be: the fewest insertions, deletions and replacements that mend it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def edit_distance(answer: Sequence[str], truth: Sequence[str]) -> int:
    """The fewest changes of single items, letters or words, that make `truth` of `answer` (Levenshtein 1966)."""
    row = list(range(len(truth) + 1))
    for i, said in enumerate(answer, 1):
        diagonal, row[0] = row[0], i
        for j, meant in enumerate(truth, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (said != meant))
    return row[-1]


def character_error_rate(answers: Iterable[str], truths: Iterable[str]) -> float:
    """Changed letters per letter of the truths, spaces included; it can be above 1."""
    return _rate([(list(answer), list(truth)) for answer, truth in zip(answers, truths)])


def word_error_rate(answers: Iterable[str], truths: Iterable[str]) -> float:
    """Changed words per word of the truths; it can be above 1."""
    return _rate([(answer.split(), truth.split()) for answer, truth in zip(answers, truths)])


def _rate(pairs: Sequence[tuple[Sequence[str], Sequence[str]]]) -> float:
    changes = sum(edit_distance(answer, truth) for answer, truth in pairs)
    return changes / max(sum(len(truth) for _, truth in pairs), 1)
