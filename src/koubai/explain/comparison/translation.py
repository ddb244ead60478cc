"""A Koubai network as a PyTorch one: the same layers with the same weights, and the user's own code on PyTorch.

Layers of `koubai.nn` become those of the same name in `torch.nn`. A class of the user's keeps its code: its
functions are made once more, with names of Koubai standing for PyTorch's, so that its `forward` runs there line by
line. Nothing that the user wrote is changed.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from types import CellType, CodeType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from koubai.engine.tensor import Tensor
from koubai.explain.comparison.theirs import NotTranslated
from koubai.explain.recording import label
from koubai.i18n import _
from koubai.nn.module import Module
from koubai.nn.parameter import Parameter

__all__ = ["Translator"]

_HELD_BY_MODULES = frozenset(
    {"training", "_parameters", "_buffers", "_modules", "_hooks", "_non_persistent_buffers"}
)
_HELD_BY_CLASSES = frozenset(
    {"__dict__", "__weakref__", "__module__", "__qualname__", "__init__", "__init_subclass__"}
)

# Arguments of layers that are no attributes of theirs, and where they can be read.
_ARGUMENTS: Mapping[str, Callable[[Any], Any]] = {
    "add_bias_kv": lambda layer: layer.bias_k is not None,
    "d_model": lambda layer: layer.linear1.in_features,
    "nhead": lambda layer: layer.self_attn.num_heads,
    "dim_feedforward": lambda layer: layer.linear1.out_features,
    "layer_norm_eps": lambda layer: layer.norm1.eps,
    "batch_first": lambda layer: layer.self_attn.batch_first,
}


class Translator:
    """Finds PyTorch's counterpart of modules, tensors, functions and classes; the same one for the same thing."""

    def __init__(self) -> None:
        import torch

        self.torch: Any = torch
        self.found: dict[int, tuple[Any, Any]] = {id(label): (label, _unlabelled)}
        self._root = _Names(torch)

    def __call__(self, value: Any) -> Any:
        """Return the counterpart; of what belongs to neither framework, the thing itself.

        Raises:
            NotTranslated: if it has none.
        """
        if id(value) not in self.found:
            made = self._made(value)
            self.found.setdefault(id(value), (value, made))  # the value is kept, so that its id stays its own
        return self.found[id(value)][1]

    def _made(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return self._tensor(value)
        if isinstance(value, Module):
            return self._module(value)
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, ModuleType):
            return self._namespace(value)
        if isinstance(value, FunctionType):
            return self._function(value)
        if isinstance(value, MethodType):
            return MethodType(self(value.__func__), self(value.__self__))
        if isinstance(value, functools.partial):
            keywords = {key: self(item) for key, item in value.keywords.items()}
            return functools.partial(self(value.func), *map(self, value.args), **keywords)
        if isinstance(value, list | tuple) and type(value) in (list, tuple):
            return type(value)(map(self, value))
        if type(value) is dict:
            return {key: self(item) for key, item in value.items()}
        if isinstance(value, np.dtype):
            return getattr(self.torch, value.name)
        return value

    # --- tensors and modules

    def _tensor(self, tensor: Tensor) -> Any:
        made = self.torch.tensor(np.array(tensor.detach().numpy()))
        if isinstance(tensor, Parameter):
            return self.torch.nn.Parameter(made, requires_grad=tensor.requires_grad)
        return made.requires_grad_(tensor.requires_grad)

    def _module(self, own: Module) -> Any:
        """A module of a class of PyTorch's, or of a class made of the user's."""
        kind = self(type(own))
        if kind.__module__.startswith("torch.nn"):
            return self._filled(own, self._layer(kind, own))
        made = kind.__new__(kind)
        self.found[id(own)] = (own, made)  # before its attributes, among which it may be itself
        base = next(c for c in kind.__mro__ if c.__module__.startswith("torch.nn"))
        base.__init__(made, **self._arguments(base, own))
        for name, value in own.__dict__.items():
            if name not in _HELD_BY_MODULES:
                made.__dict__[name] = self(value)
        self._hold(own, made)
        return self._filled(own, made)

    def _layer(self, kind: Any, own: Module) -> Any:
        if kind in (self.torch.nn.Sequential, self.torch.nn.ModuleList, self.torch.nn.ModuleDict):
            made = kind()
            for name, child in own._modules.items():
                made.add_module(name, self(child))
            return made
        return kind(**self._arguments(kind, own))

    def _hold(self, own: Module, made: Any) -> None:
        for name, child in own._modules.items():
            setattr(made, name, None if child is None else self(child))
        for name, parameter in own._parameters.items():
            if name not in made._parameters:
                made.register_parameter(name, None if parameter is None else self(parameter))
        for name, buffer in own._buffers.items():
            if name not in made._buffers:
                made.register_buffer(name, None if buffer is None else self(buffer))

    def _filled(self, own: Module, made: Any) -> Any:
        """With the numbers and the modes of a module."""
        state = {name: self.torch.tensor(t.numpy()) for name, t in own.state_dict().items()}
        made.double()
        try:
            made.load_state_dict(state)
        except RuntimeError as error:
            raise _cannot(type(own).__name__, error) from error
        for name, parameter in own.named_parameters():
            made.get_parameter(name).requires_grad_(parameter.requires_grad)
        for path, module in own.named_modules():
            made.get_submodule(path).training = module.training
        return made

    def _arguments(self, kind: Any, own: Any) -> dict[str, Any]:
        """What a layer of PyTorch's is made with, read off ours."""
        if kind is self.torch.nn.Module:
            return {}
        names = inspect.signature(kind).parameters
        if issubclass(kind, self.torch.nn.RNNBase):
            names = inspect.signature(self.torch.nn.RNNBase).parameters
            given = {name: getattr(own, name) for name in names if hasattr(own, name)}
            if not given["proj_size"]:
                del given["proj_size"]
            return given | ({"nonlinearity": own.nonlinearity} if hasattr(own, "nonlinearity") else {})
        read = {name: self._argument(name, own) for name in names if name not in ("device", "dtype")}
        return {name: self(value) for name, value in read.items() if value is not inspect.Parameter.empty}

    @staticmethod
    def _argument(name: str, own: Any) -> Any:
        if name == "bias":
            return _has_bias(own)
        if hasattr(own, name):
            value = getattr(own, name)
            return value.p if name == "dropout" and isinstance(value, Module) else value
        try:
            return _ARGUMENTS[name](own)
        except (KeyError, AttributeError):
            return inspect.Parameter.empty

    # --- classes, functions and names

    def _class(self, own: type) -> Any:
        where = getattr(own, "__module__", "")
        if where.startswith("koubai.nn") or where == "koubai.engine.tensor" or where == "koubai.engine.modes":
            theirs = getattr(self.torch.nn, own.__name__, None) or getattr(self.torch, own.__name__, None)
            if isinstance(theirs, type):
                return theirs
        if not issubclass(own, Module):
            return own
        if where.startswith("koubai.nn") and where != "koubai.nn.function_layer" and not _is_composed(own):
            raise NotTranslated(_("PyTorch has no layer {name}.").format(name=own.__name__))
        bases = tuple(self(base) for base in own.__bases__)
        cell = CellType()
        namespace = {
            name: self._attribute(value, cell)
            for name, value in vars(own).items()
            if name not in _HELD_BY_CLASSES and not (name.startswith("__") and not callable(value))
        }
        made = type(own.__name__, bases, {**namespace, "__module__": "koubai.translated"})
        cell.cell_contents = made
        return made

    def _attribute(self, value: Any, cell: CellType) -> Any:
        if isinstance(value, FunctionType):
            return self._function(value, cell)
        if isinstance(value, staticmethod | classmethod):
            return type(value)(self._attribute(value.__func__, cell))
        if isinstance(value, property):
            parts = (value.fget, value.fset, value.fdel)
            return property(*(part and self._attribute(part, cell) for part in parts))
        return self(value)

    def _function(self, own: FunctionType, cell: CellType | None = None) -> Any:
        """PyTorch's function of the same name, or the same code with names of PyTorch's."""
        if own.__module__.startswith(("koubai.functions", "koubai.nn.functional")):
            places = (self.torch, self.torch.nn.functional, self.torch.special, self.torch.linalg)
            theirs = next((getattr(p, own.__name__) for p in places if hasattr(p, own.__name__)), None)
            if theirs is not None:
                return theirs
        names: dict[str, Any] = {"__builtins__": builtins}
        cells = [CellType() for _cell in own.__closure__ or ()]
        for number, name in enumerate(own.__code__.co_freevars):
            if name == "__class__" and cell is not None:
                cells[number] = cell
        made = FunctionType(own.__code__, names, own.__name__, None, tuple(cells))
        if cell is None:
            self.found[id(own)] = (own, made)  # before what it names, among which it may be itself
        made.__defaults__ = self(own.__defaults__)
        made.__kwdefaults__ = self(own.__kwdefaults__)
        for name in _names_of(own.__code__):
            if name in own.__globals__:
                names[name] = self(own.__globals__[name])
        for new, old in zip(cells, own.__closure__ or ()):
            if new is not cell:
                new.cell_contents = self(old.cell_contents)
        return made

    def _namespace(self, module: ModuleType) -> Any:
        root, _dot, rest = module.__name__.partition(".")
        if root != "koubai":
            return module
        if not rest:
            return self._root
        if rest == "explain":
            return self._root.explain
        try:
            return importlib.import_module(f"torch.{rest}")
        except ModuleNotFoundError:
            raise NotTranslated(
                _("PyTorch has no counterpart of {name}.").format(name=module.__name__)
            ) from None


class _Names:
    """Stands for the module `koubai` in a user's code: PyTorch's names, and `explain.label`."""

    def __init__(self, torch: Any) -> None:
        self._torch = torch
        self.explain = SimpleNamespace(label=_unlabelled)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._torch, name)


def _unlabelled(name: str, tensor: Any) -> Any:
    """What `explain.label` is in PyTorch."""
    return tensor


def _has_bias(own: Any) -> bool:
    for name in ("bias", "in_proj_bias"):
        value = getattr(own, name, inspect.Parameter.empty)
        if value is not inspect.Parameter.empty:
            return value if isinstance(value, bool) else value is not None
    return own.linear1.bias is not None if hasattr(own, "linear1") else True


def _is_composed(own: type) -> bool:
    """Tell whether one of Koubai's own layers is made of others, and so can be made of PyTorch's."""
    return own.__name__ in ("Residual", "SqueezeExcitation", "SeparableConv1d", "SeparableConv2d", "Swish")


def _names_of(code: CodeType) -> Iterator[str]:
    """The global names that a function and those within it may read."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_of(constant)


def _cannot(name: str, error: Exception) -> NotTranslated:
    message = _("{name} is built differently in PyTorch: {error}")
    return NotTranslated(message.format(name=name, error=error))
