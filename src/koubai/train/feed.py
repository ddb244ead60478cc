"""Turns whatever holds data into batches, and remembers how far into an epoch they were given.

`make_feed` takes loaders, data sets, and arrays `(X, y)`; batch size decides the kind of descent: `"full"` is
batch gradient descent, 1 is stochastic, anything between is mini-batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Literal

import numpy as np

import koubai
from koubai.data import DataLoader, TensorDataset
from koubai.devices import CPU
from koubai.engine.tensor import Tensor
from koubai.i18n import _
from koubai.train.batch import Batch

__all__ = ["BatchSize", "Feed", "make_feed"]

BatchSize = int | Literal["full"]


class Feed:
    """The batches of a source, epoch by epoch, from wherever it stands.

    Args:
        source: A loader. One that has `state_dict` and `load_state_dict` is asked to remember its place; of
            any other (such as a list of batches) the batches already given are skipped after a resume, which
            gives the same batches only if its order does not change.
        role: What error messages call it.

    Attributes:
        device: Where the batches are given, wherever the source has them.
    """

    def __init__(self, source: Iterable[Any], role: str) -> None:
        self.source = source
        self.role = role
        self.device = CPU
        self._remembers = hasattr(source, "state_dict") and hasattr(source, "load_state_dict")
        self._position = 0

    @property
    def batches(self) -> int | None:
        """How many batches an epoch has; None if the source does not say."""
        return _length(self.source)

    @property
    def samples(self) -> int | None:
        """How many samples an epoch has; None if the source does not say, or leaves some out."""
        drops = getattr(self.source, "drop_last", False)
        return None if drops else _length(getattr(self.source, "dataset", None))

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches of this epoch that were not yet given."""
        given = 0 if self._remembers else self._position
        for raw in islice(iter(self.source), given, None):
            self._position += 1
            batch = Batch.of(raw)
            yield batch if self.device is CPU else batch.on(self.device)
        if not self._position and not self._remembers:
            raise ValueError(
                f"the {self.role} data gave no batches; a generator can be read only once: make it a list or "
                "a DataLoader"
            )
        self._position = 0

    def state_dict(self) -> dict[str, Any]:
        """Return where the source stands."""
        return self.source.state_dict() if self._remembers else {"position": self._position}  # type: ignore[attr-defined]

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where the source stood."""
        if self._remembers:
            self.source.load_state_dict(state)  # type: ignore[attr-defined]
        else:
            self._position = state["position"]


def make_feed(
    data: Any, role: str, batch_size: BatchSize = 32, shuffle: bool = False, dtype: Any = None
) -> Feed:
    """Return the batches of `data`.

    Args:
        data: A loader (or any iterable of batches), a data set, arrays or tensors `(X, y)`, or one array `X`;
            lists of numbers are taken as arrays.
        role: What error messages call the data: "training", "validation".
        batch_size: Samples per batch, or `"full"`; not for loaders, which have their own.
        shuffle: Whether each epoch has another random order; not for loaders.
        dtype: What NumPy arrays and lists of floats are converted to (NumPy's own default is float64).

    Raises:
        ValueError: The data are empty, or inputs and targets differ in length.
    """
    arrays = data if isinstance(data, tuple) else (data,)
    if all(_is_array(array) or _is_numbers(array) for array in arrays):
        data = TensorDataset(*[_as_tensor(array, role, dtype) for array in arrays])
    if _length(data) == 0:
        raise ValueError(_("the {role} data are empty").format(role=_(role)))
    if isinstance(data, DataLoader) or not hasattr(data, "__getitem__") or isinstance(data, list | tuple):
        return Feed(data, role)
    size = len(data) if batch_size == "full" else batch_size
    return Feed(DataLoader(data, batch_size=size, shuffle=shuffle), role)


def _is_array(data: Any) -> bool:
    return isinstance(data, Tensor | np.ndarray)


def _is_numbers(data: Any) -> bool:
    """Whether these are numbers in lists, however deep; the first one decides."""
    first = data
    while isinstance(first, list | tuple) and first:
        first = first[0]
    return isinstance(data, list) and isinstance(first, int | float | np.number)


def _as_tensor(array: Any, role: str, dtype: Any) -> Tensor:
    if isinstance(array, list):
        array = _as_array(array, role)
    if isinstance(array, np.ndarray) and array.dtype.kind == "f" and dtype is not None:
        return koubai.tensor(array, dtype=dtype)
    return koubai.as_tensor(array)


def _as_array(numbers: list[Any], role: str) -> np.ndarray[Any, Any]:
    try:
        array = np.asarray(numbers)
    except ValueError:  # its message would go into the lists' depths, ours says what to do
        problem = _("the lists of the {role} data differ in length; make them equal, or give tensors")
        raise ValueError(problem.format(role=_(role))) from None
    if array.dtype.kind not in "biuf":
        problem = _("the lists of the {role} data hold other things than numbers")
        raise TypeError(problem.format(role=_(role)))
    return array


def _length(data: Any) -> int | None:
    try:
        return len(data)
    except TypeError:
        return None
