"""The recipe "forecast": how a series goes on, with the interval in which it will lie nine times of ten."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

import koubai
from koubai import nn
from koubai.data import (
    Series,
    TensorDataset,
    airline_passengers,
    minimum_temperatures,
    series_from_csv,
    sunspots,
)
from koubai.engine.tensor import Tensor
from koubai.i18n import N_, _
from koubai.models import TemporalConvNet
from koubai.recipes.exhibit import Exhibit, Lines, Table
from koubai.recipes.outcome import Outcome
from koubai.recipes.predictor import AnswerOptions, Predictor
from koubai.recipes.recipe import Recipe
from koubai.recipes.settings import Settings
from koubai.recipes.task import Task

Values = NDArray[np.float64]

QUANTILES = (0.05, 0.5, 0.95)  # the ends of the interval, and the forecast itself
_TEST, _VALIDATION = 0.2, 0.15  # shares of the series, its end for the test
_LOADERS: dict[str, Callable[[], Series]] = {
    "airline": airline_passengers,
    "sunspots": sunspots,
    "temperatures": minimum_temperatures,
}


class ForecastSettings(Settings):
    """Settings of a forecast."""

    series: Literal["airline", "sunspots", "temperatures"] = Field(
        "airline", description=N_("passengers by month, sunspots by month, or coldest hours by day")
    )
    file: Annotated[Path, AfterValidator(Path.absolute)] | None = Field(
        None,
        description=N_("your own series: a CSV file with times in the first column, values in the last"),
        json_schema_extra={"unset": N_("none")},
    )
    season: int = Field(12, ge=1, description=N_("after how many values your own series repeats"))
    growing: bool = Field(False, description=N_("its swings grow with its level: look at logarithms"))
    model: Literal["gru", "cnn"] = Field("gru", description=N_("a GRU or causal convolutions"))
    window: int = Field(24, ge=2, description=N_("how many values it looks back"))
    horizon: int = Field(12, ge=1, description=N_("how many values it looks ahead"))
    hidden: int = Field(32, ge=1, description=N_("numbers it remembers"))
    dropout: float = Field(0.2, ge=0, lt=1, description=N_("share of them left out at random while training"))


class Forecaster(nn.Module):
    """Last season's course moved to today's level, and what a network over time makes of it.

    Args:
        model: "gru" or "cnn".
        hidden: numbers it remembers.
        horizon: values ahead.
        dropout: before the last layer.

    Shape:
        window (N, window + horizon, 3): the value or 0 where it is not known yet, the value one season before, and
        whether it is known; output (N, horizon, 3), the three quantiles.
    """

    def __init__(self, model: str, hidden: int, horizon: int, dropout: float) -> None:
        super().__init__()
        self.horizon = horizon
        self.course = _Gru(hidden) if model == "gru" else _Cnn(hidden)
        self.trust = nn.Parameter(koubai.ones(()))  # in last season's course
        self.dropout, self.head = nn.Dropout(dropout), nn.Linear(hidden, len(QUANTILES))

    def forward(self, window: Tensor) -> Tensor:
        """The quantiles of the values ahead."""
        ahead = self.course(window)[:, -self.horizon :]  # (N, horizon, hidden)
        season = window[:, -self.horizon :, 1:2]  # (N, horizon, 1)
        return self.trust * season + self.head(self.dropout(ahead))  # type: ignore[no-any-return]


class _Gru(nn.GRU):
    """Its outputs alone (N, L, hidden)."""

    def __init__(self, hidden: int) -> None:
        super().__init__(3, hidden, batch_first=True)

    def forward(self, window: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(window)[0]  # type: ignore[no-any-return]


class _Cnn(TemporalConvNet):
    """With time in the middle (N, L, hidden)."""

    def __init__(self, hidden: int) -> None:
        super().__init__(3, (hidden,) * 3)

    def forward(self, window: Tensor) -> Tensor:
        return super().forward(window.transpose(1, 2)).transpose(1, 2)  # type: ignore[no-any-return]


def pinball(output: Tensor, target: Tensor) -> Tensor:
    """The loss whose smallest value is at the quantiles (Koenker and Bassett 1978), their mean.

    Args:
        output: (N, horizon, 3).
        target: (N, horizon).
    """
    missed = target.unsqueeze(-1) - output
    quantiles = koubai.tensor(QUANTILES, dtype=output.dtype)
    return koubai.maximum(quantiles * missed, (quantiles - 1) * missed).mean()


class ForecastPredictor(Predictor):
    """Forecasts what follows a series.

    Attributes:
        window, horizon, season, growing: as trained.
        scale: what differences are divided by.
        last: the end of the series it was trained on, long enough to go on from.
    """

    window: int
    horizon: int
    season: int
    growing: bool
    scale: float
    last: tuple[float, ...]

    @property
    def back(self) -> int:
        """How far back the same time of a season lies of which all that the horizon needs is known."""
        return self.season * -(-self.horizon // self.season)

    @property
    def needed(self) -> int:
        """How many values must be known before the first that is forecast."""
        return self.window + self.back

    def answer(self, model: nn.Module, source: str, options: AnswerOptions) -> tuple[Exhibit, ...]:
        """What follows the values of a CSV file, or with "next" those it was trained on."""
        known = np.array(self.last) if source == "next" else self._read(source)
        quantiles = self.quantiles(model, known, np.array([len(known)]))[0]  # (horizon, 3)
        rows = tuple(
            (f"+{step}", *(f"{value:.4g}" for value in row[[1, 0, 2]]))
            for step, row in enumerate(quantiles, 1)
        )
        header = (N_("ahead"), N_("forecast"), N_("lower end"), N_("upper end"))
        return Table(header=header, rows=rows), _ahead(known[-3 * self.horizon :], quantiles)

    def _read(self, source: str) -> Values:
        series = series_from_csv(source, self.season, self.growing)
        if len(series) < self.needed:
            problem = _("{path}: {needed} values are needed to go on from, but there are {count}.")
            raise ValueError(problem.format(path=source, needed=self.needed, count=len(series)))
        return series.values

    def quantiles(self, model: nn.Module, values: Values, origins: NDArray[np.int64]) -> Values:
        """Quantiles of the values that follow each origin, in the series' unit (N, horizon, 3)."""
        inputs, levels = self.inputs(values, origins)
        model.eval()
        with koubai.no_grad():
            output = np.asarray(model(koubai.from_numpy(inputs)).numpy(), np.float64)
        found = np.sort(output * self.scale + levels[:, None, None], axis=2)
        return np.exp(found) if self.growing else found

    def inputs(self, values: Values, origins: NDArray[np.int64]) -> tuple[NDArray[np.float32], Values]:
        """What the model sees before each origin (N, window + horizon, 3), and the level there (N,)."""
        looked = np.log(values) if self.growing else values
        back = origins[:, None] + np.arange(-self.window, self.horizon)  # (N, window + horizon)
        past = np.clip(back, 0, len(values) - 1)
        seasonal = back - self.back
        known = np.broadcast_to(np.arange(-self.window, self.horizon) < 0, back.shape)
        levels = looked[past[:, : self.window]].mean(axis=1)
        before = looked[seasonal] - looked[seasonal[:, : self.window]].mean(axis=1, keepdims=True)
        now = np.where(known, looked[past] - levels[:, None], 0)
        whole = np.stack([now / self.scale, before / self.scale, known], axis=2)
        return whole.astype(np.float32), levels

    def targets(self, values: Values, origins: NDArray[np.int64]) -> NDArray[np.float32]:
        """What the model has to say for each origin (N, horizon)."""
        looked = np.log(values) if self.growing else values
        _, levels = self.inputs(values, origins)
        ahead = looked[origins[:, None] + np.arange(self.horizon)]
        return np.asarray((ahead - levels[:, None]) / self.scale, np.float32)


def forecast_task(settings: ForecastSettings) -> Task:
    """Windows of the series; those of a part end before the next part begins."""
    series = _load(settings)
    predictor = _predictor(series, settings)
    count, horizon = len(series), settings.horizon
    test, validation = round((1 - _TEST) * count), round((1 - _TEST - _VALIDATION) * count)
    first = predictor.needed
    if validation - first < horizon:
        problem = _(
            "{name} has {count} values, too few for a season of {season}, a window of {window} and {horizon} ahead."
        )
        raise ValueError(
            problem.format(
                name=series.name, count=count, season=series.season, window=settings.window, horizon=horizon
            )
        )
    bounds = {"train": (first, validation), "validation": (validation, test), "test": (test, count)}
    origins = {name: np.arange(start, end - horizon + 1) for name, (start, end) in bounds.items()}
    parts: dict[str, Any] = {name: _part(series, predictor, chosen) for name, chosen in origins.items()}
    return Task(
        **parts,
        loss=pinball,
        judge=partial(_judged, series, predictor, origins["test"]),
        predictor=predictor,
        headline="mae",
    )


def forecast_model(settings: ForecastSettings, predictor: ForecastPredictor) -> Forecaster:
    """The network that the settings ask for."""
    return Forecaster(settings.model, settings.hidden, settings.horizon, settings.dropout)


def _load(settings: ForecastSettings) -> Series:
    if settings.file is None:
        return _LOADERS[settings.series]()
    return series_from_csv(settings.file, settings.season, settings.growing)


def _predictor(series: Series, settings: ForecastSettings) -> ForecastPredictor:
    learnt = series.values[: round((1 - _TEST - _VALIDATION) * len(series))]
    looked = np.log(learnt) if series.growing else learnt
    sizes = {"window": settings.window, "horizon": settings.horizon, "season": series.season}
    whole = ForecastPredictor(**sizes, growing=series.growing, scale=float(looked.std()) or 1.0, last=())
    return whole.model_copy(update={"last": tuple(series.values[-whole.needed :].tolist())})


def _part(series: Series, predictor: ForecastPredictor, origins: NDArray[np.int64]) -> TensorDataset:
    inputs, _levels = predictor.inputs(series.values, origins)
    return TensorDataset(inputs, predictor.targets(series.values, origins))


def _judged(
    series: Series,
    predictor: ForecastPredictor,
    origins: NDArray[np.int64],
    model: nn.Module,
    test: TensorDataset,
) -> Outcome:
    """A forecast from every time of the test part, beside the value of one season before."""
    ahead = origins[:, None] + np.arange(predictor.horizon)  # (N, horizon)
    truth, naive = series.values[ahead], series.values[ahead - predictor.back]
    quantiles = predictor.quantiles(model, series.values, origins)
    low, forecast, high = np.moveaxis(quantiles, 2, 0)
    unit = _seasonal_error(series, predictor, origins[0])
    inside = float(((low <= truth) & (truth <= high)).mean())
    return Outcome(
        headline="mae",
        metrics=_errors(forecast - truth, unit) | {"coverage": inside},
        baseline=_errors(naive - truth, unit),
        baseline_name=N_("the value of one season before"),
        samples=len(origins),
        smaller_is_better=True,
        exhibits=(_course(series, predictor, quantiles, origins), _by_step(forecast - truth, naive - truth)),
        answers={"origin": origins, "truth": truth, "forecast": forecast, "low": low, "high": high},
    )


def _errors(missed: Values, unit: float) -> dict[str, float]:
    """Absolute, squared, and scaled by the seasonal forecast's error before the test (Hyndman and Koehler 2006)."""
    mean = float(np.abs(missed).mean())
    return {"mae": mean, "rmse": float(np.sqrt((missed**2).mean())), "mase": mean / unit}


def _seasonal_error(series: Series, predictor: ForecastPredictor, end: int) -> float:
    known = series.values[:end]
    return float(np.abs(known[predictor.season :] - known[: -predictor.season]).mean()) or 1.0


def _course(
    series: Series, predictor: ForecastPredictor, quantiles: Values, origins: NDArray[np.int64]
) -> Lines:
    """The test part, forecast in one piece after the other."""
    pieces = slice(None, None, predictor.horizon)
    places = (origins[pieces, None] + np.arange(predictor.horizon)).ravel()
    low, forecast, high = (quantiles[pieces, :, k].ravel() for k in range(3))
    return Lines(
        title=N_("The test part and its forecast"),
        curves={
            N_("measured"): series.values[places],
            N_("forecast"): forecast,
            N_("one season before"): series.values[places - predictor.back],
        },
        places=(places + 1).astype(np.float64),
        axis=N_("time"),
        bands={N_("90 % interval"): np.stack([low, high])},
        note=N_("Each piece is forecast from what was known before it."),
    )


def _by_step(missed: Values, naive: Values) -> Table:
    """The mean absolute error of each step ahead."""
    steps = zip(np.abs(missed).mean(axis=0).tolist(), np.abs(naive).mean(axis=0).tolist())
    rows = tuple((f"+{step}", f"{own:.4g}", f"{other:.4g}") for step, (own, other) in enumerate(steps, 1))
    header = (N_("ahead"), N_("this model"), N_("one season before"))
    return Table(title=N_("Mean absolute error by how far ahead"), header=header, rows=rows)


def _ahead(known: Values, quantiles: Values) -> Lines:
    """The end of what is known, and what will follow."""
    gap, horizon = np.full(len(known), np.nan), len(quantiles)
    low, forecast, high = (np.concatenate([gap, quantiles[:, k]]) for k in range(3))
    return Lines(
        curves={
            N_("measured"): np.concatenate([known, np.full(horizon, np.nan)]),
            N_("forecast"): forecast,
        },
        axis=N_("time"),
        bands={N_("90 % interval"): np.stack([low, high])},
    )


FORECAST = Recipe(
    "forecast",
    N_("how a series goes on: passengers, sunspots, temperatures, or your own"),
    forecast_task,
    forecast_model,
    ForecastPredictor,
    ForecastSettings,
    {"epochs": 100, "batch_size": 32, "lr": 0.003, "patience": 20, "weight_decay": 1e-4},
)
