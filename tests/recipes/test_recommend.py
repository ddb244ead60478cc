"""The recipe "recommend" learns tastes: better than means of users and items, and recommends what is new."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from koubai.data import ratings_from_csv, synthetic_ratings
from koubai.recipes import RECIPES, Outcome, Training
from koubai.recipes.recommend import RatingPredictor, RecommendOptions

RECIPE = RECIPES["recommend"]


def training(**settings: Any) -> Training:
    return Training(RECIPE, RECIPE.settings(data="synthetic", **settings))


@pytest.fixture(scope="module")
def trained() -> Training:
    made = training(epochs=12)
    made.fit()
    return made


def test_taste_is_learnt(trained: Training) -> None:
    outcome = trained.judge()
    assert outcome.smaller_is_better
    assert outcome.result < 0.9 * outcome.baseline["rmse"]


@pytest.mark.usefixtures("undoctored")
def test_towers_learn_it_too() -> None:
    made = training(model="towers")
    made.fit()
    outcome = made.judge()
    assert outcome.result < 0.95 * outcome.baseline["rmse"]


def test_what_was_rated_is_not_recommended(trained: Training, tmp_path: Path) -> None:
    trained.describe(tmp_path)
    trained.judge().save(tmp_path)
    assert Outcome.load(tmp_path).exhibits[-1].title == "What it recommends"
    predictor = RatingPredictor.load(tmp_path)
    (table,) = predictor.answer(trained.model, "user 7", RecommendOptions(count=5))
    ratings = synthetic_ratings()
    rated = {ratings.item_names[k] for k in ratings.items[ratings.users == 6]}
    assert len(table.rows) == 5
    assert not rated & {row[0] for row in table.rows}
    values = [float(row[1]) for row in table.rows]
    assert values == sorted(values, reverse=True)


def test_an_unknown_user_is_named(trained: Training) -> None:
    with pytest.raises(ValueError, match="no user 'Ann'"):
        trained.task.predictor.answer(trained.model, "Ann", RecommendOptions())


def test_ratings_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "stars.csv"
    file.write_text("who,what,stars,when\nann,tea,5,1\nbob,tea,3.5,2\nann,rice,1,3\n")
    ratings = ratings_from_csv(file)
    assert (ratings.user_names, ratings.item_names) == (("ann", "bob"), ("rice", "tea"))
    assert ratings.items.tolist() == [1, 1, 0]
    assert ratings.values.tolist() == [5, 3.5, 1]
    file.write_text("who,what,stars\nann,tea,many\n")
    with pytest.raises(ValueError, match="line 2, column 'stars': 'many' is no number"):
        ratings_from_csv(file)
    file.write_text("who,what\nann,tea\n")
    with pytest.raises(ValueError, match="user, item and rating are needed, but there are 2 columns"):
        ratings_from_csv(file)


def test_made_up_ratings_are_the_same_for_the_same_seed() -> None:
    first, again, other = (synthetic_ratings(20, 30, 10, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first.values, again.values)
    assert not np.array_equal(first.values, other.values)
    assert 1 <= first.values.min() <= first.values.max() <= 5
