"""Finds anomalies in series: a small autoencoder for each, which learns from the beginning of the series alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

import koubai
from koubai import nn, optim
from koubai.data import DataLoader, LabelledSeries, TensorDataset, nab_series, timed_series
from koubai.data.draw import derived_generator, permutation
from koubai.data.nab_files import NAB_FILES
from koubai.i18n import N_, _
from koubai.models import Autoencoder
from koubai.recipes.anomaly.detector import AnomalyOptions, Detector
from koubai.recipes.anomaly.nab_score import detections, probation
from koubai.recipes.anomaly.parallel import parallel_autoencoder
from koubai.recipes.anomaly.surprise import surprise, told_once
from koubai.recipes.exhibit import Exhibit, Lines, Table
from koubai.train import Trainer

Values = NDArray[np.float64]

ERRORS = ("reconstruction", "forecast", "both")

_SAMPLES = 4320  # windows of each series in an epoch, those of short series several times
_LEAST = 8  # windows that a network can be trained on
_BATCH = 4096  # windows per forward pass


class Found(NamedTuple):
    """What a detector says of a series.

    Attributes:
        errors: of the network (N,), in standard deviations of the series' beginning.
        surprise: how rare they are (N,).
        scores: the same, told only once (N,).
    """

    errors: Values
    surprise: Values
    scores: Values


class SeriesDetector(Detector):
    """Everything between a series and its anomalies but the networks.

    Attributes:
        names: the series that have a network in the model.
        window, hidden, code: of a network.
        error: what its error is: of the newest value of a window reproduced, of the one that follows, or both.
        epochs, batch_size, lr, seed: of the training, which a new series is trained with too.
    """

    data: Literal["nab"] = "nab"
    names: tuple[str, ...]
    window: int
    hidden: int
    code: int
    error: Literal["reconstruction", "forecast", "both"]
    epochs: int
    batch_size: int
    lr: float
    seed: int

    def network(self) -> Autoencoder:
        """A network for each series."""
        return parallel_autoencoder(len(self.names), self.window, self.hidden, self.code)

    def found(self, network: Autoencoder, series: LabelledSeries, error: str | None = None) -> Found:
        """What a network of this series alone says of it.

        Args:
            network: of one series.
            series: any.
            error: one of `ERRORS`; by default the detector's own.
        """
        learnt = probation(len(series))
        errors = self._errors(network, series.values, error or self.error)
        surprising = surprise(errors, series.values, learnt)
        return Found(errors, surprising, told_once(surprising, learnt))

    def training(self, series: Sequence[LabelledSeries]) -> TensorDataset:
        """Windows of the beginnings (N, series, window), and the same with the value that follows.

        Raises:
            ValueError: a series is too short.
        """
        columns = [self._beginning(one) for one in series]
        draw = derived_generator(self.seed, "windows")
        rows = np.stack([_repeated(column, draw) for column in columns], axis=1)
        return TensorDataset(rows[..., :-1].copy(), rows)

    def trained(self, series: LabelledSeries) -> Autoencoder:
        """A new network, trained on the beginning of a series that the model does not know."""
        training = self.training([series])
        with koubai.random.fork_rng():
            koubai.manual_seed(self.seed)
            network = parallel_autoencoder(1, self.window, self.hidden, self.code)
        order = koubai.Generator().manual_seed(self.seed)
        loader = DataLoader(training, self.batch_size, shuffle=True, generator=order)
        Trainer(network, nn.MSELoss(), optim.Adam(network.parameters(), lr=self.lr), doctor=False).fit(
            loader, None, self.epochs
        )
        return network

    def answer(self, model: nn.Module, source: str, options: AnomalyOptions) -> Sequence[Exhibit]:
        """The anomalies of a CSV file of times and values, or of a series of NAB by its name."""
        threshold = self.line(options)
        assert isinstance(model, Autoencoder)
        if source in self.names and not Path(source).is_file():
            series = nab_series(source)
            network, note = self.only(model, self.names.index(source)), ""
        else:
            series = timed_series(_existing(source))
            network = self.trained(series)
            note = _("A network learnt the first {count} values, which are not judged.").format(
                count=probation(len(series))
            )
        found = self.found(network, series)
        places = detections(series, found.scores, threshold)
        return self._listed(series, found, places, options.count, note), *drawn(series, found, threshold)

    def only(self, model: nn.Module, place: int) -> Autoencoder:
        """The network of one series, taken out of a model of many."""
        network = parallel_autoencoder(1, self.window, self.hidden, self.code)
        network.load_state_dict(
            {name: tensor[place : place + 1] for name, tensor in model.state_dict().items()}
        )
        return network

    def _listed(
        self, series: LabelledSeries, found: Found, places: NDArray[np.int64], count: int, note: str
    ) -> Table:
        worst = places[np.argsort(-found.scores[places], kind="stable")][:count]
        rows = tuple(
            (
                str(series.times[k]).replace("T", " "),
                f"{series.values[k]:.6g}",
                f"{found.errors[k]:.3g}",
                f"{found.scores[k]:.2f}",
            )
            for k in worst
        )
        if not rows:
            note = (_("No anomaly was found.") + " " + note).strip()
        header = (N_("time"), N_("value"), N_("error"), N_("score"))
        return Table(title=N_("Anomalies, the most surprising first"), header=header, rows=rows, note=note)

    def _errors(self, network: Autoencoder, values: Values, error: str) -> Values:
        """The error at each value, 0 where there are not enough values before."""
        scaled = self._scaled(values)
        windows = np.lib.stride_tricks.sliding_window_view(scaled, self.window)  # (N - window + 1, window)
        said = _outputs(network, windows.astype(np.float32))  # (N - window + 1, window + 1)
        errors = np.zeros((2, len(values)))
        errors[0, self.window - 1 :] = np.abs(windows[:, -1] - said[:, -2])
        errors[1, self.window :] = np.abs(scaled[self.window :] - said[:-1, -1])
        return np.asarray({"reconstruction": errors[0], "forecast": errors[1]}.get(error, errors.sum(axis=0)))

    def _scaled(self, values: Values) -> Values:
        """In standard deviations of the beginning, from its mean."""
        beginning = values[: probation(len(values))]
        return np.asarray((values - beginning.mean()) / (beginning.std() or 1.0))

    def _beginning(self, series: LabelledSeries) -> NDArray[np.float32]:
        """All windows of the beginning, with the value that follows (N, window + 1)."""
        learnt = probation(len(series))
        if learnt < self.window + _LEAST:
            problem = _(
                "{name} has {count} values, too few: the network learns from the first 15 %, and with a window of "
                "{window} it takes {needed} values."
            )
            needed = int(np.ceil((self.window + _LEAST) / 0.15))
            raise ValueError(
                problem.format(name=series.name, count=len(series), window=self.window, needed=needed)
            )
        scaled = self._scaled(series.values)[:learnt].astype(np.float32)
        return np.lib.stride_tricks.sliding_window_view(scaled, self.window + 1)


def drawn(series: LabelledSeries, found: Found, threshold: float) -> tuple[Lines, Lines]:
    """The series with its alarms and known anomalies, and below how surprising it is."""
    places = np.arange(len(series), dtype=np.float64)
    windows = tuple((float(start), float(end)) for start, end in series.windows)
    marks = tuple(map(float, detections(series, found.scores, threshold)))
    after = places >= probation(len(series))
    shown = {N_("surprise"): np.where(after, found.surprise, np.nan)}
    line = {N_("threshold"): np.full(len(series), threshold)} if np.isfinite(threshold) else {}
    note = N_("Shaded: known anomalies. Lines: alarms. The beginning is learnt from and not judged.")
    return (
        Lines(
            title=series.name,
            curves={N_("measured"): series.values},
            places=places,
            axis=N_("value number"),
            windows=windows,
            marks=marks,
        ),
        Lines(curves=shown | line, places=places, axis=N_("value number"), windows=windows, note=note),
    )


def _outputs(network: Autoencoder, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a network of one series makes of windows (N, window)."""
    network.eval()
    with koubai.no_grad():
        parts = [
            network(koubai.tensor(windows[start : start + _BATCH, None])).numpy()[:, 0]
            for start in range(0, len(windows), _BATCH)
        ]
    return np.concatenate(parts)


def _repeated(windows: NDArray[np.float32], draw: Any) -> NDArray[np.float32]:
    """All windows in random order, again and again until there are as many as an epoch has."""
    rounds = [permutation(len(windows), draw) for _round in range(-(-_SAMPLES // len(windows)))]
    return windows[np.concatenate(rounds)[:_SAMPLES]]


def _existing(source: str) -> str:
    if not Path(source).is_file():
        known = _("There is no file {path}.").format(path=source)
        series = _("Series of NAB are called such as {name}.").format(name=next(reversed(NAB_FILES)))
        raise FileNotFoundError(f"{known} {series}")
    return source
