"""The networks that recipes choose from, each started with the initialisation that suits its activations."""

from __future__ import annotations

import math

from koubai import nn


def mlp(shape: tuple[int, ...], outputs: int, hidden: tuple[int, ...], dropout: float = 0.0) -> nn.Module:
    """Fully connected layers with ReLU between them.

    Args:
        shape: of one sample, of any rank.
        outputs: classes, or predicted values.
        hidden: neurons of each hidden layer.
        dropout: share of neurons left out at random while training.
    """
    sizes = [math.prod(shape), *hidden]
    layers: list[nn.Module] = [nn.Flatten()]  # (N, *shape) -> (N, features)
    for inputs, neurons in zip(sizes, hidden):
        layers += [nn.Linear(inputs, neurons), nn.ReLU()]
        if dropout:
            layers.append(nn.Dropout(dropout))
    return _matched(nn.Sequential(*layers, nn.Linear(sizes[-1], outputs)))


def cnn(shape: tuple[int, ...], outputs: int, hidden: int = 128, dropout: float = 0.0) -> nn.Module:
    """Two convolutions with pooling, then two fully connected layers: LeNet's plan with today's parts.

    LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition" (1998).

    Args:
        shape: (channels, height, width) of one sample; small pictures are pooled only once.
        outputs: classes.
        hidden: neurons of the fully connected layer.
        dropout: share of its neurons left out at random while training.
    """
    channels, height, width = shape
    first, second = 16, 32
    pool = 2 if min(height, width) >= 16 else 1
    layers = [
        nn.Conv2d(channels, first, 3, padding=1),  # (N, 16, H, W)
        nn.ReLU(),
        *([nn.MaxPool2d(2)] if pool == 2 else []),  # (N, 16, H/2, W/2), large pictures only
        nn.Conv2d(first, second, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 32, H/pool/2, W/pool/2)
        nn.Flatten(),
        nn.Linear(second * (height // pool // 2) * (width // pool // 2), hidden),
        nn.ReLU(),
        *([nn.Dropout(dropout)] if dropout else []),
        nn.Linear(hidden, outputs),
    ]
    return _matched(nn.Sequential(*layers))


def _matched(model: nn.Module) -> nn.Module:
    nn.init.match_activations(model)
    return model
