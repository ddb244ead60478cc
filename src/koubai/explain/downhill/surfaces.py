"""Surfaces with a name: the classical test functions of optimization, and regressions on real data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import koubai
from koubai.data import diabetes
from koubai.engine.tensor import Tensor
from koubai.explain.downhill.surface import Array, Rows, Surface
from koubai.i18n import _

__all__ = ["SURFACES", "regression", "standardized", "surface"]

Point = tuple[float, float]


def _bowl() -> Surface:
    return Surface(
        _("an ill-conditioned bowl: steep one way, flat the other"),
        "L = (x² + 16y²) / 2",
        lambda x, y, rows: (x**2 + 16 * y**2) / 2,
        start=(-4.0, 1.3),
        bounds=((-5.0, 2.5), (-2.2, 2.2)),
        lowest=0.0,
        minima=((0.0, 0.0),),
    )


def _rosenbrock() -> Surface:
    return Surface(
        _("Rosenbrock's curved valley"),
        "L = (1 − x)² + 100(y − x²)²",
        lambda x, y, rows: (1 - x) ** 2 + 100 * (y - x**2) ** 2,
        start=(-1.2, 1.0),
        bounds=((-1.9, 1.9), (-0.9, 2.6)),
        lowest=0.0,
        minima=((1.0, 1.0),),
        steps=300,
    )


def _beale(x: Tensor, y: Tensor, rows: Rows) -> Tensor:
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def _beale_surface() -> Surface:
    return Surface(
        _("Beale's function: plains with steep walls"),
        "L = (1.5 − x + xy)² + (2.25 − x + xy²)² + (2.625 − x + xy³)²",
        _beale,
        start=(1.0, 1.5),
        bounds=((-0.5, 4.2), (-1.3, 1.9)),
        lowest=0.0,
        minima=((3.0, 0.5),),
        steps=200,
    )


def _saddle() -> Surface:
    return Surface(
        _("a saddle: flat at the pass, downhill to both sides"),
        "L = x²/2 − y²/2 + y⁴/4",
        lambda x, y, rows: x**2 / 2 - y**2 / 2 + y**4 / 4,
        start=(-1.6, 0.002),
        bounds=((-2.1, 1.3), (-1.5, 1.5)),
        lowest=-0.25,
        minima=((0.0, 1.0), (0.0, -1.0)),
    )


def _many_minima() -> Surface:
    lowest = -2.9035340277711771
    return Surface(
        _("four valleys, one of them the deepest (Styblinski and Tang)"),
        "L = (x⁴ − 16x² + 5x + y⁴ − 16y² + 5y) / 2",
        lambda x, y, rows: (x**4 - 16 * x**2 + 5 * x + y**4 - 16 * y**2 + 5 * y) / 2,
        start=(4.2, 0.3),
        bounds=((-4.6, 4.8), (-4.6, 4.6)),
        lowest=-78.33233140754282,
        minima=((lowest, lowest),),
    )


def regression(
    inputs: Array,
    targets: Array,
    *,
    title: str = "",
    start: tuple[float, float] | None = None,
    steps: int = 150,
) -> Surface:
    """The loss of a line, L(w, b) = mean((wx + b − t)²), over the samples of some data.

    Args:
        inputs: x of each sample, (N,).
        targets: t of each sample, (N,).
        title: what the data are.
        start: where descents begin; by default as far from the minimum as the map shows.
        steps: of the optimizers.

    Returns:
        a surface over w and b, around the minimum, which least squares give.

    Raises:
        ValueError: the two are not of one length, there are fewer than three samples, or x is constant.

    Example:
        >>> surface = regression(house.area, house.price, title="prices of houses")
    """
    given = np.asarray(inputs, np.float64).reshape(-1), np.asarray(targets, np.float64).reshape(-1)
    _check(*given)
    x, t = map(koubai.from_numpy, given)

    def loss(w: Tensor, b: Tensor, rows: Rows) -> Tensor:
        xs, ts = (x, t) if rows is None else (x[rows], t[rows])
        return ((w.unsqueeze(-1) * xs + b.unsqueeze(-1) - ts) ** 2).mean(-1)  # (..., samples) -> (...)

    best, lowest = _least_squares(*given)
    begin, bounds = _surroundings(best, start)
    return Surface(
        title or _("a line through data"),
        _("L(w, b) = mean of (wx + b − t)² over {count:,} samples").format(count=len(given[0])),
        loss,
        start=begin,
        bounds=bounds,
        lowest=lowest,
        minima=((float(best[0]), float(best[1])),),
        names=("w", "b"),
        samples=len(given[0]),
        steps=steps,
    )


def _least_squares(x: Array, t: Array) -> tuple[Array, float]:
    """The best w and b, and their loss."""
    design = np.stack([x, np.ones(len(x))], axis=1)  # (samples, 2)
    best = np.asarray(np.linalg.lstsq(design, t, rcond=None)[0], np.float64)
    return best, float(np.mean((design @ best - t) ** 2))


def _surroundings(best: Array, start: Point | None) -> tuple[Point, tuple[Point, Point]]:
    """Where descents begin, and a square around the minimum that has room for it."""
    w, b = map(float, best)
    reach = max(1.0, 2 * abs(w), 2 * abs(b))
    begin = start or (w - reach, b + 0.8 * reach)
    around = 1.3 * max(abs(w - begin[0]), abs(b - begin[1]))
    return begin, ((w - around, w + around), (b - around, b + around))


def _check(inputs: Array, targets: Array) -> None:
    if inputs.shape != targets.shape or len(inputs) < 3:
        problem = _(
            "a regression needs as many targets as inputs, at least 3; there are {targets} and {inputs}"
        )
        raise ValueError(problem.format(targets=len(targets), inputs=len(inputs)))
    if not (np.isfinite(inputs).all() and np.isfinite(targets).all()):
        raise ValueError(_("the data of a regression have to be finite numbers"))
    if np.ptp(inputs) == 0:
        raise ValueError(_("all inputs of the regression are the same; no line can be fitted"))


def standardized(values: Array) -> Array:
    """Bring numbers to mean 0 and standard deviation 1."""
    return np.asarray((values - values.mean()) / (values.std() or 1.0))


def _body_mass() -> tuple[Array, Array]:
    """Body-mass index (kg/m²) and, with mean 0 and deviation 1, the progress of diabetes."""
    data = diabetes(test=0.1)
    inputs, targets = (np.asarray(tensor.numpy(), np.float64) for tensor in data.train.tensors)
    return inputs[:, data.feature_names.index("bmi")], standardized(targets[:, 0])


def _diabetes() -> Surface:
    inputs, targets = _body_mass()
    title = _("diabetes data: progress by body-mass index, input with mean 0 and deviation 1")
    return regression(standardized(inputs), targets, title=title, start=(-0.9, 1.1), steps=100)


def _diabetes_unscaled() -> Surface:
    """In units of 10 kg/m² the input's mean is 2.6, so w and b pull at the same rope."""
    inputs, targets = _body_mass()
    title = _("the same diabetes data, input not centred (10 kg/m²)")
    return regression(inputs / 10, targets, title=title, start=(-0.6, 0.4))


SURFACES: dict[str, Callable[[], Surface]] = {
    "bowl": _bowl,
    "rosenbrock": _rosenbrock,
    "beale": _beale_surface,
    "saddle": _saddle,
    "valleys": _many_minima,
    "regression": _diabetes,
    "unscaled": _diabetes_unscaled,
}
"""Makes each surface that has a name."""


def surface(name: str) -> Surface:
    """Return the surface of a name.

    Args:
        name: a key of `SURFACES`.

    Raises:
        ValueError: there is none of this name.
        ImportError: the data come with scikit-learn, which is not installed.
    """
    if name not in SURFACES:
        message = _("There is no surface {name}; there are {names}.")
        raise ValueError(message.format(name=name, names=", ".join(SURFACES)))
    return SURFACES[name]()
