"""What a result has to show: tables, texts, pictures, curves. Plain data that a run keeps and a report draws.

A recipe says what a person wants to look at for its task by giving some of these; `koubai.report` knows how
each is drawn, so a recipe draws nothing. Titles, headers and the names in captions are marked with `N_` and
translated where they are shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from koubai.i18n import N_

Array = NDArray[Any]
Caption = tuple[tuple[str, str], ...]  # names and values, such as (("true", "7"), ("predicted", "1"))


class Exhibit(BaseModel):
    """One thing to look at.

    Attributes:
        title: above it; empty for none.
        note: a sentence below it; empty for none.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True, extra="forbid")
    wide: ClassVar[bool] = True  # whether it wants a line of its own

    title: str = ""
    note: str = ""


class Table(Exhibit):
    """Rows of cells.

    Attributes:
        header: a title for each column; empty for none.
        rows: the cells, as text or numbers.
    """

    header: tuple[str, ...] = ()
    rows: tuple[tuple[str | int | float, ...], ...]


class Texts(Exhibit):
    """Passages of text, each below its caption.

    Attributes:
        passages: captions and texts; line breaks are kept.
    """

    passages: tuple[tuple[str, str], ...]


class Box(BaseModel):
    """A box on a picture, in pixels from its upper left corner.

    Attributes:
        left, top, right, bottom: its edges.
        true: whether it is where something is, or where the model sees something.
        name: what stands beside it, such as "7 98 %"; empty for nothing.
    """

    left: float
    top: float
    right: float
    bottom: float
    true: bool = False
    name: str = ""


class Pictures(Exhibit):
    """Pictures in rows, each above its caption.

    Attributes:
        images: (N, H, W), (N, 1, H, W) or (N, 3, H, W), of any range.
        captions: for each picture names and values.
        boxes: for each picture the boxes drawn on it; empty for none.
        heat: (N, H, W), laid over the pictures from 0 (nothing) to its largest size, red what is positive and blue what
            is negative, or None.
    """

    images: Array
    captions: tuple[Caption, ...]
    boxes: tuple[tuple[Box, ...], ...] = ()
    heat: Array | None = None


class Confusion(Exhibit):
    """How often each true class was taken for each class.

    Attributes:
        names: of the classes.
        counts: (true class, predicted class).
    """

    wide: ClassVar[bool] = False
    names: tuple[str, ...]
    counts: Array


class Agreement(Exhibit):
    """Predicted values over true ones.

    Attributes:
        truth: the true values (N,).
        predicted: the predicted values (N,).
    """

    wide: ClassVar[bool] = False
    truth: Array
    predicted: Array


class Lines(Exhibit):
    """Curves over time or over any axis.

    Attributes:
        curves: values (N,) by name; NaN leaves a gap.
        places: where the values lie on the axis (N,), or None for 1 to N.
        axis: what they run over.
        bands: lower and upper ends (2, N) by name, shaded, as for prediction intervals.
        windows: (start, end) on the axis, shaded over the whole height, as for known anomalies.
        marks: places on the axis with a line, as for alarms.
    """

    curves: Mapping[str, Array]
    places: Array | None = None
    axis: str = ""
    bands: Mapping[str, Array] = {}
    windows: tuple[tuple[float, float], ...] = ()
    marks: tuple[float, ...] = ()


class HeatMap(Exhibit):
    """A matrix as colours, such as attention between words.

    Attributes:
        values: (rows, columns).
        rows: a name for each row.
        columns: a name for each column.
        cells: for each row what is written into its cells; empty for nothing.
    """

    values: Array
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...] = ()


class Bars(Exhibit):
    """Named values as horizontal bars.

    Attributes:
        names: of the bars.
        values: their lengths (N,).
    """

    wide: ClassVar[bool] = False
    names: tuple[str, ...]
    values: Array


class Tokens(Exhibit):
    """Words of a text, each coloured by its weight: red what is positive, blue what is negative.

    Attributes:
        words: in their order.
        weights: of the words (N,).
        meanings: what red and blue mean; empty for a colour that does not occur.
    """

    words: tuple[str, ...]
    weights: Array
    meanings: tuple[str, str] = (N_("red: for it"), N_("blue: against it"))


KINDS: dict[str, type[Exhibit]] = {
    kind.__name__: kind
    for kind in (Table, Texts, Pictures, Confusion, Agreement, Lines, HeatMap, Bars, Tokens)
}


def packed(exhibits: Sequence[Exhibit]) -> tuple[list[dict[str, Any]], dict[str, Array]]:
    """The exhibits as JSON's kinds of values, and their arrays by name, for a file of arrays.

    In the place of an array stands None, of a mapping of arrays their names in order.
    """
    plain: list[dict[str, Any]] = []
    arrays: dict[str, Array] = {}
    for number, exhibit in enumerate(exhibits):
        own = _arrays(exhibit)
        for field, value in own.items():
            named = (
                {field: value}
                if isinstance(value, np.ndarray)
                else {f"{field}.{k}": v for k, v in value.items()}
            )
            arrays |= {f"{number}.{name}": np.ascontiguousarray(array) for name, array in named.items()}
        places = {
            field: None if isinstance(value, np.ndarray) else list(value) for field, value in own.items()
        }
        rest = exhibit.model_dump(mode="json", exclude=set(own))
        plain.append({"kind": type(exhibit).__name__, "arrays": places} | rest)
    return plain, arrays


def unpacked(plain: Sequence[Mapping[str, Any]], arrays: Mapping[str, Array]) -> tuple[Exhibit, ...]:
    """The exhibits that `packed` took apart."""
    return tuple(_whole(number, dict(fields), arrays) for number, fields in enumerate(plain))


def _arrays(exhibit: Exhibit) -> dict[str, Any]:
    """The fields of an exhibit that hold an array or a mapping of arrays."""
    return {field: value for field, value in exhibit if isinstance(value, np.ndarray | Mapping)}


def _whole(number: int, fields: dict[str, Any], arrays: Mapping[str, Array]) -> Exhibit:
    kind = KINDS[fields.pop("kind")]
    for field, names in fields.pop("arrays").items():
        place = f"{number}.{field}"
        fields[field] = (
            arrays[place] if names is None else {name: arrays[f"{place}.{name}"] for name in names}
        )
    return kind.model_validate(fields)
