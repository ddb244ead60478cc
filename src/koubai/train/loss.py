"""What the Trainer has to know of a loss: whether it adds or averages, and what it expects of targets.

Losses are recognised by their name, whether they are the layer (`CrossEntropyLoss`) or the function
(`cross_entropy`); of any other callable nothing is assumed but that it averages over the batch.
"""

from __future__ import annotations

from typing import Any

from koubai.nn.module import Module

__all__ = ["ignored_label", "share", "sums", "takes_classes", "takes_logits", "takes_probabilities"]

_CLASSES = {"crossentropyloss", "nllloss", "multimarginloss", "focalloss"}
_BINARY_LOGITS = {"bcewithlogitsloss", "softmarginloss", "multilabelsoftmarginloss"}
_PROBABILITIES = {"bceloss"}
_FUNCTIONS = {
    "cross_entropy": "crossentropyloss",
    "nll_loss": "nllloss",
    "multi_margin_loss": "multimarginloss",
    "focal_loss": "focalloss",
    "binary_cross_entropy": "bceloss",
    "binary_cross_entropy_with_logits": "bcewithlogitsloss",
    "soft_margin_loss": "softmarginloss",
    "multilabel_soft_margin_loss": "multilabelsoftmarginloss",
}


def takes_classes(loss: Any) -> bool:
    """Whether the loss compares scores `(N, C, ...)` with class numbers `(N, ...)`."""
    return _kind(loss) in _CLASSES


def takes_logits(loss: Any) -> bool:
    """Whether the model's outputs are logits (or log-probabilities), so that 0 divides yes from no."""
    return _kind(loss) in _CLASSES | _BINARY_LOGITS


def takes_probabilities(loss: Any) -> bool:
    """Whether targets have to lie between 0 and 1."""
    return _kind(loss) in _PROBABILITIES | {"bcewithlogitsloss"}


def sums(loss: Any) -> bool:
    """Whether the loss adds up its samples' losses instead of averaging them."""
    return getattr(loss, "reduction", "mean") == "sum"


def share(loss: Any, samples: int, of: int) -> float:
    """How much the loss of a batch of so many samples weighs in that of a step of so many."""
    return 1.0 if sums(loss) else samples / of


def ignored_label(loss: Any) -> int:
    """The class number that the loss leaves out."""
    return int(getattr(loss, "ignore_index", -100))


def _kind(loss: Any) -> str:
    name = type(loss).__name__ if isinstance(loss, Module) else getattr(loss, "__name__", type(loss).__name__)
    return _FUNCTIONS.get(name, name.lower())
