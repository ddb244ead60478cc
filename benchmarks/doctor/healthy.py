"""Good trainings of many kinds, on which a doctor has nothing to say: `HEALTHY`.

Each names the score that it reaches at least, in the metric of its setup, so that good is not just a word.
"""

from __future__ import annotations

from functools import partial

from doctor import toys
from doctor.healthy_kinds import (
    LOGITS,
    MSE,
    R2,
    Exponential,
    Filters,
    Healthy,
    Reader,
    Transformer,
    Words,
    adam,
    as_probability,
    clouds,
    cnn,
    copied,
    cosine,
    digits,
    good,
    images,
    mlp,
    one_cycle,
    pieces_of_waves,
    residual_mlp,
    resnet,
    rows_of_digits,
    selu_net,
    sgd,
    stairs,
    using,
    words,
)
from doctor.healthy_odd import ODD
from koubai import nn, optim

__all__ = ["HEALTHY"]

TABLES = [
    Healthy(
        "iris, MLP, Adam",
        0.85,
        partial(
            good,
            data=partial(toys.tabular, "iris"),
            model=partial(mlp, 4, (16,), 3),
            optimizer=adam(1e-2),
            epochs=30,
        ),
    ),
    Healthy(
        "wine, MLP, momentum",
        0.9,
        partial(
            good,
            data=partial(toys.tabular, "wine"),
            model=partial(mlp, 13, (16,), 3),
            optimizer=sgd(0.02, 0.9),
            epochs=40,
        ),
    ),
    Healthy(
        "breast cancer, logistic regression, SGD",
        0.92,
        partial(
            good,
            data=as_probability(partial(toys.tabular, "breast_cancer")),
            model=partial(nn.Linear, 30, 1),
            optimizer=sgd(0.1),
            **LOGITS,
        ),
    ),
    Healthy(
        "breast cancer, batch norm, AdamW",
        0.92,
        partial(
            good,
            data=as_probability(partial(toys.tabular, "breast_cancer")),
            model=partial(mlp, 30, (32, 16), 1, norm=nn.BatchNorm1d),
            optimizer=using(optim.AdamW, 1e-3),
            epochs=12,
            **LOGITS,
        ),
    ),
    Healthy(
        "diabetes, linear regression, SGD",
        0.3,
        partial(good, data=toys.diabetes, model=partial(nn.Linear, 10, 1), optimizer=sgd(0.01), **MSE),
    ),
    Healthy(
        "diabetes, small MLP, AdamW",
        0.3,
        partial(
            good,
            data=toys.diabetes,
            model=partial(mlp, 10, (8,), 1, nn.Tanh),
            optimizer=using(optim.AdamW, 3e-3, weight_decay=0.1),
            **MSE,
        ),
    ),
    Healthy(
        "friedman, MLP, RMSprop",
        0.75,
        partial(
            good,
            data=toys.friedman,
            model=partial(mlp, 10, (64, 64), 1),
            optimizer=using(optim.RMSprop, 1e-3),
            **MSE,
        ),
    ),
    Healthy(
        "friedman, tanh, Huber, momentum with steps",
        0.75,
        partial(
            good,
            data=toys.friedman,
            model=partial(mlp, 10, (64,), 1, nn.Tanh),
            optimizer=sgd(0.02, 0.9),
            loss=nn.HuberLoss(),
            **R2,
            **stairs(30, 15),
        ),
    ),
    Healthy(
        "friedman, ten residual blocks, Adam",
        0.75,
        partial(good, data=toys.friedman, model=residual_mlp, optimizer=adam(1e-3), **MSE),
    ),
    Healthy(
        "sine, GELU, cosine",
        0.7,
        partial(
            good,
            data=partial(toys.sine, samples=800),
            model=partial(mlp, 1, (32, 32), 1, nn.GELU),
            optimizer=adam(1e-2),
            **MSE,
            **cosine(30),
        ),
    ),
    Healthy(
        "counts, Poisson regression, Adam",
        0.3,
        partial(
            good,
            data=toys.rates,
            model=lambda: nn.Sequential(nn.Linear(5, 1), Exponential()),
            optimizer=adam(2e-2),
            loss=nn.PoissonNLLLoss(log_input=False),
            metric="R2 (held out)",
        ),
    ),
    Healthy(
        "moons, SiLU, batches of 8",
        0.92,
        partial(
            good,
            data=toys.moons,
            model=partial(mlp, 2, (16, 16), 2, nn.SiLU),
            optimizer=adam(5e-3),
            batch_size=8,
            epochs=25,
        ),
    ),
    Healthy(
        "moons, the whole data set as one batch",
        0.92,
        partial(
            good,
            data=toys.moons,
            model=partial(mlp, 2, (32,), 2, nn.Tanh),
            optimizer=sgd(0.5, 0.9),
            batch_size=450,
            epochs=300,
        ),
    ),
    Healthy(
        "circles, ELU, Nadam",
        0.95,
        partial(
            good,
            data=toys.circles,
            model=partial(mlp, 2, (16, 16), 2, nn.ELU),
            optimizer=using(optim.NAdam, 1e-2),
            epochs=25,
        ),
    ),
    Healthy(
        "circles, probability, Adagrad",
        0.95,
        partial(
            good,
            data=as_probability(toys.circles),
            model=lambda: nn.Sequential(mlp(2, (24,), 1, nn.Tanh), nn.Sigmoid()),
            optimizer=using(optim.Adagrad, 0.1),
            loss=nn.BCELoss(),
            epochs=30,
            metrics=("accuracy",),
        ),
    ),
    Healthy(
        "five clouds, smoothed labels",
        0.8,
        partial(
            good,
            data=clouds,
            model=partial(mlp, 8, (32,), 5),
            optimizer=adam(),
            loss=nn.CrossEntropyLoss(label_smoothing=0.1),
            metrics=("accuracy",),
        ),
    ),
    Healthy(
        "two clouds of 3 to 1, F1",
        0.8,
        partial(
            good,
            data=partial(toys.overlapping, sizes=(900, 300), distance=2.2),
            model=partial(mlp, 8, (16,), 2),
            optimizer=adam(),
            metrics=("f1_macro",),
            epochs=15,
        ),
    ),
    Healthy(
        "topics, several labels",
        0.35,
        partial(
            good,
            data=toys.multilabel,
            model=partial(mlp, 20, (32,), 4),
            optimizer=adam(),
            loss=nn.BCEWithLogitsLoss(),
            metric="exact-match accuracy of logits (held out)",
        ),
    ),
    Healthy(
        "words, embedding, Adam",
        0.9,
        partial(good, data=words, model=Words, optimizer=adam(5e-3), epochs=15),
    ),
]
IMAGES = [
    Healthy(
        "digits, MLP, dropout, Adam",
        0.93,
        partial(
            good, data=digits, model=partial(mlp, 64, (128, 64), 10, dropout=0.3), optimizer=adam(), epochs=20
        ),
    ),
    Healthy(
        "digits, MLP, SGD, cosine",
        0.93,
        partial(good, data=digits, model=partial(mlp, 64, (64,), 10), optimizer=sgd(0.1), **cosine(20)),
    ),
    Healthy(
        "digits, sigmoid, Adam",
        0.93,
        partial(
            good, data=digits, model=partial(mlp, 64, (64,), 10, nn.Sigmoid), optimizer=adam(5e-3), epochs=25
        ),
    ),
    Healthy(
        "digits, six layers of SELU, Adamax",
        0.93,
        partial(good, data=digits, model=selu_net, optimizer=using(optim.Adamax, 2e-3), epochs=15),
    ),
    Healthy(
        "digits, batch norm, momentum and weight decay, large batches",
        0.93,
        partial(
            good,
            data=digits,
            model=partial(mlp, 64, (128, 64), 10, norm=nn.BatchNorm1d),
            optimizer=sgd(0.1, 0.9, nesterov=True, weight_decay=1e-4),
            batch_size=256,
            epochs=15,
        ),
    ),
    Healthy(
        "digits, CNN, Adam",
        0.93,
        partial(good, data=images, model=cnn, optimizer=adam(), epochs=12),
    ),
    Healthy(
        "digits, CNN, batch norm, momentum, one cycle",
        0.95,
        partial(
            good,
            data=images,
            model=partial(cnn, nn.BatchNorm2d),
            optimizer=sgd(0.02, 0.9),
            **one_cycle(0.2, 8, 43),
        ),
    ),
    Healthy(
        "digits, CNN, leaky, RMSprop, batches of 64",
        0.93,
        partial(
            good,
            data=images,
            model=partial(cnn, None, nn.LeakyReLU),
            optimizer=using(optim.RMSprop, 1e-3),
            batch_size=64,
            epochs=25,
        ),
    ),
    Healthy(
        "digits, residual CNN, group norm, AdamW",
        0.93,
        partial(good, data=images, model=resnet, optimizer=using(optim.AdamW, 2e-3), epochs=8),
    ),
    Healthy(
        "digits, autoencoder",
        0.4,
        partial(
            good,
            data=copied,
            model=lambda: mlp(64, (48, 16, 48), 64),
            optimizer=adam(),
            loss=nn.MSELoss(),
            metric="R2 of all (held out)",
            epochs=25,
        ),
    ),
]
SEQUENCES = [
    Healthy(
        "waves, LSTM, Adam",
        0.93,
        partial(good, data=toys.waves, model=partial(Reader, nn.LSTM, 1, 3), optimizer=adam(5e-3), epochs=12),
    ),
    Healthy(
        "first sign, GRU, Adam",
        0.93,
        partial(
            good, data=toys.first_sign, model=partial(Reader, nn.GRU, 1, 2), optimizer=adam(1e-2), epochs=30
        ),
    ),
    Healthy(
        "adding, LSTM, clipped",
        0.9,
        partial(
            good,
            data=partial(toys.adding, steps=6),
            model=partial(Reader, nn.LSTM, 2, 1),
            optimizer=adam(1e-2),
            epochs=25,
            clip_norm=1.0,
            **MSE,
        ),
    ),
    Healthy(
        "waves, convolutions, SGD",
        0.93,
        partial(good, data=toys.waves, model=Filters, optimizer=sgd(0.05, 0.9), epochs=15),
    ),
    Healthy(
        "waves, Transformer, one cycle",
        0.93,
        partial(
            good,
            data=pieces_of_waves,
            model=partial(Transformer, 5, 4, 3),
            optimizer=adam(1e-3),
            **one_cycle(5e-3, 15, 19),
        ),
    ),
    Healthy(
        "rows of digits, Transformer, dropout, AdamW",
        0.9,
        partial(
            good,
            data=rows_of_digits,
            model=partial(Transformer, 8, 8, 10, 0.1),
            optimizer=using(optim.AdamW, 2e-3),
            epochs=15,
        ),
    ),
]
HEALTHY = [*TABLES, *IMAGES, *SEQUENCES, *ODD]
