"""Koubai (勾配, "gradient") trains neural networks by backpropagation, and hides nothing of it.

The names are PyTorch's: `torch.X` is `koubai.X`.
"""

from importlib import import_module as _import_module
from math import e, inf, nan, pi
from typing import Any as _Any

from koubai import autograd, cuda, functions, linalg, special
from koubai.backprop import backward, grad
from koubai.devices import device
from koubai.dtypes import (
    bool_ as bool,
    double,
    finfo,
    float,
    float16,
    float32,
    float64,
    get_default_dtype,
    half,
    iinfo,
    int,
    int8,
    int16,
    int32,
    int64,
    long,
    promote_types,
    set_default_dtype,
    short,
    uint8,
)
from koubai.function import checkpoint, composite
from koubai.functions import *
from koubai.gradcheck import GradientError, check_gradients, numerical_gradient
from koubai.modes import (
    detect_anomaly,
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from koubai.random import (
    Generator,
    bernoulli,
    default_generator,
    fork_rng,
    get_rng_state,
    initial_seed,
    manual_seed,
    multinomial,
    normal,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
    seed,
    set_rng_state,
)
from koubai.scan import scan
from koubai.tensor import Tensor
from koubai.trace import host_scalar, trace

# The rooms above the engine, which use the names above.
from koubai import nn, optim  # isort: skip

__version__ = "0.1.0"


def __getattr__(name: str) -> _Any:
    """Import the rooms that not every program needs when they are first used."""
    if name in ("data", "train", "utils"):
        return _import_module(f"koubai.{name}")
    raise AttributeError(f"module 'koubai' has no attribute {name!r}")
