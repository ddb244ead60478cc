"""Quantiles, the most frequent value, covariances, and counts in bins."""

from __future__ import annotations

from koubai import dtypes
from koubai.engine.tensor import Tensor
from koubai.functions.gathering import as_line, flat, gather
from koubai.functions.operands import as_float, as_type, method, normalize_dim
from koubai.functions.sorting import Ordered, names_its_result, sort
from koubai.ops import elementwise as maps
from koubai.ops import opaque

_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


@method
@names_its_result
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Ordered:
    """Return the most frequent value along `dim` (the smallest of several), and where it last stands."""
    at, line = normalize_dim(dim, input.ndim), as_line(input)
    indices = opaque.mode_position(line.detach(), dim=at)
    found = Ordered(gather(line, at, indices), indices)
    return found if keepdim and input.ndim else Ordered(*(tensor.squeeze(at) for tensor in found))


def _quantile(
    input: Tensor, q: float | Tensor, dim: int | None, keepdim: bool, interpolation: str, skip_nan: bool
) -> Tensor:
    if interpolation not in _INTERPOLATIONS:
        raise RuntimeError(f"quantile: interpolation must be one of {_INTERPOLATIONS}, got {interpolation!r}")
    if not dtypes.is_floating(input.dtype):
        raise RuntimeError(
            f"quantile() of {input.dtype} is not defined; convert first: x.float().quantile(q)"
        )
    share = q if isinstance(q, Tensor) else input.new_full((), q)
    at = -1 if dim is None else normalize_dim(dim, input.ndim)
    line = flat(input) if dim is None else as_line(input).movedim(at, -1)  # (…, N)
    ordered = sort(line, -1).values
    place = _place(line, share, skip_nan)  # (…, Q)
    found = _read(ordered, place, interpolation).movedim(-1, 0)  # (Q, …)
    if keepdim and input.ndim:
        found = found.reshape((-1,) + (1,) * input.ndim) if dim is None else found.unsqueeze(at + 1)
    return found if share.ndim else found.squeeze(0)


def _place(line: Tensor, share: Tensor, skip_nan: bool) -> Tensor:
    """Return where in the ordered line the quantiles lie, as fractions; if NaN counts, then on it."""
    last, nan = line.shape[-1] - 1, maps.isnan(line)
    if skip_nan:
        end = (last - nan.sum(-1, keepdim=True)).clamp(min=0)
        return as_type(end, line.dtype) * share.reshape((-1,))
    place = share.reshape((-1,)) * last
    return maps.where(nan.any(-1, keepdim=True), maps.zero(line) + last, place)  # type: ignore[no-any-return]


def _read(ordered: Tensor, place: Tensor, interpolation: str) -> Tensor:
    """Return the values at fractional places, between the two neighbours."""
    below, above = maps.floor(place), maps.ceil(place)
    if interpolation in ("lower", "higher", "nearest"):
        chosen = {"lower": below, "higher": above, "nearest": maps.round_(place)}[interpolation]
        return gather(ordered, -1, chosen.long())
    low, high = gather(ordered, -1, below.long()), gather(ordered, -1, above.long())
    return low + (high - low) * (0.5 if interpolation == "midpoint" else place - below)


@method
def quantile(
    input: Tensor,
    q: float | Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """Return the values below which the share `q` of the elements lies; NaN if one of them is NaN.

    Args:
        input: a floating tensor.
        q: a number from 0 to 1, or a vector of them, whose dimension comes first in the result.
        dim: the dimension to reduce; the whole tensor by default.
        keepdim: keep it with length 1.
        interpolation: between two elements: "linear", "lower", "higher", "midpoint" or "nearest".

    Raises:
        RuntimeError: for integers, or another interpolation.
    """
    return _quantile(input, q, dim, keepdim, interpolation, skip_nan=False)


@method
def nanquantile(
    input: Tensor,
    q: float | Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """Return the quantiles of what is not NaN; arguments as for `quantile`."""
    return _quantile(input, q, dim, keepdim, interpolation, skip_nan=True)


@method
def cov(
    input: Tensor, *, correction: float = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """Return the covariances of variables.

    Args:
        input: one variable a row, one observation a column: (V, N); or one variable: (N,).
        correction: the covariances are divided by the number of observations minus this.
        fweights: how often each observation was made: (N,), whole numbers.
        aweights: how much each observation counts: (N,).

    Returns:
        a symmetric matrix (V, V), or a single number for one variable.

    Raises:
        RuntimeError: for more than two dimensions.
    """
    if input.ndim > 2:
        raise RuntimeError(f"cov: needs variables in rows, at most two dimensions, got {list(input.shape)}")
    x = as_float(input)
    x = x if x.ndim == 2 else x.reshape((1, -1))
    weights = x.new_ones(x.shape[1:]) if fweights is None else fweights
    weights = weights if aweights is None else aweights if fweights is None else fweights * aweights
    total = weights.sum()
    degrees = total - correction * (1 if aweights is None else (weights * aweights).sum() / total)
    away = x - (x * weights).sum(1, keepdim=True) / total
    found = (away * weights) @ away.mT / degrees.clamp(min=0)
    return found if input.ndim == 2 and len(input) != 1 else found.reshape(())


@method
def corrcoef(input: Tensor) -> Tensor:
    """Return the correlations of variables in the rows of (V, N): a matrix (V, V), or 1 for a single variable."""
    covariances = cov(input)
    if covariances.ndim == 0:
        return covariances / covariances
    deviations = maps.sqrt(covariances.diagonal())
    return covariances / deviations.unsqueeze(1) / deviations.unsqueeze(0)  # type: ignore[no-any-return]


@method
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """Return how many elements lie in each of some bins of equal width.

    Args:
        input: a floating tensor.
        bins: how many.
        min: the lower end of the first bin; with both ends 0, the smallest element.
        max: the upper end of the last bin, which it includes; with both ends 0, the largest element.

    Raises:
        RuntimeError: if there is no bin, or `max` is below `min`.
    """
    if bins < 1 or max < min:
        raise RuntimeError(
            f"histc: needs at least one bin and min <= max, got {bins} bins from {min} to {max}"
        )
    return opaque.histogram(input, bins=bins, low=float(min), high=float(max))  # type: ignore[no-any-return]


__all__ = ["corrcoef", "cov", "histc", "mode", "nanquantile", "quantile"]
