"""Koubai (勾配, "gradient") trains neural networks by backpropagation, and hides nothing of it.

The names are PyTorch's: `torch.X` is `koubai.X`.
"""

from importlib import import_module as _import_module
from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from koubai import autograd as autograd
from koubai import backends as backends
from koubai import cuda as cuda
from koubai import functions as functions
from koubai import linalg as linalg
from koubai import special as special
from koubai.default_callbacks import DEFAULT_CALLBACKS as _DEFAULT_CALLBACKS
from koubai.devices import *
from koubai.dtypes import *
from koubai.engine import random as random
from koubai.engine.backprop import *
from koubai.engine.formatting import *
from koubai.engine.function import *
from koubai.engine.gradcheck import *
from koubai.engine.modes import *
from koubai.engine.random import *
from koubai.engine.scan import *
from koubai.engine.size import *
from koubai.engine.taps import *
from koubai.engine.tensor import *
from koubai.engine.trace import *
from koubai.functions import *
from koubai.serialization import *

if _TYPE_CHECKING:  # the rooms above the engine are imported when they are first used
    from koubai import compiler as compiler
    from koubai import data as data
    from koubai import doctor as doctor
    from koubai import models as models
    from koubai import nn as nn
    from koubai import optim as optim
    from koubai import plan as plan
    from koubai import train as train
    from koubai import utils as utils
    from koubai.compiler import compile as compile
    from koubai.compiler import get_num_threads as get_num_threads
    from koubai.compiler import set_num_threads as set_num_threads
    from koubai.explain.worksheet import explain as explain

__version__ = "0.1.0"

_ROOMS = frozenset(
    {"compiler", "data", "doctor", "explain", "models", "nn", "optim", "plan", "train", "utils"}
)
_COMPILER = frozenset({"compile", "get_num_threads", "set_num_threads"})
# PyTorch has these both at the top and in nn.functional.
_FUNCTIONAL = frozenset(
    [
        "alpha_dropout",
        "bilinear",
        "celu",
        "celu_",
        "cosine_similarity",
        "dropout",
        "group_norm",
        "hardshrink",
        "layer_norm",
        "pairwise_distance",
        "prelu",
        "relu_",
        "rms_norm",
        "rrelu",
        "rrelu_",
        "selu",
        "selu_",
        "threshold",
        "threshold_",
    ]
)

_DEFAULT_CALLBACKS["doctor"] = lambda: _import_module("koubai.doctor").Doctor()


def __getattr__(name: str) -> _Any:
    """Import what not every program needs when it is first used."""
    if name in _ROOMS:
        return _import_module(f"koubai.{name}")
    if name in _COMPILER:
        return getattr(_import_module("koubai.compiler"), name)
    if name in _FUNCTIONAL:
        return getattr(_import_module("koubai.nn.functional"), name)
    raise AttributeError(f"module 'koubai' has no attribute {name!r}")
