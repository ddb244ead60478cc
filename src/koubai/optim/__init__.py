"""Optimizers, schedules of the learning rate, and clipping of gradients, under PyTorch's names.

An optimizer is its options and a rule, a pure function on tensors; `optim.functional` offers the same rules
on dictionaries of NumPy arrays.
"""

from typing import TYPE_CHECKING, Any

from koubai.optim.adadelta import Adadelta
from koubai.optim.adafactor import Adafactor
from koubai.optim.adagrad import Adagrad
from koubai.optim.adam import Adam, AdamW
from koubai.optim.adamax import Adamax
from koubai.optim.asgd import ASGD
from koubai.optim.clip import clip_grad_norm_, clip_grad_value_, clip_grads_with_norm_, get_total_norm
from koubai.optim.lamb import LAMB
from koubai.optim.lbfgs import LBFGS
from koubai.optim.lion import Lion
from koubai.optim.muon import Muon
from koubai.optim.nadam import NAdam
from koubai.optim.optimizer import Optimizer
from koubai.optim.radam import RAdam
from koubai.optim.rmsprop import RMSprop
from koubai.optim.rprop import Rprop
from koubai.optim.sgd import SGD

from koubai.optim import functional, lr_scheduler  # isort: skip  (they are made of the optimizers above)

if TYPE_CHECKING:
    from koubai.train.lr_find import lr_find

__all__ = [
    "ASGD",
    "LAMB",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "functional",
    "get_total_norm",
    "lr_scheduler",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Fetch `lr_find` when it is first asked for: it trains, and this room cannot import the one of training."""
        if name != "lr_find":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from koubai.train.lr_find import lr_find

        return lr_find
