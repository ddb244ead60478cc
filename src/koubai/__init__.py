"""Koubai (勾配, "gradient") trains neural networks by backpropagation, and hides nothing of it.

The names are PyTorch's: `torch.X` is `koubai.X`.
"""

from koubai import functions
from koubai.backprop import backward, grad
from koubai.dtypes import (
    bool_ as bool,
    double,
    float,
    float16,
    float32,
    float64,
    get_default_dtype,
    half,
    int,
    int8,
    int16,
    int32,
    int64,
    long,
    set_default_dtype,
    short,
    uint8,
)
from koubai.functions import *
from koubai.modes import (
    detect_anomaly,
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from koubai.tensor import Tensor
from koubai.trace import host_scalar, trace

__version__ = "0.1.0"
