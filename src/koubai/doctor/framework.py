"""The few things that Koubai and PyTorch call by different names; all else the doctor writes once for both.

Layers, hooks, optimizers and most functions of tensors have the same names in both, so the doctor reads a model of
either kind, and what it says does not depend on which.
"""

from __future__ import annotations

import copy
import inspect
import random
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

import koubai
from koubai.doctor.unnoticed import unnoticed
from koubai.engine.modes import modes
from koubai.train.rng import load_random_state, random_state

__all__ = ["Array", "Framework", "framework_of"]

Array = NDArray[Any]


class Framework:
    """Koubai's side; `_Torch` is the other."""

    name = "koubai"

    @property
    def tensors(self) -> type:
        """The class of all tensors."""
        return koubai.Tensor

    @property
    def is_tracing(self) -> bool:
        """Whether a compiler goes through the program now, with tensors that have no values."""
        return modes.tracer is not None

    @property
    def is_recording(self) -> bool:
        """Whether operations are recorded for backward now."""
        return koubai.is_grad_enabled()

    def is_compiled(self, model: Any) -> bool:
        """Whether a model's layers run within compiled code, where hooks on them are not heeded."""
        return False

    def plain(self, model: Any) -> Any:
        """Return the model that was written, without what is wrapped around it."""
        return model

    def array(self, tensor: Any) -> Array:
        """Return the values of a tensor, an array or nested lists as an array."""
        return np.asarray(tensor.numpy(force=True) if hasattr(tensor, "detach") else tensor)

    def tensor(self, array: Any, like: Any = None) -> Any:
        """Return values as a tensor, with the floating dtype of `like`."""
        array = np.asarray(array)
        if like is not None and array.dtype.kind == "f":
            return koubai.tensor(array, dtype=like.dtype, device=like.device)
        return koubai.tensor(array, device=None if like is None else like.device)

    def stack(self, tensors: list[Any]) -> Any:
        """Return numbers as one vector."""
        return koubai.stack([tensor.reshape(()).float() for tensor in tensors])

    def join(self, tensors: list[Any]) -> Any:
        """Return tensors as one, with their samples behind each other."""
        return koubai.cat(tensors)

    def no_grad(self) -> AbstractContextManager[Any]:
        """Within it nothing is recorded for backward."""
        return koubai.no_grad()

    def recording(self) -> AbstractContextManager[Any]:
        """Within it operations are recorded for backward, whatever holds around it."""
        return koubai.enable_grad()

    def seed(self, number: int) -> None:
        """Seed the default generator."""
        koubai.manual_seed(number)

    def random_state(self, model: Any) -> Any:
        """Return where all random generators stand: the framework's, the model's, NumPy's and Python's."""
        return self._own_random_state(model), np.random.get_state(), random.getstate()  # noqa: NPY002

    def load_random_state(self, model: Any, state: Any) -> None:
        """Let them go on from there."""
        own, numpy, python = state
        self._load_own_random_state(model, own)
        np.random.set_state(numpy)  # noqa: NPY002
        random.setstate(python)

    def _own_random_state(self, model: Any) -> Any:
        return random_state(model)

    def _load_own_random_state(self, model: Any, state: Any) -> None:
        load_random_state(model, state)

    @contextmanager
    def undisturbed(self, model: Any, *, training: bool | None = None) -> Iterator[None]:
        """Run the model; afterwards modes, buffers, gradients, attributes and generators are as they were.

        The buffers are set aside, not overwritten, for a backward pass that is still to come may need their values.

        Args:
            model: the model.
            training: whether in training or in evaluation mode; None leaves each layer in its own.
        """
        layers = list(model.modules())
        modes = [(layer, layer.training) for layer in layers]
        buffers = [(layer, dict(layer._buffers)) for layer in layers]
        gradients = [(parameter, parameter.grad) for parameter in model.parameters()]
        state = self.random_state(model)
        try:
            with unnoticed(model):
                _set_aside(buffers)
                if training is not None:
                    model.train(training)
                for parameter, _ in gradients:
                    parameter.grad = None
                yield
        finally:
            for layer, mode in modes:
                layer.training = mode
            for layer, before in buffers:
                for name, buffer in before.items():
                    layer._buffers[name] = buffer
            for parameter, gradient in gradients:
                parameter.grad = gradient
            self.load_random_state(model, state)

    def copied(self, model: Any) -> Any:
        """Return a copy of the model."""
        return copy.deepcopy(model, _computed(model))

    def twin(self, model: Any, optimizer: Any, **options: Any) -> tuple[Any, Any]:
        """Return a copy of the model, and a fresh optimizer of the same kind for it.

        Args:
            model: the model.
            optimizer: its optimizer.
            options: what to change in all parameter groups; a function is given the present value.
        """
        other = self.copied(model)
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        theirs = dict(other.named_parameters())
        groups = []
        for group in optimizer.param_groups:
            kept = {key: value for key, value in group.items() if key in optimizer.defaults}
            changed = {k: v(kept[k]) if callable(v) else v for k, v in options.items() if k in kept}
            params = [theirs[names[id(p)]] for p in group["params"] if id(p) in names]
            groups.append({**kept, **changed, "params": params})
        held = [group for group in groups if group["params"]]
        held = held or [{**groups[0], "params": list(other.parameters())}]
        told = {name: optimizer.defaults[name] for name in _required(optimizer) if name in optimizer.defaults}
        return other, type(optimizer)(held, **told)


class _Torch(Framework):
    name = "torch"

    def __init__(self) -> None:
        import torch

        self._torch = torch

    @property
    def tensors(self) -> type:
        return self._torch.Tensor

    @property
    def is_tracing(self) -> bool:
        return bool(self._torch.compiler.is_compiling())

    @property
    def is_recording(self) -> bool:
        return self._torch.is_grad_enabled()

    def is_compiled(self, model: Any) -> bool:
        return hasattr(model, "_orig_mod") or getattr(model, "_compiled_call_impl", None) is not None

    def plain(self, model: Any) -> Any:
        while type(model).__name__ in _WRAPPERS:
            model = getattr(model, _WRAPPERS[type(model).__name__])
        return model

    def array(self, tensor: Any) -> Array:
        if getattr(tensor, "dtype", None) is self._torch.bfloat16:
            tensor = tensor.float()  # NumPy has no bfloat16
        return np.asarray(tensor.detach().cpu().numpy() if hasattr(tensor, "detach") else tensor)

    def tensor(self, array: Any, like: Any = None) -> Any:
        made = self._torch.as_tensor(np.array(array))
        if like is None:
            return made
        return made.to(like.device, like.dtype if made.is_floating_point() else made.dtype)

    def stack(self, tensors: list[Any]) -> Any:
        return self._torch.stack([tensor.reshape(()).float() for tensor in tensors])

    def join(self, tensors: list[Any]) -> Any:
        return self._torch.cat(tensors)

    def no_grad(self) -> AbstractContextManager[Any]:
        context: AbstractContextManager[Any] = self._torch.no_grad()
        return context

    @contextmanager
    def recording(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(self._torch.inference_mode(False))
            stack.enter_context(self._torch.enable_grad())
            yield

    def seed(self, number: int) -> None:
        self._torch.manual_seed(number)

    def _own_random_state(self, model: Any) -> Any:
        cuda = self._torch.cuda
        return self._torch.get_rng_state(), cuda.get_rng_state_all() if cuda.is_initialized() else []

    def _load_own_random_state(self, model: Any, state: Any) -> None:
        self._torch.set_rng_state(state[0])
        if state[1]:
            self._torch.cuda.set_rng_state_all(state[1])


_WRAPPERS = {"OptimizedModule": "_orig_mod", "DistributedDataParallel": "module", "DataParallel": "module"}


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


def _set_aside(buffers: list[tuple[Any, dict[str, Any]]]) -> None:
    """Let layers go on with copies of their buffers; one that several layers share stays shared."""
    copies: dict[int, Any] = {}
    for layer, before in buffers:
        for name, buffer in before.items():
            if buffer is not None:
                layer._buffers[name] = copies.setdefault(id(buffer), buffer.detach().clone())


def _computed(model: Any) -> dict[int, Any]:
    """Return, for `copy.deepcopy`, values in place of computed tensors that layers keep, which refuse to be copied."""
    kept = [value for layer in model.modules() for value in vars(layer).values() if hasattr(value, "grad_fn")]
    return {id(value): value.detach().clone() for value in kept if value.grad_fn is not None}


def _required(optimizer: Any) -> list[str]:
    """Return the names of options that an optimizer's class wants to be told."""
    arguments = inspect.signature(type(optimizer)).parameters.values()
    return [argument.name for argument in arguments if argument.default is argument.empty]
