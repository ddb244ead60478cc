"""Ratings are means, biases and products of factors; towers find the item that goes with a user."""

import numpy as np
import pytest

import koubai
from koubai import models, nn

from ..nn.agreement import check_layer, close, double


@pytest.fixture(autouse=True, params=[0, 1])
def _seed(request):
    koubai.manual_seed(request.param)


def factorization():
    model = models.MatrixFactorization(5, 4, 3, mean=2.5).double()
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    return model


USERS, ITEMS = koubai.tensor([0, 4, 2, 2]), koubai.tensor([3, 0, 1, 3])


def test_ratings_are_the_formula():
    model = factorization()
    w = {name.removesuffix(".weight"): value.numpy() for name, value in model.state_dict().items()}
    everything = w["mean"] + w["user_bias"] + w["item_bias"].T + w["user_factors"] @ w["item_factors"].T
    close(model(USERS, ITEMS), everything[USERS.numpy(), ITEMS.numpy()])
    close(model.scores(USERS), everything[USERS.numpy()])
    check_layer(model, USERS, ITEMS)


def test_it_starts_near_the_mean():
    model = models.MatrixFactorization(200, 100, 8, mean=3.0)
    ratings = model.scores(koubai.arange(200))
    assert ratings.mean().item() == pytest.approx(3.0, abs=0.01)
    assert ratings.std().item() < 0.1
    assert list(model.state_dict()) == [
        "mean",
        "user_factors.weight",
        "user_bias.weight",
        "item_factors.weight",
        "item_bias.weight",
    ]


def test_ratings_of_low_rank_are_learned():
    true = koubai.randn(20, 2) @ koubai.randn(2, 15) + 3
    users, items = (index.reshape(-1) for index in koubai.meshgrid(koubai.arange(20), koubai.arange(15)))
    seen = koubai.rand(300) < 0.8
    model = models.MatrixFactorization(20, 15, 2, mean=3.0)
    optimizer = koubai.optim.Adam(model.parameters(), lr=0.05)
    data = users[seen], items[seen], true.reshape(-1)[seen]

    @koubai.compile
    def step(users, items, ratings):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(users, items), ratings)
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(400):
        step(*data)
    error = (model(users, items) - true.reshape(-1))[~seen]
    assert error.square().mean().item() < 0.3 * true.var().item()


def towers():
    return models.TwoTower(nn.Linear(3, 4), nn.Linear(2, 4), temperature=0.5).double()


def test_scores_are_cosines():
    model, users, items = towers(), double(3, 3), double(5, 2)
    a, b = model.user_tower(users).numpy(force=True), model.item_tower(items).numpy(force=True)
    cosines = a @ b.T / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(b, axis=1)
    close(model(users, items), cosines / 0.5)
    check_layer(model, users, items)


def test_the_loss_asks_for_the_own_item_among_the_batch():
    model, users, items = towers(), double(4, 3), double(4, 2)
    scores = model(users, items).numpy(force=True)
    frequency = koubai.tensor([0.4, 0.3, 0.2, 0.1]).double().log()
    for given, used in ((None, scores), (frequency, scores - frequency.numpy())):
        expected = np.log(np.exp(used).sum(1)) - np.diag(used)
        close(model.loss(users, items, given), expected.mean())


def test_mistakes():
    with pytest.raises(RuntimeError, match=r"users \[4\] and items \[3\] are pairs"):
        factorization()(USERS, ITEMS[:3])
    with pytest.raises(IndexError, match="out of"):
        factorization()(USERS, ITEMS + 1)
    with pytest.raises(RuntimeError, match="needs pairs, got 4 users and 3 items"):
        towers().loss(double(4, 3), double(3, 2))
    with pytest.raises(ValueError, match="temperature must be positive, got 0"):
        models.TwoTower(nn.Identity(), nn.Identity(), temperature=0)
