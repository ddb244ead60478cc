"""DNA: sequences with classes, made up around a hidden motif, or from a CSV file of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import koubai
from koubai.data.draw import derived_generator
from koubai.data.table import read_csv, wrong
from koubai.i18n import _

LETTERS = "ACGT"


@dataclass(frozen=True)
class Sequences:
    """Sequences of one length, with their classes.

    Attributes:
        name: of the data set.
        codes: the letters as places in `LETTERS` (N, length); -1 for N, which may be any of them.
        labels: the class of each (N,).
        class_names: the name of each class.
        motif: what was planted, or "" where that is not known.
        places: where it was planted (N,), -1 where it was not.
    """

    name: str
    codes: NDArray[np.int64]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    motif: str = ""
    places: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        length, classes = self.codes.shape[1], len(self.class_names)
        return f"Sequences({self.name!r}: {len(self)} of {length} letters; {classes} classes)"


def planted_motif(
    count: int = 4000, length: int = 120, motif: str = "TATAAAAG", mutation: float = 0.1, seed: int = 0
) -> Sequences:
    """Random sequences, half of them with a motif at a random place, its letters changed now and then.

    The other half holds the same letters in a random order, so that no count of letters tells them apart. The
    default is the TATA box, which tells where many genes begin.

    Args:
        count: how many sequences.
        length: letters of each.
        motif: what is planted.
        mutation: the chance that a planted letter is replaced by one at random.
        seed: the same seed gives the same sequences.
    """
    random = derived_generator(seed, "motif")
    codes = koubai.randint(0, 4, (count, length), generator=random).numpy().copy()
    labels = np.arange(count) % 2
    width = len(motif)
    places = koubai.randint(0, length - width + 1, (count,), generator=random).numpy()
    letters = np.tile(encode(motif), (count, 1))
    orders = koubai.rand(count, width, generator=random).numpy().argsort(axis=1)
    letters = np.where(labels[:, None] == 1, letters, np.take_along_axis(letters, orders, axis=1))
    other = koubai.randint(0, 4, (count, width), generator=random).numpy()
    changed = koubai.rand(count, width, generator=random).numpy() < mutation
    rows = np.arange(count)[:, None]
    codes[rows, places[:, None] + np.arange(width)] = np.where(changed, other, letters)
    places = np.where(labels == 1, places, -1)
    return Sequences("motif", codes, labels, (_("without"), _("with motif")), motif, places)


def sequences_from_csv(path: str | Path, sequence: str = "sequence", label: str = "label") -> Sequences:
    """Read sequences and their classes from a CSV file; U is read as T, N is any letter.

    Args:
        path: the file.
        sequence: the column of the sequences, all of one length.
        label: the column of the classes.

    Raises:
        ValueError: when the file or a cell is wrong, with file, line and column.

    Example:
        >>> promoters = sequences_from_csv("promoters.csv")
    """
    table = read_csv(path)
    cells, labels = table.cells(sequence), table.cells(label)
    rows = []
    for row, cell in enumerate(cells):
        try:
            rows.append(encode(cell))
        except ValueError as error:
            raise table.error(row, sequence, str(error)) from error
        if len(cell) != len(cells[0]):
            problem = _("{count} letters, but the first sequence has {first}")
            raise table.error(row, sequence, problem.format(count=len(cell), first=len(cells[0])))
    class_names = tuple(sorted(set(labels)))
    if len(class_names) < 2:
        raise wrong(path, _("all sequences are of one class"))
    numbers = np.array([class_names.index(cell) for cell in labels])
    return Sequences(Path(path).stem, np.stack(rows), numbers, class_names)


def encode(text: str) -> NDArray[np.int64]:
    """The letters of a sequence as places in `LETTERS`, -1 for N.

    Raises:
        ValueError: when another letter stands there, or none at all.
    """
    letters = text.strip().upper().replace("U", "T")
    if not letters:
        raise ValueError(_("the sequence is empty"))
    strange = sorted(set(letters) - set(LETTERS + "N"))
    if strange:
        raise ValueError(
            _("{letter!r} is no letter of DNA or RNA (A, C, G, T, U, N)").format(letter=strange[0])
        )
    return np.array([LETTERS.find(letter) for letter in letters])


def one_hot(codes: NDArray[np.int64]) -> NDArray[np.float32]:
    """Four channels, one for each letter (N, 4, length); a quarter in each where it may be any."""
    whole = (codes[:, None] == np.arange(4)[:, None]).astype(np.float32)
    return np.where(codes[:, None] < 0, np.float32(0.25), whole)
