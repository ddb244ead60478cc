"""anomaly: NAB's rules give known scores, and autoencoders find what is unusual in data of four kinds."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from koubai.cli.session import start
from koubai.data import DataLoader, LabelledSeries, Records, log_lines, nab, read_csv
from koubai.recipes import RECIPES, Outcome, Training
from koubai.recipes.anomaly import logs, pictures, recipe, rows
from koubai.recipes.anomaly.nab_score import PROFILES, best_score, detections, probation, score_at
from koubai.recipes.anomaly.ranking import ranked
from koubai.recipes.anomaly.surprise import surprise, tail_surprise, told_once
from koubai.recipes.anomaly.windowed_gaussian import windowed_gaussian
from koubai.recipes.exhibit import Lines, Pictures, Table

from .pictures import barred

STANDARD = PROFILES["nab_score"]


def waves(name: str, seed: int, count: int = 600, trouble: int | None = 450) -> LabelledSeries:
    """A noisy wave with a period of 12; from `trouble` on it is upside down for a while."""
    random = np.random.default_rng(seed)
    values = np.sin(np.arange(count) * np.pi / 6) + random.normal(0, 0.05, count)
    times = np.datetime64("2024-05-01T00:00:00") + 300 * np.arange(count)
    if trouble is None:
        return LabelledSeries(name, times, values)
    values[trouble : trouble + 12] *= -1
    return LabelledSeries(name, times, values, ((trouble - 10, trouble + 30),))


def corpus() -> tuple[LabelledSeries, ...]:
    return (waves("calm", 0, trouble=None), waves("turned", 1), waves("late", 2, 800, 700))


def people(count: int, seed: int, path: Path) -> Path:
    """Rows in which the trade tells the tool, and nearly the wage."""
    random = np.random.default_rng(seed)
    trades = random.integers(0, 4, count)
    lines = ["trade,tool,wage,town,old"]
    for k, trade in enumerate(trades):
        wage = 10 * trade + random.normal(0, 1)
        lines.append(f"t{trade},x{trade},{wage:.2f},c{random.integers(0, 3)},{'yn'[k % 2]}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("anomaly")


@pytest.fixture(scope="module", autouse=True)
def _small(folder: Path) -> Any:
    """Small data in the places of the real sets."""
    train, test = (read_csv(people(size, k, folder / f"{k}.csv")) for k, size in enumerate((800, 1500)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe, "nab", corpus)
        patch.setattr(pictures, "mnist", barred)
        patch.setattr(rows, "adult", lambda: Records("people", "old", train, test))
        patch.setattr(rows, "_CELLS", 2)
        patch.setattr(logs, "_TEST", 2000)
        patch.setattr(logs, "_VALIDATION", 500)
        yield


QUICK: dict[str, dict[str, Any]] = {
    "nab": {"window": 16, "epochs": 3},
    "images": {"hidden": 64, "code": 4, "epochs": 12, "unseen": 9},
    "table": {"hidden": 64, "code": 8, "epochs": 30},
    "logs": {"samples": 2500, "hidden": 64, "epochs": 8},
}


def training(data: str, **settings: Any) -> Training:
    return Training(RECIPES["anomaly"], RECIPES["anomaly"].settings(data=data, **QUICK[data] | settings))


@pytest.fixture(scope="module")
def trained() -> dict[str, Training]:
    made = {data: training(data) for data in QUICK}
    for one in made.values():
        one.fit()
    return made


class TestNABScore:
    def series(self, windows: tuple[tuple[int, int], ...] = ((40, 59),), count: int = 100) -> LabelledSeries:
        return LabelledSeries("s", np.arange(count).astype("datetime64[s]"), np.zeros(count), windows)

    def at(self, *places: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        scores = np.zeros(100)
        scores[list(places)] = 1.0
        return scores

    def test_silence_is_0_and_the_start_of_each_window_100(self) -> None:
        series = [self.series(), self.series(((30, 40), (70, 90))), self.series(())]
        silent = [np.zeros(100)] * 3
        perfect = [self.at(40), self.at(30, 70), self.at()]
        for profile in PROFILES.values():
            assert best_score(series, silent, profile).score == 0
            assert score_at(series, perfect, profile, 1.0) == pytest.approx(100)
            assert best_score(series, perfect, profile) == pytest.approx((100, 1.0))

    def test_early_is_better_than_late_and_only_the_first_counts(self) -> None:
        series = [self.series()]
        early, late, both = (
            score_at(series, [self.at(*places)], STANDARD, 1.0) for places in ((42,), (57,), (42, 57))
        )
        assert 100 > early == both > late > 50

    def test_a_false_alarm_costs_its_weight_and_less_close_behind_a_window(self) -> None:
        series = [self.series()]
        hit = score_at(series, [self.at(40)], STANDARD, 1.0)
        before, behind, far = (
            hit - score_at(series, [self.at(40, place)], STANDARD, 1.0) for place in (30, 62, 99)
        )
        assert before == pytest.approx(100 * 0.11 / 2)
        assert 0 < behind < far < before
        assert hit - score_at(series, [self.at(40, 5)], STANDARD, 1.0) == 0  # on probation

    def test_the_best_threshold_is_the_best_of_all(self) -> None:
        random = np.random.default_rng(0)
        series = [self.series(((30, 40), (70, 90))), self.series()]
        scores = [np.round(random.random(100), 2) for _ in series]
        for profile in PROFILES.values():
            best = best_score(series, scores, profile)
            tried = [score_at(series, scores, profile, t) for t in np.unique(np.concatenate(scores))]
            assert best.score == pytest.approx(max(0.0, *tried))
            assert best.score == 0 or score_at(series, scores, profile, best.threshold) == pytest.approx(
                best.score
            )

    def test_probation_is_a_share_up_to_a_limit(self) -> None:
        assert [probation(count) for count in (100, 4032, 22695)] == [15, 604, 750]

    def test_a_published_detector_gets_its_published_score(self) -> None:
        if not (Path(os.environ.get("KOUBAI_DATA", "nowhere")) / "nab" / "labels").is_dir():
            pytest.skip("KOUBAI_DATA has no data of nab")
        series = nab()
        scores = [windowed_gaussian(one.values) for one in series]
        found = [best_score(series, scores, profile).score for profile in PROFILES.values()]
        # results/final_results.json of github.com/numenta/NAB
        assert found == pytest.approx([39.649523496077585, 20.86798582474138, 47.4100271583046], abs=1e-6)
        assert sum(len(detections(*pair, 1.0)) for pair in zip(series, scores)) == 409 + 521


class TestSurprise:
    def test_it_looks_at_nothing_but_the_past(self) -> None:
        random = np.random.default_rng(0)
        errors, values = random.random(500), random.random(500)
        whole = told_once(surprise(errors, values, 100), 100)
        for count in (150, 333):
            assert np.array_equal(
                told_once(surprise(errors[:count], values[:count], 100), 100), whole[:count]
            )

    def test_exponential_errors_are_as_surprising_as_they_are_rare(self) -> None:
        errors = np.random.default_rng(1).exponential(1.0, 20000)
        found = tail_surprise(errors, 1000)
        above = errors > np.log(20 * 20)  # what a twentieth of the rarest twentieth exceeds
        assert np.median(found[above]) == pytest.approx(np.log(20) + np.log(2), abs=0.4)

    def test_trouble_is_told_once_until_it_grows(self) -> None:
        assert told_once(np.array([1.0, 3, 2, 3, 4, 1]), 5).tolist() == [1, 3, -np.inf, -np.inf, 4, -np.inf]


def test_ranking_as_scikit_learn_has_it() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(2)
    anomalous = random.random(300) < 0.1
    scores = np.round(random.random(300) + 0.3 * anomalous, 2)  # with ties
    found = ranked(scores, anomalous)
    assert found["average_precision"] == pytest.approx(metrics.average_precision_score(anomalous, scores))
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(anomalous, scores))


@pytest.mark.parametrize("data", QUICK)
def test_it_beats_its_baseline_and_the_outcome_survives_the_disk(
    trained: dict[str, Training], data: str, tmp_path: Path
) -> None:
    outcome = trained[data].judge()
    least = {"nab": 60.0, "images": 0.85, "table": 0.8, "logs": 0.95}[data]
    assert outcome.result > least
    if data in ("nab", "table"):  # the anomalies of the others are far from the mean, too
        assert outcome.result > outcome.baseline[outcome.headline]
    outcome.save(tmp_path)
    again = Outcome.load(tmp_path)
    assert again.metrics == outcome.metrics
    assert [type(exhibit) for exhibit in again.exhibits] == [type(exhibit) for exhibit in outcome.exhibits]


def test_the_report_of_series_marks_known_anomalies_and_alarms(trained: dict[str, Training]) -> None:
    lines = [exhibit for exhibit in trained["nab"].judge().exhibits if isinstance(exhibit, Lines)]
    turned = next(exhibit for exhibit in lines if exhibit.title == "turned")
    assert turned.windows == ((440.0, 480.0),)
    assert any(440 <= mark <= 480 for mark in turned.marks)


@pytest.mark.usefixtures("undoctored")
def test_networks_of_series_know_nothing_of_each_other() -> None:
    def losses(seed: int) -> Any:
        made = training("nab", epochs=1, seed=seed)
        return made.fit()["loss"]

    assert losses(0) == losses(0) != losses(1)
    detector = training("nab").task.predictor.detector
    alone = detector.trained(corpus()[1])
    assert np.array_equal(
        detector.found(alone, corpus()[1]).errors,
        detector.found(detector.trained(corpus()[1]), corpus()[1]).errors,
    )


@pytest.mark.parametrize("data", QUICK)
def test_a_trial_works_and_batches_hold_what_the_model_takes(data: str) -> None:
    made = training(data, smoke=True)
    assert len(made.fit()["loss"]) == 1
    outcome = made.judge()
    assert np.isfinite(outcome.result) or not outcome.answers["anomalous"].any()
    inputs, targets = next(iter(DataLoader(made.task.train, 4)))
    assert made.model(inputs).shape == targets.shape


def answers(made: Training, source: Path | str, folder: Path, **options: Any) -> Any:
    """As `koubai predict` answers: from what the run keeps."""
    made.calibrate(folder)
    predictor = made.recipe.predictor.load(folder)
    return predictor.answer(made.model, str(source), predictor.options(**options))


def series_file(path: Path, series: LabelledSeries) -> Path:
    cells = (f"{time},{value}" for time, value in zip(series.times, series.values))
    path.write_text("\n".join(["time,value", *cells]))
    return path


def test_a_series_of_ones_own_gets_a_network_of_its_own(trained: dict[str, Training], tmp_path: Path) -> None:
    mine = waves("mine", 9)
    table, drawn, below = answers(trained["nab"], series_file(tmp_path / "mine.csv", mine), tmp_path)
    assert isinstance(table, Table)
    assert str(table.rows[0][0]).replace(" ", "T") in {str(mine.times[k]) for k in range(448, 466)}
    assert any(448 <= mark < 466 for mark in drawn.marks)
    assert "threshold" in below.curves
    calm, *_ = answers(trained["nab"], tmp_path / "mine.csv", tmp_path, threshold=1e6)
    assert calm.rows == ()
    assert "No anomaly" in calm.note


def test_series_that_cannot_be_judged_are_refused(trained: dict[str, Training], tmp_path: Path) -> None:
    short = series_file(tmp_path / "short.csv", waves("short", 0, 100, None))
    with pytest.raises(ValueError, match="100 values, too few"):
        answers(trained["nab"], short, tmp_path)
    with pytest.raises(FileNotFoundError, match="There is no file"):
        answers(trained["nab"], "nothing.csv", tmp_path)


def test_a_picture_is_judged_and_its_strange_part_heated(
    trained: dict[str, Training], tmp_path: Path
) -> None:
    image = pytest.importorskip("PIL.Image")
    usual = trained["images"].task.train.tensors[0].numpy()[0].reshape(28, 28)
    strange = usual.copy()
    strange[:, 12:15] = 1.0  # a scratch from top to bottom
    scores = []
    for name, pixels in (("usual", usual), ("strange", strange)):
        image.fromarray((255 * pixels).astype(np.uint8)).resize((56, 56)).save(tmp_path / f"{name}.png")
        table, drawn = answers(trained["images"], tmp_path / f"{name}.png", tmp_path)
        assert isinstance(drawn, Pictures)
        scores.append(float(table.rows[0][0]))
    assert table.rows[0][2] == "an anomaly"
    assert scores[1] > 2 * scores[0]
    assert drawn.heat is not None
    assert drawn.heat[0][:, 12:15].sum() > 0.4 * drawn.heat[0].sum()
    (tmp_path / "no.png").write_text("no picture")
    with pytest.raises(ValueError, match="not a picture"):
        answers(trained["images"], tmp_path / "no.png", tmp_path)
    image.new("L", (30, 30), 7).save(tmp_path / "blank.png")
    with pytest.raises(ValueError, match="nothing on this picture"):
        answers(trained["images"], tmp_path / "blank.png", tmp_path)


def test_a_row_that_does_not_fit_together_comes_first(trained: dict[str, Training], tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("trade,tool,wage,town\nt1,x1,10,c0\nt3,x0,30,c1\nt2,x2,20.5,c2\n")
    (table,) = answers(trained["table"], tmp_path / "rows.csv", tmp_path, count=2)
    assert len(table.rows) == 2
    assert table.rows[0][0] == 3  # the line of the file
    assert table.rows[0][2] == "an anomaly"
    assert "tool x0" in str(table.rows[0][3])
    (typed,) = answers(trained["table"], "t1,x1,10,c0", tmp_path)
    assert typed.rows[0][2] == "usual"
    with pytest.raises(ValueError, match="2 cells in a row, but there are 4 columns"):
        answers(trained["table"], "t1,x1", tmp_path)
    (tmp_path / "bad.csv").write_text("trade,tool,wage,town\nt1,x1,much,c0\n")
    with pytest.raises(ValueError, match="line 2, column 'wage'"):
        answers(trained["table"], tmp_path / "bad.csv", tmp_path)


def test_lines_of_a_log_are_ranked(trained: dict[str, Training], tmp_path: Path) -> None:
    lines = [*log_lines(60, 0.0, 5).lines, "", "FATAL kernel: out of memory: killed process 4711 (java)"]
    (tmp_path / "server.log").write_text("\n".join(lines))
    (table,) = answers(trained["logs"], tmp_path / "server.log", tmp_path, count=3)
    assert table.rows[0][0] == 62
    assert table.rows[0][2] == "an anomaly"
    assert str(table.rows[0][4]).startswith("FATAL kernel")
    (tmp_path / "bytes.log").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ValueError, match="not text in UTF-8"):
        answers(trained["logs"], tmp_path / "bytes.log", tmp_path)
    (tmp_path / "empty.log").write_text("\n\n")
    with pytest.raises(ValueError, match="has no lines"):
        answers(trained["logs"], tmp_path / "empty.log", tmp_path)
    with pytest.raises(FileNotFoundError, match="no file"):
        answers(trained["logs"], tmp_path / "missing.log", tmp_path)


def test_a_run_that_was_not_judged_says_so(trained: dict[str, Training], tmp_path: Path) -> None:
    predictor = trained["logs"].task.predictor
    (tmp_path / "a.log").write_text("a line")
    with pytest.raises(ValueError, match="no threshold"):
        predictor.answer(trained["logs"].model, str(tmp_path / "a.log"), predictor.options())
    (table,) = predictor.answer(
        trained["logs"].model, str(tmp_path / "a.log"), predictor.options(threshold=0.1)
    )
    assert len(table.rows) == 1


@pytest.mark.usefixtures("undoctored")
def test_the_command_keeps_the_threshold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOUBAI_LANG", "en")
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "run"
    start(RECIPES["anomaly"], training("logs", epochs=1, samples=500).settings, run)
    predictor = RECIPES["anomaly"].predictor.load(run)
    assert predictor.detector.threshold == pytest.approx(Outcome.load(run).metrics["threshold"])


def test_tampering_takes_cells_from_other_rows(folder: Path) -> None:
    table = read_csv(people(1500, 1, folder / "again.csv"))
    made, chosen = rows.tampered(table, ("trade", "tool", "wage", "town"), 0)
    differing = np.array([new != old for new, old in zip(made.rows, table.rows)])
    assert np.array_equal(differing, chosen)
    assert 10 < chosen.sum() < 60
    for name in made.columns:
        assert set(made.cells(name)) <= set(table.cells(name))
