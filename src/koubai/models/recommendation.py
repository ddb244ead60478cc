"""Who will like what: matrix factorisation for ratings, two towers for retrieval."""

from __future__ import annotations

import koubai
from koubai import nn
from koubai.engine.tensor import Tensor
from koubai.nn import functional as F

__all__ = ["MatrixFactorization", "TwoTower"]


class MatrixFactorization(nn.Module):
    """μ + b_u + b_i + pᵤ·qᵢ, a rating by a user of an item (Koren et al. 2009, equation 4).

    Factors start normal with standard deviation 0.1, biases at 0. Usual: weight decay of 0.02 or so.

    Args:
        users: how many there are.
        items: how many there are.
        features: of the vectors p and q.
        mean: μ, the mean of all ratings.

    Shape:
        users and items: integers (N,); output (N,).

    Example:
        >>> model = models.MatrixFactorization(100, 50, 8, mean=3.5)
        >>> model(koubai.tensor([0, 1]), koubai.tensor([4, 4])).shape
        koubai.Size([2])
    """

    mean: Tensor

    def __init__(self, users: int, items: int, features: int, mean: float = 0.0) -> None:
        super().__init__()
        self.user_factors, self.user_bias = nn.Embedding(users, features), nn.Embedding(users, 1)
        self.item_factors, self.item_bias = nn.Embedding(items, features), nn.Embedding(items, 1)
        self.register_buffer("mean", koubai.tensor(float(mean)))
        for factors, bias in (
            (self.user_factors, self.user_bias),
            (self.item_factors, self.item_bias),
        ):
            nn.init.normal_(factors.weight, std=0.1)
            nn.init.zeros_(bias.weight)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """Predict one rating for each pair.

        Raises:
            RuntimeError: if there are not as many users as items.
            IndexError: if there is no such user or item.
        """
        if users.shape != items.shape:
            raise RuntimeError(
                f"MatrixFactorization: users {list(users.shape)} and items {list(items.shape)} are pairs"
            )
        fit = (self.user_factors(users) * self.item_factors(items)).sum(-1)
        return self.mean + (self.user_bias(users) + self.item_bias(items)).squeeze(-1) + fit  # type: ignore[no-any-return]

    def scores(self, users: Tensor) -> Tensor:
        """Predict the ratings of all items, (N, items): the largest are what to recommend."""
        fit = self.user_factors(users) @ self.item_factors.weight.T
        return self.mean + self.user_bias(users) + self.item_bias.weight.T + fit  # type: ignore[no-any-return]


class TwoTower(nn.Module):
    """One network for users and one for items, whose vectors are near where they fit (Yi et al. 2019).

    Items' vectors do not depend on the user: they are computed once, and the nearest are found by a product.

    Args:
        user_tower: from what is known of a user to a vector (N, D).
        item_tower: from what is known of an item to a vector (M, D).
        temperature: cosines are divided by it; the smaller, the sharper the choice.

    Shape:
        users and items: as the towers take them; output (N, M).

    Raises:
        ValueError: if temperature is not positive.

    Example:
        >>> model = models.TwoTower(nn.Embedding(100, 16), nn.Embedding(50, 16))
        >>> loss = model.loss(users, items)  # pairs that go together
        >>> best = model(users, koubai.arange(50)).topk(10).indices
    """

    def __init__(self, user_tower: nn.Module, item_tower: nn.Module, temperature: float = 0.05) -> None:
        super().__init__()
        if temperature <= 0:
            raise ValueError(f"TwoTower: temperature must be positive, got {temperature}")
        self.user_tower, self.item_tower, self.temperature = user_tower, item_tower, temperature

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """Score every item for every user: cosines over the temperature, (N, M)."""
        user_vectors = F.normalize(self.user_tower(users), dim=-1)  # (N, D)
        item_vectors = F.normalize(self.item_tower(items), dim=-1)  # (M, D)
        return user_vectors @ item_vectors.T / self.temperature

    def loss(self, users: Tensor, items: Tensor, log_frequency: Tensor | None = None) -> Tensor:
        """Cross-entropy of finding each user's item among all of the batch.

        Args:
            users: N of them.
            items: of each of these users one.
            log_frequency: of each item, (N,). Frequent items are wrong answers more often; subtracting it corrects
                that (the paper's equation 5).

        Raises:
            RuntimeError: if there are not as many users as items.
        """
        scores = self(users, items)  # (N, N)
        if scores.shape[0] != scores.shape[1]:
            raise RuntimeError(
                f"TwoTower: the loss needs pairs, got {scores.shape[0]} users and {scores.shape[1]} items"
            )
        if log_frequency is not None:
            scores = scores - log_frequency
        return F.cross_entropy(scores, koubai.arange(scores.shape[0], device=scores.device))
