"""PyTorch's contestants: the same networks and the same step, eagerly and in the faster ways that PyTorch offers."""

from __future__ import annotations

import functools
import os
import warnings
from dataclasses import dataclass
from typing import Any

from native.contestant import (
    Evidence,
    Named,
    Peer,
    Start,
    Unavailable,
    gradients,
    optimizer_memory,
    training_step,
)
from native.workloads import Workload


@dataclass(frozen=True)
class Way:
    """How PyTorch is used.

    Attributes:
        compiled: `torch.compile` turns forward, loss and backward into C++ code.
        optimizer_compiled: and the update as well.
        fused: the optimizer's own loop over all parameters at once.
        channels_last: images are stored pixel by pixel.
    """

    compiled: bool = False
    optimizer_compiled: bool = False
    fused: bool = False
    channels_last: bool = False


def torch_module() -> Any:
    """Return PyTorch, or say that it is missing."""
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # else idle processes stay behind
    try:
        import torch
    except ImportError:
        raise Unavailable("PyTorch is not installed: pip install torch") from None
    return torch


class TorchStep:
    """Trains with PyTorch.

    Attributes:
        model: the network.
        optimizer: its optimizer.
    """

    steps_per_call = 1

    def __init__(self, way: Way, dtype: str, workload: Workload, start: Start, threads: int) -> None:
        torch = self.torch = torch_module()
        torch.set_num_threads(threads)
        self.threads = threads
        kind = getattr(torch, dtype)
        self.model = workload.model(torch)
        self.model.load_state_dict({name: torch.tensor(array) for name, array in start.weights.items()})
        self.model = self.model.to(kind)
        self.before: Named = start.weights
        self.x, self.y = torch.tensor(start.x), torch.tensor(start.y)
        if not workload.symbols:
            self.x = self.x.to(kind)
        if way.channels_last:
            self.model = self.model.to(memory_format=torch.channels_last)
            self.x = self.x.to(memory_format=torch.channels_last)
        self.optimizer = workload.make_optimizer(torch, self.model, **({"fused": True} if way.fused else {}))
        self.step = self._step(way)

    def _step(self, way: Way) -> Any:
        criterion = self.torch.nn.CrossEntropyLoss()
        model = self.model

        def compute_loss(x: Any, y: Any) -> Any:
            return criterion(model(x), y)

        if way.compiled:
            compute_loss = self.torch.compile(compute_loss)
        if way.optimizer_compiled:
            self.optimizer.step = self.torch.compile(self.optimizer.step)
        return training_step(compute_loss, self.optimizer)

    def run(self, steps: int) -> float:
        """Train so many steps and return the last one's loss."""
        self.torch.set_num_threads(self.threads)
        step, x, y = self.step, self.x, self.y
        for _ in range(steps):
            loss = step(x, y)
        return float(loss.item())

    def evidence(self, loss: float) -> Evidence:
        """Show gradients, the optimizer's memory and updates."""
        named = list(self.model.named_parameters())
        after = {name: parameter.detach().numpy() for name, parameter in named}
        memory = optimizer_memory(self.optimizer, named)
        return Evidence.of(loss, self.before, after, gradient=gradients(named), memory=memory)


def build(way: Way, workload: Workload, start: Start, threads: int) -> TorchStep:
    """Make a contestant; a compiler that is needed and fails makes it unavailable."""
    if not way.compiled:
        return TorchStep(way, "float32", workload, start, threads)
    torch = torch_module()
    torch.compiler.reset()  # else it counts how often the same code was compiled, and gives up
    return CompiledTorchStep(way, "float32", workload, start, threads)


class CompiledTorchStep(TorchStep):
    """Trains with what `torch.compile` made, which happens at the first step."""

    def run(self, steps: int) -> float:
        """Train so many steps and return the last one's loss."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return super().run(steps)
        except Exception as error:  # what a missing C++ compiler raises differs from version to version
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise Unavailable(f"torch.compile failed: {reason}") from error


def _images(workload: Workload) -> bool:
    return workload.convolutional


def _peer(name: str, way: Way) -> Peer:
    suits = _images if way.channels_last else (lambda _: True)
    return Peer(name, functools.partial(build, way), suits)


PEERS = [
    _peer("torch", Way()),
    _peer("torch.fused", Way(fused=True)),
    _peer("torch.channels_last", Way(channels_last=True)),
    _peer("torch.compile", Way(compiled=True)),
    _peer("torch.compile.fused", Way(compiled=True, fused=True)),
    _peer("torch.compile.optimizer", Way(compiled=True, optimizer_compiled=True)),
    _peer("torch.compile.channels_last", Way(compiled=True, channels_last=True)),
]
