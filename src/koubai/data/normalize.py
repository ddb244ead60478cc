"""Brings inputs to a common scale, with numbers fitted on the training part alone.

Fit on the training inputs, then transform training, validation and test inputs with the same numbers; fitting
on all of them would let the test part leak into the training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from koubai.data.values import Kind, Values, same_kind, to_array

Axes = int | tuple[int, ...] | None


class Scaler:
    """The base of the scalers: `(x - offset) / scale`, where a subclass says how both are fitted.

    Args:
        axis: the axis (or axes) along which each position has numbers of its own. 1, the default, is per
            column of a table (N, F) and per channel of images (N, C, H, W); -1 is per feature of sequences
            (N, T, F); (1, 2, 3) is per pixel; None is one pair of numbers for everything.

    Attributes:
        offset: what is subtracted, or None before `fit`.
        scale: what it is then divided by, or None before `fit`.
    """

    kinds: ClassVar[dict[str, type[Scaler]]] = {}
    options: ClassVar[tuple[str, ...]] = ("axis",)

    def __init__(self, axis: Axes = 1) -> None:
        self.axis = axis
        self.offset: NDArray[np.float64] | None = None
        self.scale: NDArray[np.float64] | None = None

    def __init_subclass__(cls) -> None:
        Scaler.kinds[cls.__name__] = cls

    def measure(self, x: NDArray[Any], over: tuple[int, ...]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Offset and scale of the training inputs, taken over the axes `over`, which stay with length 1."""
        raise NotImplementedError(f"{type(self).__name__} has to define measure(x, over)")

    def fit(self, x: Values) -> Self:
        """Take the numbers from the training inputs.

        Args:
            x: tensor or array (N, ...).

        Returns:
            This scaler.

        Raises:
            ValueError: when x is empty, or holds NaN or infinity.
        """
        array = to_array(x)
        over = self._reduced_axes(array)
        _check_finite(self, array, over)
        self.offset, self.scale = (part.astype(np.float64) for part in self.measure(array, over))
        return self

    def transform(self, x: Kind) -> Kind:
        """Scale x; its shape is the fitted one, save for N and other axes along which the numbers are shared.

        Returns:
            A tensor where x is one, else an array, float32 unless x is float64.
        """
        array = to_array(x)
        offset, scale = self._fitted(array)
        return same_kind(_by_chunks(array, lambda part: (part - offset) / scale), x)

    def fit_transform(self, x: Kind) -> Kind:
        """`fit(x)`, then `transform(x)`."""
        return self.fit(x).transform(x)  # type: ignore[arg-type]

    def inverse_transform(self, x: Kind) -> Kind:
        """Undo `transform`."""
        array = to_array(x)
        offset, scale = self._fitted(array)
        return same_kind(_by_chunks(array, lambda part: part * scale + offset), x)

    def state_dict(self) -> dict[str, Any]:
        """The fitted numbers as plain lists, ready for JSON; `scaler_from_state` makes the scaler again."""
        offset, scale = self._fitted()
        options = {name: getattr(self, name) for name in self.options}
        return {"kind": type(self).__name__, **options, "offset": offset.tolist(), "scale": scale.tolist()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the numbers from `state_dict()` of a scaler of the same kind.

        Raises:
            ValueError: when it is the state of another kind.
        """
        if state.get("kind") != type(self).__name__:
            raise ValueError(f"not the state of {type(self).__name__}: its kind is {state.get('kind')!r}")
        for name in self.options:
            value = state[name]
            setattr(self, name, tuple(value) if isinstance(value, list) else value)  # JSON knows no tuples
        self.offset, self.scale = np.asarray(state["offset"]), np.asarray(state["scale"])

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={getattr(self, name)}" for name in self.options)
        return f"{type(self).__name__}({options})"

    def _reduced_axes(self, array: NDArray[Any]) -> tuple[int, ...]:
        if array.size == 0 or array.ndim == 0:
            raise ValueError(
                f"{type(self).__name__}: there is nothing to fit in an array of shape {list(array.shape)}"
            )
        kept = () if self.axis is None or array.ndim == 1 else np.atleast_1d(np.asarray(self.axis))
        own = {int(axis) % array.ndim for axis in kept}
        if 0 in own:
            raise ValueError(
                f"{type(self).__name__}: axis 0 counts the samples, so it cannot have numbers of its own"
            )
        return tuple(axis for axis in range(array.ndim) if axis not in own)

    def _fitted(self, like: NDArray[Any] | None = None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if self.offset is None or self.scale is None:
            raise RuntimeError(
                f"{type(self).__name__} has no numbers yet: call fit(x) with the training inputs first"
            )
        if like is not None and not _fits(self.offset.shape, like.shape):
            raise ValueError(
                f"{type(self).__name__} was fitted for shape {list(self.offset.shape)} (1: any length), "
                f"but the input has shape {list(like.shape)}"
            )
        return self.offset, self.scale


class Standardize(Scaler):
    """Mean 0 and standard deviation 1: x' = (x - mean) / std, with the std of the whole part (divided by N).

    Where all training values are equal, x' = x - value: the training part becomes 0, and nothing is
    divided by 0.

    Example:
        >>> scaler = Standardize().fit(train_x)
        >>> train_x, test_x = scaler.transform(train_x), scaler.transform(test_x)
    """

    def measure(self, x: NDArray[Any], over: tuple[int, ...]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Mean and standard deviation."""
        low, high = x.min(axis=over, keepdims=True), x.max(axis=over, keepdims=True)
        mean = x.mean(axis=over, keepdims=True, dtype=np.float64)
        squares = sum(((part - mean) ** 2).sum(axis=over, keepdims=True) for part in _chunks(x))
        std = np.sqrt(squares * mean.size / x.size)
        # A rounded mean would leave a tiny std where all values are equal, and dividing by it huge values.
        return np.where(low == high, low, mean), np.where((low == high) | (std == 0), 1.0, std)


class MinMaxScale(Scaler):
    """Smallest value to `low` and largest to `high`: x' = low + (x - min) / (max - min) * (high - low).

    Where all training values are equal, x' = low + (x - value). Later inputs may fall outside of the range.

    Args:
        low: what the smallest training value becomes.
        high: what the largest training value becomes.
        axis: as for every `Scaler`.

    Raises:
        ValueError: when low is not below high.
    """

    options: ClassVar[tuple[str, ...]] = ("low", "high", "axis")

    def __init__(self, low: float = 0.0, high: float = 1.0, axis: Axes = 1) -> None:
        super().__init__(axis)
        if not low < high:
            raise ValueError(f"MinMaxScale: low has to be below high, but they are {low} and {high}")
        self.low, self.high = low, high

    def measure(self, x: NDArray[Any], over: tuple[int, ...]) -> tuple[NDArray[Any], NDArray[Any]]:
        """The numbers that send the smallest value to `low` and the largest to `high`."""
        smallest = x.min(axis=over, keepdims=True).astype(np.float64)
        spread = x.max(axis=over, keepdims=True) - smallest
        scale = np.where(spread == 0, 1.0, spread / (self.high - self.low))
        return smallest - self.low * scale, scale


def scaler_from_state(state: dict[str, Any]) -> Scaler:
    """The scaler that `state` was taken from with `state_dict()`.

    Raises:
        ValueError: when it is not the state of a scaler.
    """
    kind = Scaler.kinds.get(str(state.get("kind")))
    if kind is None:
        raise ValueError(
            f"not the state of a scaler: its kind is {state.get('kind')!r}, not one of {list(Scaler.kinds)}"
        )
    scaler = kind()
    scaler.load_state_dict(state)
    return scaler


def _chunks(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Some thousand rows at a time, which keeps float64 intermediates of large data sets small."""
    for start in range(0, len(array), 2048):
        yield array[start : start + 2048]


def _by_chunks(array: NDArray[Any], change: Callable[[NDArray[Any]], NDArray[Any]]) -> NDArray[Any]:
    """Compute in float64, or a small spread around a large value would be rounded away, and return floats."""
    changed = np.empty(array.shape, array.dtype if array.dtype.kind == "f" else np.float32)
    for part, place in zip(_chunks(array), _chunks(changed)):
        place[...] = change(part)
    return changed


def _fits(fitted: tuple[int, ...], given: tuple[int, ...]) -> bool:
    return len(fitted) == len(given) and all(own in (1, length) for own, length in zip(fitted, given))


def _check_finite(scaler: Scaler, array: NDArray[Any], over: tuple[int, ...]) -> None:
    bad = ~np.isfinite(array)
    if bad.any():
        places = (
            np.argwhere(bad.any(axis=over))[:5].squeeze(axis=-1).tolist()
            if len(over) == array.ndim - 1
            else []
        )
        where = f", at {places} of axis {scaler.axis}" if places else ""
        name = type(scaler).__name__
        raise ValueError(
            f"{name}: {bad.sum()} of {array.size} values are NaN or infinite{where}; remove or fill them"
        )
