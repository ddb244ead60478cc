"""The recipe "recommend": how a person would rate what they have not rated, and so what to recommend to them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

import koubai
from koubai import nn
from koubai.data import Ratings, TensorDataset, movielens, ratings_from_csv, synthetic_ratings
from koubai.data.draw import derived_generator, permutation
from koubai.engine.tensor import Tensor
from koubai.i18n import N_, _
from koubai.models import MatrixFactorization
from koubai.recipes.exhibit import Agreement, Exhibit, Table
from koubai.recipes.outcome import Outcome
from koubai.recipes.predictor import AnswerOptions, Predictor
from koubai.recipes.recipe import Recipe
from koubai.recipes.settings import Settings
from koubai.recipes.task import Task

_HELD_OUT = 0.1  # the share of the ratings for validation, and again for the test
_SHRINKAGE = 5.0  # ratings that pull a mean to the overall one (Koren et al. 2009 regularise likewise)


class RecommendSettings(Settings):
    """Settings of a model of ratings."""

    data: Literal["movielens", "synthetic"] = Field(
        "movielens", description=N_("films that people rated, or made-up ratings that need no download")
    )
    file: Annotated[Path, AfterValidator(Path.absolute)] | None = Field(
        None,
        description=N_("your own ratings: a CSV file with the columns user, item, rating"),
        json_schema_extra={"unset": N_("none")},
    )
    model: Literal["factors", "towers"] = Field(
        "factors", description=N_("matrix factorisation, or two towers of layers")
    )
    features: int = Field(32, ge=1, description=N_("numbers that describe a person's taste"))
    dropout: float = Field(0.1, ge=0, lt=1, description=N_("share of them left out at random while training"))


class RatingTowers(nn.Module):
    """μ + b_u + b_i + f(u)·g(i): like matrix factorisation, but each vector comes out of a small network.

    Args:
        users: how many there are.
        items: how many there are.
        features: of the vectors.
        mean: μ, the mean of all ratings.
        dropout: of the vectors that enter the networks.

    Shape:
        users and items: integers (N,); output (N,).
    """

    def __init__(self, users: int, items: int, features: int, mean: float, dropout: float) -> None:
        super().__init__()
        self.base = MatrixFactorization(users, items, 1, mean)
        self.user_tower, self.item_tower = (_tower(count, features, dropout) for count in (users, items))

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """One rating for each pair."""
        fit = (self.user_tower(users) * self.item_tower(items)).sum(-1)  # (N,)
        return self.base(users, items) + fit  # type: ignore[no-any-return]


def _tower(count: int, features: int, dropout: float) -> nn.Sequential:
    vectors = nn.Embedding(count, features)
    nn.init.normal_(vectors.weight, std=0.1)
    hidden = nn.Linear(features, 2 * features)
    return nn.Sequential(vectors, nn.Dropout(dropout), hidden, nn.ReLU(), nn.Linear(2 * features, features))


class RecommendOptions(AnswerOptions):
    """What a recommendation can be told."""

    count: int = Field(10, ge=1, description=N_("how many items to recommend"))


class RatingPredictor(Predictor):
    """Recommends to a user the items that the user has not rated.

    Attributes:
        user_names: of the users.
        item_names: of the items.
        mean: of all ratings.
        lowest, highest: between which ratings lie.
        rated: for each user the items that were rated.
    """

    options = RecommendOptions

    user_names: tuple[str, ...]
    item_names: tuple[str, ...]
    mean: float
    lowest: float
    highest: float
    rated: tuple[tuple[int, ...], ...]

    def answer(self, model: nn.Module, source: str, options: RecommendOptions) -> tuple[Table]:
        """The best items for a user, with their predicted ratings."""
        if source not in self.user_names:
            problem = _("There is no user {name!r}; there are {count:,}, such as {first}.")
            first = ", ".join(self.user_names[:3])
            raise ValueError(problem.format(name=source, count=len(self.user_names), first=first))
        user = self.user_names.index(source)
        items = np.setdiff1d(np.arange(len(self.item_names)), self.rated[user])
        values = self.ratings(model, np.full(len(items), user), items)
        best = np.argsort(-values, kind="stable")[: options.count]
        rows = tuple((self.item_names[items[k]], f"{values[k]:.2f}") for k in best)
        return (Table(header=(N_("item"), N_("predicted rating")), rows=rows),)

    def ratings(self, model: nn.Module, users: NDArray[Any], items: NDArray[Any]) -> NDArray[Any]:
        """Predicted ratings of pairs (N,), kept between the lowest and the highest."""
        model.eval()
        with koubai.no_grad():
            values = model(koubai.from_numpy(users), koubai.from_numpy(items)).numpy()
        return np.asarray(np.clip(values, self.lowest, self.highest))


def recommend_task(settings: RecommendSettings) -> Task:
    """Ratings cut into three parts at random."""
    ratings = _load(settings)
    order = permutation(len(ratings), derived_generator(settings.seed, "parts"))
    held = max(1, round(_HELD_OUT * len(ratings)))
    rows = {"test": order[:held], "validation": order[held : 2 * held], "train": order[2 * held :]}
    parts: dict[str, Any] = {name: _part(ratings, chosen) for name, chosen in rows.items()}
    predictor = _predictor(ratings, rows["train"])
    return Task(
        **parts,
        loss=nn.MSELoss(),
        judge=partial(_judged, ratings, rows["train"], predictor),
        predictor=predictor,
        headline="rmse",
        metrics=("rmse",),
    )


def recommend_model(settings: RecommendSettings, predictor: RatingPredictor) -> nn.Module:
    """The model that the settings ask for."""
    sizes = (len(predictor.user_names), len(predictor.item_names), settings.features, predictor.mean)
    if settings.model == "towers":
        return RatingTowers(*sizes, settings.dropout)
    return MatrixFactorization(*sizes)


def _load(settings: RecommendSettings) -> Ratings:
    if settings.file is not None:
        return ratings_from_csv(settings.file)
    return movielens() if settings.data == "movielens" else synthetic_ratings()


def _part(ratings: Ratings, rows: NDArray[Any]) -> TensorDataset:
    return TensorDataset(ratings.users[rows], ratings.items[rows], ratings.values[rows])


def _predictor(ratings: Ratings, train: NDArray[Any]) -> RatingPredictor:
    order = np.argsort(ratings.users, kind="stable")
    counts = np.bincount(ratings.users, minlength=len(ratings.user_names))
    rated = np.split(ratings.items[order], np.cumsum(counts)[:-1])
    return RatingPredictor(
        user_names=ratings.user_names,
        item_names=ratings.item_names,
        mean=float(ratings.values[train].mean()),
        lowest=float(ratings.values.min()),
        highest=float(ratings.values.max()),
        rated=tuple(tuple(items.tolist()) for items in rated),
    )


def _judged(
    ratings: Ratings, train: NDArray[Any], predictor: RatingPredictor, model: nn.Module, test: TensorDataset
) -> Outcome:
    """Beside μ + b_u + b_i, which knows that some are strict and some films are good, but nothing of taste."""
    users, items, truth = (np.asarray(tensor.numpy()) for tensor in test.tensors)
    predicted = predictor.ratings(model, users, items)
    biased = np.clip(_biases(ratings, train, users, items), predictor.lowest, predictor.highest)
    return Outcome(
        headline="rmse",
        metrics=_errors(predicted, truth),
        baseline=_errors(biased, truth),
        baseline_name=N_("means of the user and of the item alone"),
        samples=len(truth),
        smaller_is_better=True,
        exhibits=_exhibits(ratings, train, predictor, model, (items, truth, predicted)),
        answers={"user": users, "item": items, "truth": truth, "predicted": predicted},
    )


def _errors(predicted: NDArray[Any], truth: NDArray[Any]) -> dict[str, float]:
    missed = predicted.astype(np.float64) - truth
    return {"rmse": float(np.sqrt((missed**2).mean())), "mae": float(np.abs(missed).mean())}


def _biases(ratings: Ratings, train: NDArray[Any], users: NDArray[Any], items: NDArray[Any]) -> NDArray[Any]:
    """μ + b_i + b_u, each the shrunken mean of what the ones before it leave over."""
    values = ratings.values[train].astype(np.float64)
    mean = values.mean()
    of_item = _shrunken(values - mean, ratings.items[train], len(ratings.item_names))
    left = values - mean - of_item[ratings.items[train]]
    of_user = _shrunken(left, ratings.users[train], len(ratings.user_names))
    return np.asarray(mean + of_item[items] + of_user[users])


def _shrunken(values: NDArray[Any], groups: NDArray[Any], count: int) -> NDArray[Any]:
    sums = np.bincount(groups, weights=values, minlength=count)
    return np.asarray(sums / (np.bincount(groups, minlength=count) + _SHRINKAGE))


def _exhibits(
    ratings: Ratings,
    train: NDArray[Any],
    predictor: RatingPredictor,
    model: nn.Module,
    tested: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
) -> tuple[Exhibit, ...]:
    """Predicted over true ratings, errors of rarely and often rated items, and what some users would get."""
    items, truth, predicted = tested
    return (
        Agreement(title=N_("Predicted and true values"), truth=truth, predicted=predicted),
        _by_count(
            np.bincount(ratings.items[train], minlength=len(ratings.item_names))[items], predicted - truth
        ),
        _recommended(ratings, predictor, model),
    )


def _by_count(counts: NDArray[Any], missed: NDArray[Any]) -> Table:
    bounds = ((0, 0), (1, 4), (5, 19), (20, max(20, int(counts.max(initial=0)))))
    chosen = [((low, high), missed[(low <= counts) & (counts <= high)]) for low, high in bounds]
    rows = tuple(
        (str(low) if low == high else f"{low}–{high}", len(part), f"{np.sqrt((part**2).mean()):.3f}")
        for (low, high), part in chosen
        if len(part)
    )
    header = (N_("ratings of the item"), N_("samples"), N_("root mean squared error"))
    return Table(title=N_("Error by how often an item was rated"), header=header, rows=rows)


def _recommended(ratings: Ratings, predictor: RatingPredictor, model: nn.Module) -> Table:
    """The best three items for the five users with most ratings, beside what they liked most."""
    busiest = np.argsort(-np.bincount(ratings.users), kind="stable")[:5]
    rows = []
    for user in busiest.tolist():
        own = np.flatnonzero(ratings.users == user)
        liked = own[np.argsort(-ratings.values[own], kind="stable")][:3]
        (table,) = predictor.answer(model, ratings.user_names[user], RecommendOptions(count=3))
        likes = ", ".join(ratings.item_names[ratings.items[k]] for k in liked)
        rows.append((ratings.user_names[user], likes, ", ".join(str(name) for name, _value in table.rows)))
    header = (N_("user"), N_("liked most"), N_("recommended"))
    return Table(title=N_("What it recommends"), header=header, rows=tuple(rows))


RECOMMEND = Recipe(
    "recommend",
    N_("films for people by what they and others rated; or your own ratings"),
    recommend_task,
    recommend_model,
    RatingPredictor,
    RecommendSettings,
    {"epochs": 30, "batch_size": 256, "lr": 0.01, "weight_decay": 1e-3, "patience": 10},
)
