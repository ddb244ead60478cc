"""Reads what a user wants an answer for: a picture, a CSV file, a row on the command line, a .npy file."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from koubai.data import Schema, Table, read_csv
from koubai.data.table import is_number
from koubai.i18n import _
from koubai.recipes.picture_file import SUFFIXES as PICTURES
from koubai.recipes.picture_file import open_picture

if TYPE_CHECKING:
    from koubai.recipes.labelled.predictor import LabelledPredictor

_BILINEAR = 2  # Pillow's number of this way to resize
_TABLES = (".csv", ".tsv", ".txt")


def read_inputs(source: str, predictor: LabelledPredictor) -> NDArray[Any]:
    """The user's input as the model's inputs before scaling.

    Args:
        source: path of a picture, a table or a .npy file; or the cells of one row, such as "5.1,3.5,1.4,0.2".
        predictor: what the run expects.

    Returns:
        inputs (N, *shape).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be read, has another shape, or holds NaN or infinity.
        ImportError: a picture was given and Pillow is not installed.
    """
    inputs = _read(Path(source), source, predictor)
    if not np.isfinite(inputs).all():
        raise ValueError(
            _("{source} holds NaN or infinite values; remove or fill them.").format(source=source)
        )
    return inputs


def _read(path: Path, source: str, predictor: LabelledPredictor) -> NDArray[Any]:
    kind = path.suffix.lower()
    if not path.is_file():
        if kind in (*PICTURES, *_TABLES, ".npy") or not _is_row(source):
            raise FileNotFoundError(_("There is no file {path}.").format(path=source))
        return _row(source, predictor)
    if kind in PICTURES:
        return _picture(path, predictor)
    if kind in _TABLES:
        return _table(path, predictor)
    if kind == ".npy":
        return _array(path, predictor)
    raise ValueError(
        _(
            "{path} is of no kind that can be read: a picture ({pictures}), a table ({tables}) or an array "
            "(.npy)."
        ).format(path=source, pictures=" ".join(PICTURES), tables=" ".join(_TABLES))
    )


def _is_row(source: str) -> bool:
    return "," in source or is_number(source)


def _row(source: str, predictor: LabelledPredictor) -> NDArray[Any]:
    columns = _columns(source, predictor)
    cells = tuple(cell.strip() for cell in source.split(","))
    return columns.encode_inputs(_named(Table(source, cells, (cells,), (1,)), columns))


def _table(path: Path, predictor: LabelledPredictor) -> NDArray[Any]:
    """A file whose header has the columns' names (others are left out), or one without a header."""
    columns = _columns(str(path), predictor)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    header = not _starts_with_data(path, delimiter)
    table = read_csv(path, delimiter=delimiter, header=header)
    return columns.encode_inputs(table if header else _named(table, columns))


def _columns(source: str, predictor: LabelledPredictor) -> Schema:
    if predictor.columns is None:
        raise ValueError(
            _("This run answers for inputs of shape {shape}, not for rows of a table: {source}").format(
                shape=predictor.shape, source=source
            )
        )
    return predictor.columns


def _named(table: Table, columns: Schema) -> Table:
    """A table without a header gets the names of the columns, if it has as many."""
    names = tuple(column.name for column in columns.features)
    if len(table.columns) != len(names):
        raise ValueError(
            _("{source} has {given} cells in a row, but there are {wanted} columns: {names}").format(
                source=table.path, given=len(table.columns), wanted=len(names), names=", ".join(names)
            )
        )
    return replace(table, columns=names)


def _starts_with_data(path: Path, delimiter: str) -> bool:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        first = next(csv.reader(file, delimiter=delimiter), [])
    return any(is_number(cell) for cell in first)


def _picture(path: Path, predictor: LabelledPredictor) -> NDArray[Any]:
    """A picture, brought to the size, the range and the background of the training pictures."""
    if len(predictor.shape) != 3:
        raise ValueError(
            _("This run answers for rows of a table, not for pictures: {path}").format(path=path)
        )
    channels, height, width = predictor.shape
    pixels = _pixels(path, "L" if channels == 1 else "RGB", (width, height))  # (H, W) or (H, W, 3), 0 to 1
    if channels == 1 and predictor.dark and pixels.mean() > 0.5:
        pixels = 1 - pixels  # dark ink on white paper, while the model learnt white on black
    values = predictor.low + pixels * (predictor.high - predictor.low)
    return values.reshape(1, height, width, channels).transpose(0, 3, 1, 2).astype(np.float32)  # (1, C, H, W)


def _pixels(path: Path, mode: str, size: tuple[int, int]) -> NDArray[np.float64]:
    small = open_picture(path, mode).resize(size, _BILINEAR)
    return np.asarray(small, dtype=np.float64) / 255


def _array(path: Path, predictor: LabelledPredictor) -> NDArray[Any]:
    """One input or several, in an array that NumPy wrote; pickled objects are never loaded."""
    try:
        values = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(
            _("{path} is not an array of numbers in NumPy's format.").format(path=path)
        ) from error
    inputs = values[None] if values.shape == predictor.shape else values
    if inputs.shape[1:] != predictor.shape or inputs.dtype.kind not in "fiub" or not len(inputs):
        raise ValueError(
            _(
                "{path} holds {dtype} of shape {shape}, but the run expects numbers of shape {wanted} or "
                "(N, …)."
            ).format(path=path, dtype=values.dtype, shape=values.shape, wanted=predictor.shape)
        )
    return np.asarray(inputs, dtype=np.float32)
