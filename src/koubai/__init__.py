"""Koubai (勾配, "gradient") trains neural networks by backpropagation, and hides nothing of it.

The names are PyTorch's: `torch.X` is `koubai.X`.
"""

from importlib import import_module as _import_module
from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi
from typing import Any as _Any

from koubai import autograd as autograd
from koubai import backends as backends
from koubai import cuda as cuda
from koubai import functions as functions
from koubai import linalg as linalg
from koubai import special as special
from koubai.backprop import *
from koubai.devices import *
from koubai.dtypes import *
from koubai.formatting import *
from koubai.function import *
from koubai.functions import *
from koubai.gradcheck import *
from koubai.modes import *
from koubai.random import *
from koubai.scan import *
from koubai.serialization import *
from koubai.size import *
from koubai.taps import *
from koubai.tensor import *
from koubai.trace import *

# The rooms above the engine, which use the names above.
from koubai import nn as nn  # isort: skip
from koubai import optim as optim  # isort: skip
from koubai.nn.functional import (  # isort: skip  # PyTorch has these in both places
    alpha_dropout as alpha_dropout,
    bilinear as bilinear,
    celu as celu,
    celu_ as celu_,
    cosine_similarity as cosine_similarity,
    dropout as dropout,
    group_norm as group_norm,
    hardshrink as hardshrink,
    layer_norm as layer_norm,
    pairwise_distance as pairwise_distance,
    prelu as prelu,
    relu_ as relu_,
    rms_norm as rms_norm,
    rrelu as rrelu,
    rrelu_ as rrelu_,
    selu as selu,
    selu_ as selu_,
    threshold as threshold,
    threshold_ as threshold_,
)

__version__ = "0.1.0"


def __getattr__(name: str) -> _Any:
    """Import the rooms that not every program needs when they are first used."""
    if name in ("data", "train", "utils"):
        return _import_module(f"koubai.{name}")
    raise AttributeError(f"module 'koubai' has no attribute {name!r}")
