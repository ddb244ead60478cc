"""Reads what a user wants an answer for: a picture, a CSV file, a row on the command line, a .npy file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from koubai.data import Schema
from koubai.i18n import _
from koubai.recipes.picture_file import SUFFIXES as PICTURES
from koubai.recipes.picture_file import open_picture
from koubai.recipes.rows import TABLES, is_row, read_rows

if TYPE_CHECKING:
    from koubai.recipes.labelled.predictor import LabelledPredictor

_BILINEAR = 2  # Pillow's number of this way to resize


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
        if kind in (*PICTURES, *TABLES, ".npy") or not is_row(source):
            raise FileNotFoundError(_("There is no file {path}.").format(path=source))
        return _rows(source, predictor)
    if kind in PICTURES:
        return _picture(path, predictor)
    if kind in TABLES:
        return _rows(source, predictor)
    if kind == ".npy":
        return _array(path, predictor)
    raise ValueError(
        _(
            "{path} is of no kind that can be read: a picture ({pictures}), a table ({tables}) or an array "
            "(.npy)."
        ).format(path=source, pictures=" ".join(PICTURES), tables=" ".join(TABLES))
    )


def _rows(source: str, predictor: LabelledPredictor) -> NDArray[Any]:
    columns = _columns(source, predictor)
    return columns.encode_inputs(read_rows(source, [column.name for column in columns.features]))


def _columns(source: str, predictor: LabelledPredictor) -> Schema:
    if predictor.columns is None:
        raise ValueError(
            _("This run answers for inputs of shape {shape}, not for rows of a table: {source}").format(
                shape=predictor.shape, source=source
            )
        )
    return predictor.columns


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
