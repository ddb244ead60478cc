"""Trainings whose parts are wired wrongly: graphs that are cut, modes that are mixed up, samples that leak."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import koubai
from doctor import toys
from doctor.case import Data
from doctor.families.generalisation import flat_digits, mlp, scaled_digits
from doctor.fault import fault, ready
from doctor.plan import Loop
from doctor.setup import Setup
from koubai import nn, optim
from koubai.nn import functional as F

__all__ = ["WIRING"]

Tensor = koubai.Tensor


def classifier(
    seed: int,
    model: Callable[[], nn.Module],
    data: Callable[[int], Data] = flat_digits,
    held: Callable[[nn.Module], Iterable[Any]] = nn.Module.parameters,
    lr: float = 2e-3,
    **settings: Any,
) -> Setup:
    """A classification with Adam; `held` says which parameters the optimizer gets."""
    network = model()
    optimizer = optim.Adam(held(network), lr)
    settings = {"epochs": 15, "metrics": ("accuracy",), **settings}
    return ready(network, nn.CrossEntropyLoss(), optimizer, data(seed), **settings)


# --- cut graphs ---------------------------------------------------------------------------------------------------


class Encoded(nn.Module):
    """An encoder and a head; detached, the encoder learns nothing."""

    def __init__(self, encoder: nn.Module, head: nn.Module, detached: bool = False) -> None:
        super().__init__()
        self.encoder, self.head, self.detached = encoder, head, detached

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores."""
        code = self.encoder(x)
        return self.head(code.detach() if self.detached else code)


def narrow(detached: bool = False) -> nn.Module:
    """Return an MLP with a narrow middle, which random weights do not do for."""
    encoder = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 6), nn.ReLU())
    return Encoded(encoder, nn.Linear(6, 10), detached)


def narrow_cnn(detached: bool = False) -> nn.Module:
    """Return convolutions with few channels and a head."""
    first = (nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    second = (nn.Conv2d(8, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten())
    return Encoded(
        nn.Sequential(*first, *second),
        nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 10)),
        detached,
    )


class TwoEyes(nn.Module):
    """One branch for the upper half of an image, one for the lower; with one eye shut, the second is not used."""

    def __init__(self, shut: bool = False) -> None:
        super().__init__()
        self.upper, self.lower = nn.Linear(32, 32), nn.Linear(32, 32)
        self.head, self.shut = nn.Linear(32, 10), shut

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores."""
        seen = self.upper(x[:, :32])
        if not self.shut:
            seen = seen + self.lower(x[:, 32:])
        return self.head(seen.relu())


def of_another(model: nn.Module) -> Iterable[Any]:
    """Return the parameters of a copy that was made too early."""
    return narrow().parameters()


DETACHED = [
    fault(
        "detached: encoder's output",
        ("detached_graph",),
        partial(classifier),
        {"model": partial(narrow, True)},
        {"model": narrow},
    ),
    fault(
        "detached: features of a CNN",
        ("detached_graph",),
        partial(classifier, data=scaled_digits, epochs=25, lr=5e-3),
        {"model": partial(narrow_cnn, True)},
        {"model": narrow_cnn},
    ),
    fault(
        "detached: optimizer holds the head only",
        ("detached_graph",),
        partial(classifier, model=narrow),
        {"held": lambda model: model.head.parameters()},
    ),
    fault(
        "detached: unused branch",
        ("detached_graph",),
        classifier,
        {"model": partial(TwoEyes, True)},
        {"model": TwoEyes},
    ),
    fault(
        "detached: optimizer of another model",
        ("detached_graph",),
        partial(classifier, model=narrow),
        {"held": of_another},
    ),
]

# --- modes --------------------------------------------------------------------------------------------------------


class AlwaysDropped(nn.Module):
    """Dropout as a function, which does not know the mode unless it is told."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Drop, also in evaluation."""
        return F.dropout(x, self.p)


def dropping(kind: Callable[[float], nn.Module] = nn.Dropout, p: float = 0.7) -> nn.Module:
    """Return an MLP with dropout after each hidden layer."""
    return nn.Sequential(
        *(nn.Linear(64, 128), nn.ReLU(), kind(p)),
        *(nn.Linear(128, 128), nn.ReLU(), kind(p)),
        nn.Linear(128, 10),
    )


def normalised(momentum: float = 0.1) -> nn.Module:
    """Return an MLP with batch normalisation, also of its inputs."""
    return nn.Sequential(
        nn.BatchNorm1d(64, momentum=momentum),
        *(nn.Linear(64, 64), nn.BatchNorm1d(64, momentum=momentum), nn.ReLU()),
        *(nn.Linear(64, 64), nn.BatchNorm1d(64, momentum=momentum), nn.ReLU()),
        nn.Linear(64, 10),
    )


def raw_digits(seed: int) -> Data:
    """Return digits as rows of pixels far from 0."""
    data = toys.digits(seed, channel=False)
    return Data(*((500 + 10 * x, y) for x, y in (data.train, data.validation)))


MODES = [
    fault(
        "mode: functional dropout in evaluation",
        ("train_eval_mode",),
        partial(classifier),
        {"model": partial(dropping, AlwaysDropped)},
        {"model": dropping},
    ),
    fault(
        "mode: model.eval() forgotten",
        ("train_eval_mode",),
        partial(classifier, model=dropping),
        {"loop": Loop(eval_mode=False)},
    ),
    fault(
        "mode: trained in evaluation mode",
        ("train_eval_mode",),
        partial(classifier, model=normalised, data=raw_digits, epochs=5),
        {"loop": Loop(train_mode=False)},
    ),
    fault(
        "mode: running statistics never arrive",
        ("train_eval_mode",),
        partial(classifier, data=raw_digits, epochs=5),
        {"model": partial(normalised, 1e-4)},
        {"model": normalised},
    ),
]

# --- batch normalisation of tiny batches --------------------------------------------------------------------------


def bn_mlp(
    inputs: int = 64, outputs: int = 10, norm: Callable[[int], nn.Module] = nn.BatchNorm1d
) -> nn.Module:
    """Return an MLP with a norm after each hidden layer."""
    return nn.Sequential(
        *(nn.Linear(inputs, 64), norm(64), nn.ReLU()),
        *(nn.Linear(64, 64), norm(64), nn.ReLU()),
        nn.Linear(64, outputs),
    )


def few_digits(seed: int) -> Data:
    """Return 400 digits as rows."""
    data = flat_digits(seed)
    return Data((data.train[0][:400], data.train[1][:400]), data.validation)


def regression(seed: int, batch_size: int) -> Setup:
    """A regression with batch normalisation."""
    model = bn_mlp(10, 1)
    optimizer = optim.Adam(model.parameters(), 2e-3)
    data = toys.friedman(seed)
    settings = {"batch_size": batch_size, "epochs": 12, "metric": "R2 (held out)"}
    return ready(model, nn.MSELoss(), optimizer, data, **settings)


TINY_BATCHES = [
    fault(
        "tiny batches: MLP, batch 2",
        ("tiny_batch_batchnorm",),
        partial(classifier, model=bn_mlp, data=few_digits, epochs=10),
        {"batch_size": 2},
        {"batch_size": 32},
    ),
    fault(
        "tiny batches: layer norm instead",
        ("tiny_batch_batchnorm",),
        partial(classifier, data=few_digits, epochs=10, batch_size=2, lr=1e-3),
        {"model": bn_mlp},
        {"model": partial(bn_mlp, norm=nn.LayerNorm)},
    ),
    fault(
        "tiny batches: regression, batch 2",
        ("tiny_batch_batchnorm",),
        regression,
        {"batch_size": 2},
        {"batch_size": 32},
    ),
]

# --- samples that leak --------------------------------------------------------------------------------------------


class BatchScaled(nn.Module):
    """Standardises by the batch that is just there, also in evaluation."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the inputs with mean 0 and deviation 1 over the batch."""
        return (x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-5).sqrt()


class Attentive(nn.Module):
    """Rows of an image as a sequence; with the batch in second place, attention goes over the samples."""

    def __init__(self, batch_first: bool = True) -> None:
        super().__init__()
        self.embed = nn.Linear(8, 32)
        self.place = nn.Parameter(0.1 * koubai.randn(8, 32))
        self.attention = nn.MultiheadAttention(32, 4, batch_first=batch_first)
        self.head = nn.Linear(8 * 32, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores."""
        x = self.embed(x.reshape(-1, 8, 8)) + self.place  # (N, 8, 32)
        x = x + self.attention(x, x, x, need_weights=False)[0]
        return self.head(x.flatten(1).relu())


class Scrambled(nn.Module):
    """Changes the axes of its sequence and puts the batch together in the wrong order."""

    def __init__(self, wrong: bool = False) -> None:
        super().__init__()
        self.first, self.head, self.wrong = nn.Linear(8, 16), nn.Linear(8 * 16, 10), wrong

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores."""
        rows = self.first(x.reshape(-1, 8, 8)).relu()  # (N, 8, 16)
        if self.wrong:
            rows = rows.transpose(0, 1)  # (8, N, 16)
        return self.head(rows.reshape(len(x), -1))


def probabilities(axis: int) -> nn.Module:
    """Return an MLP that ends in a softmax over an axis."""
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10), nn.Softmax(axis))


def negative_log(output: Tensor, target: Tensor) -> Tensor:
    """Return the negative log-likelihood of probabilities."""
    return F.nll_loss((output + 1e-7).log(), target)


def with_softmax(seed: int, axis: int = -1, **settings: Any) -> Setup:
    """A classification by probabilities."""
    setup = classifier(seed, partial(probabilities, axis), **settings)
    setup.loss = negative_log
    return setup


LEAKS = [
    fault(
        "leak: standardised over the batch",
        ("sample_leakage",),
        partial(classifier, judged_by=1),
        {"model": lambda: nn.Sequential(mlp(64, (64,), 32), BatchScaled(), nn.ReLU(), nn.Linear(32, 10))},
        {"model": lambda: nn.Sequential(mlp(64, (64,), 32), nn.LayerNorm(32), nn.ReLU(), nn.Linear(32, 10))},
    ),
    fault(
        "leak: attention over the batch",
        ("sample_leakage",),
        partial(classifier, judged_by=1),
        {"model": partial(Attentive, False)},
        {"model": Attentive},
    ),
    fault(
        "leak: softmax over the batch", ("sample_leakage",), partial(with_softmax, judged_by=1), {"axis": 0}
    ),
    fault(
        "leak: axes reshaped wrongly",
        ("sample_leakage",),
        classifier,
        {"model": partial(Scrambled, True)},
        {"model": Scrambled},
    ),
]

WIRING = [*DETACHED, *MODES, *TINY_BATCHES, *LEAKS]
