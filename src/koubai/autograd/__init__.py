"""The names that PyTorch keeps in `torch.autograd`."""

from koubai.autograd import functional as functional
from koubai.autograd.checks import gradcheck, gradgradcheck
from koubai.engine.backprop import backward, grad
from koubai.engine.function import Function
from koubai.engine.gradcheck import check_gradients, numerical_gradient
from koubai.engine.modes import (
    detect_anomaly,
    enable_grad,
    inference_mode,
    no_grad,
    set_detect_anomaly,
    set_grad_enabled,
)

__all__ = [
    "Function",
    "backward",
    "check_gradients",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "no_grad",
    "numerical_gradient",
    "set_detect_anomaly",
    "set_grad_enabled",
]
