"""The few things that Koubai and PyTorch call by different names; all else the doctor writes once for both.

Layers, hooks, optimizers and most functions of tensors have the same names in both, so the doctor reads a model of
either kind, and what it says does not depend on which.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

import koubai
from koubai.train.rng import load_random_state, random_state

__all__ = ["Array", "Framework", "framework_of"]

Array = NDArray[Any]


class Framework:
    """Koubai's side; `_Torch` is the other."""

    name = "koubai"

    def array(self, tensor: Any) -> Array:
        """Return the values of a tensor, an array or nested lists as an array."""
        return np.asarray(tensor.detach().numpy() if hasattr(tensor, "detach") else tensor)

    def tensor(self, array: Any, like: Any = None) -> Any:
        """Return values as a tensor, with the floating dtype of `like`."""
        array = np.asarray(array)
        if like is not None and array.dtype.kind == "f":
            return koubai.tensor(array, dtype=like.dtype)
        return koubai.tensor(array)

    def stack(self, tensors: list[Any]) -> Any:
        """Return numbers as one vector."""
        return koubai.stack([tensor.reshape(()).float() for tensor in tensors])

    def no_grad(self) -> AbstractContextManager[Any]:
        """Within it nothing is recorded for backward."""
        return koubai.no_grad()

    def seed(self, number: int) -> None:
        """Seed the default generator."""
        koubai.manual_seed(number)

    def random_state(self, model: Any) -> Any:
        """Return where all random generators stand."""
        return random_state(model)

    def load_random_state(self, model: Any, state: Any) -> None:
        """Let them go on from there."""
        load_random_state(model, state)

    @contextmanager
    def undisturbed(self, model: Any, *, training: bool) -> Iterator[None]:
        """Run the model in one mode; afterwards modes, buffers, gradients and generators are as they were."""
        modes = [(module, module.training) for module in model.modules()]
        buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
        gradients = [(parameter, parameter.grad) for parameter in model.parameters()]
        random = self.random_state(model)
        model.train(training)
        for parameter, _ in gradients:
            parameter.grad = None
        try:
            yield
        finally:
            for module, mode in modes:
                module.training = mode
            with self.no_grad():
                for buffer, before in buffers:
                    buffer.copy_(before)
            for parameter, gradient in gradients:
                parameter.grad = gradient
            self.load_random_state(model, random)

    def twin(self, model: Any, optimizer: Any, **options: Any) -> tuple[Any, Any]:
        """Return a copy of the model, and a fresh optimizer of the same kind for it.

        Args:
            model: the model.
            optimizer: its optimizer.
            options: what to change in all parameter groups; a function is given the present value.
        """
        other = copy.deepcopy(model)
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        theirs = dict(other.named_parameters())
        groups = []
        for group in optimizer.param_groups:
            kept = {key: value for key, value in group.items() if key in optimizer.defaults}
            changed = {k: v(kept[k]) if callable(v) else v for k, v in options.items() if k in kept}
            params = [theirs[names[id(p)]] for p in group["params"] if id(p) in names]
            groups.append({**kept, **changed, "params": params})
        held = [group for group in groups if group["params"]]
        return other, type(optimizer)(held or [{**groups[0], "params": list(other.parameters())}])


class _Torch(Framework):
    name = "torch"

    def __init__(self) -> None:
        import torch

        self._torch = torch

    def array(self, tensor: Any) -> Array:
        return np.asarray(tensor.detach().cpu().numpy() if hasattr(tensor, "detach") else tensor)

    def tensor(self, array: Any, like: Any = None) -> Any:
        made = self._torch.as_tensor(np.array(array))
        if like is None:
            return made
        return made.to(like.device, like.dtype if made.is_floating_point() else made.dtype)

    def stack(self, tensors: list[Any]) -> Any:
        return self._torch.stack([tensor.reshape(()).float() for tensor in tensors])

    def no_grad(self) -> AbstractContextManager[Any]:
        context: AbstractContextManager[Any] = self._torch.no_grad()
        return context

    def seed(self, number: int) -> None:
        self._torch.manual_seed(number)

    def random_state(self, model: Any) -> Any:
        return self._torch.get_rng_state()

    def load_random_state(self, model: Any, state: Any) -> None:
        self._torch.set_rng_state(state)


def framework_of(model: Any) -> Framework:
    """Return the framework that a model is written in.

    Raises:
        TypeError: if it is neither Koubai's nor PyTorch's.
    """
    kinds = {base.__module__.partition(".")[0] for base in type(model).__mro__}
    if "koubai" in kinds:
        return Framework()
    if "torch" in kinds:
        return _Torch()
    raise TypeError(f"the doctor examines modules of Koubai or PyTorch, not {type(model).__name__}")
