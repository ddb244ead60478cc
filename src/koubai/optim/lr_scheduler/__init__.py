"""Schedules of the learning rate, under PyTorch's names: call `scheduler.step()` after each epoch or batch.

A schedule only changes "lr" (and where it says so the momentum) in the optimizer's parameter groups, so it
also works on a traced step.
"""

from koubai.optim.lr_scheduler.composed import ChainedScheduler, SequentialLR, WarmupLR, warmup
from koubai.optim.lr_scheduler.cycles import CosineAnnealingWarmRestarts, CyclicLR, OneCycleLR
from koubai.optim.lr_scheduler.factors import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from koubai.optim.lr_scheduler.plateau import ReduceLROnPlateau
from koubai.optim.lr_scheduler.scheduler import LRScheduler

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
    "WarmupLR",
    "warmup",
]
