"""The recipe "forecast" goes on with a series better than last season's value, and knows how sure it is."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import koubai
from koubai.data import airline_passengers, data_folder, series_from_csv
from koubai.recipes import RECIPES, Outcome, Training
from koubai.recipes.forecast import ForecastPredictor, pinball
from koubai.recipes.predictor import AnswerOptions

RECIPE = RECIPES["forecast"]


@pytest.fixture(scope="module")
def rising(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A season of 6, a slope, and noise."""
    time, rng = np.arange(200), np.random.default_rng(0)
    values = 20 + 0.1 * time + 3 * np.sin(time * np.pi / 3) + rng.normal(0, 0.3, 200)
    file = tmp_path_factory.mktemp("series") / "rising.csv"
    file.write_text("day,sales\n" + "\n".join(f"{t},{v:.3f}" for t, v in enumerate(values)))
    return file


def training(file: Path, **settings: Any) -> Training:
    sizes = {"season": 6, "window": 12, "horizon": 6, "hidden": 8, "epochs": 15}
    return Training(RECIPE, RECIPE.settings(file=file, **sizes | settings))


@pytest.fixture(scope="module")
def trained(rising: Path) -> Training:
    made = training(rising)
    made.fit()
    return made


def test_it_beats_the_season_before(trained: Training) -> None:
    outcome = trained.judge()
    assert outcome.result < outcome.baseline["mae"]
    assert 0.5 < outcome.metrics["coverage"] <= 1


@pytest.mark.usefixtures("undoctored")
def test_convolutions_too(rising: Path) -> None:
    made = training(rising, model="cnn")
    made.fit()
    outcome = made.judge()
    assert outcome.result < outcome.baseline["mae"]


def test_no_forecast_knows_what_it_forecasts(trained: Training, rising: Path) -> None:
    """What lies after the origin changes no input."""
    predictor, values = trained.task.predictor, series_from_csv(rising, 6).values
    changed = values.copy()
    changed[150:] = 1000
    for before, after in zip(*(predictor.inputs(v, np.array([150])) for v in (values, changed))):
        np.testing.assert_array_equal(before, after)


def test_targets_and_forecasts_are_in_the_series_unit(trained: Training, rising: Path) -> None:
    values, origins = series_from_csv(rising, 6).values, np.array([100, 150])
    answers = trained.judge().answers
    assert np.allclose(answers["truth"][0], values[answers["origin"][0] :][:6])
    quantiles = trained.task.predictor.quantiles(trained.model, values, origins)
    assert quantiles.shape == (2, 6, 3)
    assert (np.diff(quantiles, axis=2) >= 0).all()
    assert np.abs(quantiles[:, :, 1] - values[origins[:, None] + np.arange(6)]).max() < 3


def test_it_goes_on_from_the_end_and_from_a_file(trained: Training, rising: Path, tmp_path: Path) -> None:
    trained.describe(tmp_path)
    trained.judge().save(tmp_path)
    assert Outcome.load(tmp_path).exhibits[0].title == "The test part and its forecast"
    predictor = ForecastPredictor.load(tmp_path)
    after, same = (
        predictor.answer(trained.model, source, AnswerOptions())[0] for source in ("next", str(rising))
    )
    assert after.rows == same.rows
    assert len(after.rows) == 6
    short = tmp_path / "short.csv"
    short.write_text("day,sales\n" + "\n".join(f"{t},1" for t in range(10)))
    with pytest.raises(ValueError, match="18 values are needed to go on from, but there are 10"):
        predictor.answer(trained.model, str(short), AnswerOptions())


def test_a_short_series_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "short.csv"
    file.write_text("day,sales\n" + "\n".join(f"{t},1" for t in range(20)))
    with pytest.raises(ValueError, match="short has 20 values, too few for a season of 6"):
        training(file)


@pytest.mark.parametrize(("cell", "problem"), [("many", "'many' is no number"), ("0", "must be above 0")])
def test_a_wrong_cell_is_named(tmp_path: Path, cell: str, problem: str) -> None:
    file = tmp_path / "sales.csv"
    file.write_text(f"day,sales\n1,5\n2,{cell}\n")
    with pytest.raises(ValueError, match=f"line 3, column 'sales': .*{problem}"):
        series_from_csv(file, 12, growing=True)


def test_the_pinball_loss_is_smallest_at_the_quantiles() -> None:
    drawn = koubai.randn(4000, 1, generator=koubai.Generator().manual_seed(0))

    def loss(*quantiles: float) -> float:
        output = koubai.tensor([[list(quantiles)]]).expand(4000, 1, 3)
        return float(pinball(output, drawn).item())

    best = loss(-1.645, 0.0, 1.645)
    assert best < min(loss(-1.2, 0.0, 1.645), loss(-2.1, 0.0, 1.645), loss(-1.645, 0.3, 1.645))


def test_passengers_are_as_published() -> None:
    if not (data_folder() / "tabular-jbrownlee" / "airline-passengers.csv").is_file():
        pytest.skip("the series is not in the data folder")
    series = airline_passengers(progress=False)
    assert (len(series), series.values[0], series.values[-1], series.season) == (144, 112, 432, 12)
