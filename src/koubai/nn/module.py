"""`Module`: what every layer and every model is.

A module owns parameters (trained), buffers (carried along, such as running means) and other modules,
each under the name of the attribute it was assigned to, and turns inputs into outputs in `forward`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from textwrap import indent
from typing import Any, Self

import koubai
from koubai.engine.modes import modes
from koubai.engine.tensor import Tensor
from koubai.nn import state
from koubai.nn.casting import targets
from koubai.nn.error_path import name_layer
from koubai.nn.hooks import Hook, Hooks, RemovableHandle
from koubai.nn.parameter import Buffer, Parameter

__all__ = ["Module"]


class Module:
    """Base of all layers and models.

    Assign parameters, buffers and layers as attributes in `__init__`, after `super().__init__()`, and write
    `forward`; gradients follow by themselves.

    Example:
        >>> class Net(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.hidden = nn.Linear(2, 8)
        ...         self.out = nn.Linear(8, 1)
        ...     def forward(self, x):
        ...         return self.out(koubai.tanh(self.hidden(x)))
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent_buffers: set[str]
    _hooks: Hooks

    def __init__(self) -> None:
        self.__dict__.update(
            training=True,
            _parameters={},
            _buffers={},
            _modules={},
            _non_persistent_buffers=set(),
            _hooks=Hooks(),
        )

    # Calling

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output from the inputs. Every subclass writes its own."""
        raise NotImplementedError(
            f"{type(self).__name__} has no forward(): write one that returns the output"
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run `forward` with the hooks around it; an error is noted with this layer's path and inputs."""
        if modes.tracer is not None:  # in the other mode the layer would be another program
            modes.tracer.assume((id(self), "training"), lambda: self.training)
        try:
            if self._hooks:
                return self._hooks.call(self, args, kwargs)
            return self.forward(*args, **kwargs)
        except Exception as error:
            name_layer(error, self, args, kwargs)
            raise

    # Attributes

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        if "_parameters" not in own and isinstance(value, (Parameter, Module, Buffer)):
            raise AttributeError(
                f"call super().__init__() in {type(self).__name__} before assigning '{name}'"
            )
        if isinstance(value, Parameter):
            self._forget(name, unless=self._parameters)
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self._forget(name, unless=self._modules)
            self.add_module(name, value)
        elif isinstance(value, Buffer):
            self._forget(name, unless=self._buffers)
            self.register_buffer(name, value, value.persistent)
        elif (shelf := self._shelf_of(name)) is not None:
            self._replace(shelf, name, value)
        else:
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        shelf = self._shelf_of(name)
        if shelf is None:
            message = f"'{type(self).__name__}' object has no attribute '{name}'"
            raise AttributeError(message, name=name, obj=self)
        return shelf[name]

    def __delattr__(self, name: str) -> None:
        if self._shelf_of(name) is None:
            object.__delattr__(self, name)
        self._forget(name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._parameters, *self._buffers, *self._modules})

    def _shelf_of(self, name: str) -> dict[str, Any] | None:
        """The dictionary that holds the parameter, buffer or module called `name`."""
        for shelf in ("_parameters", "_buffers", "_modules"):
            if name in self.__dict__.get(shelf, ()):
                return self.__dict__[shelf]  # type: ignore[no-any-return]
        return None

    def _forget(self, name: str, unless: Mapping[str, Any] | None = None) -> None:
        """Take `name` out of wherever it is, except `unless`, where a new value keeps its place."""
        self.__dict__.pop(name, None)
        shelves: tuple[dict[str, Any], ...] = (self._parameters, self._buffers, self._modules)
        for shelf in shelves:
            if name in shelf and shelf is not unless:
                del shelf[name]
        self._non_persistent_buffers.discard(name)

    def _replace(self, shelf: dict[str, Any], name: str, value: Any) -> None:
        """Assign to a registered name a value that is not by itself a parameter, buffer or module."""
        is_buffer = shelf is self._buffers
        if value is not None and not (is_buffer and isinstance(value, Tensor)):
            kind = "Tensor" if is_buffer else "Parameter" if shelf is self._parameters else "Module"
            raise TypeError(
                f"cannot assign {type(value).__name__} to '{name}' of {type(self).__name__}: "
                f"it holds a {kind}, so assign a {kind} or None"
            )
        shelf[name] = value

    # Registration

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under `name`; None keeps the name, for a parameter that is switched off.

        Raises:
            KeyError: the name is empty, contains a dot, or is another attribute's.
            TypeError: `param` is not a `Parameter`.
        """
        self._check_name("parameter", name, self._parameters)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(f"parameter '{name}' must be a Parameter or None, got {type(param).__name__}")
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that belongs to the module's state but is not trained, such as a running mean.

        Args:
            name: attribute under which the buffer is reached.
            tensor: the buffer; None keeps the name for later.
            persistent: whether `state_dict` contains it.
        """
        self._check_name("buffer", name, self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"buffer '{name}' must be a Tensor or None, got {type(tensor).__name__}")
        self._buffers[name] = tensor
        (self._non_persistent_buffers.discard if persistent else self._non_persistent_buffers.add)(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a module under `name`, as assigning it to that attribute does."""
        self._check_name("module", name, self._modules)
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"module '{name}' must be a Module or None, got {type(module).__name__}")
        self._modules[name] = module

    register_module = add_module

    def _check_name(self, kind: str, name: str, shelf: Mapping[str, Any]) -> None:
        if "_parameters" not in self.__dict__:
            raise AttributeError(f"call super().__init__() in {type(self).__name__} before adding a {kind}")
        if not isinstance(name, str):
            raise TypeError(f"{kind} name must be a string, got {type(name).__name__}")
        if name == "" or "." in name:
            raise KeyError(f"{kind} name {name!r} must not be empty and must not contain a dot")
        if name not in shelf and hasattr(self, name):
            raise KeyError(f"{type(self).__name__} already has an attribute '{name}'")

    # Walking

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Yield (path, module), here and below; a shared module once, unless asked otherwise."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, path, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """Yield this module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield (name, module) for the modules directly below, each once."""
        seen: set[Module | None] = {None}
        for name, module in self._modules.items():
            if module not in seen:
                seen.add(module)
                yield name, module  # type: ignore[misc]

    def children(self) -> Iterator[Module]:
        """Yield the modules directly below, each once."""
        return (module for _, module in self.named_children())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yield (path, parameter); a shared one once, under its first path, unless asked otherwise."""
        return self._named(lambda module: module._parameters, prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yield the parameters, as an optimizer wants them."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield (path, buffer), as `named_parameters` does for parameters."""
        return self._named(lambda module: module._buffers, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yield the buffers."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _named(
        self, shelf: Callable[[Module], Mapping[str, Any]], prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        owners = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else iter([(prefix, self)])
        )
        seen: set[int] = set()
        for path, owner in owners:
            for name, value in shelf(owner).items():
                if value is None or id(value) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(value))
                yield (f"{path}.{name}" if path else name), value

    def get_submodule(self, target: str) -> Module:
        """The module at the path `target`, such as "encoder.0"; "" is this module."""
        module = self
        for name in target.split(".") if target else []:
            found = module._modules.get(name)
            if found is None:
                raise AttributeError(
                    f"{type(module).__name__} has no layer '{name}' (on the path '{target}')"
                )
            module = found
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at the path `target`, such as "encoder.0.weight"."""
        return self._get("parameter", target)  # type: ignore[no-any-return]

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at the path `target`, such as "bn.running_mean"."""
        return self._get("buffer", target)  # type: ignore[no-any-return]

    def _get(self, kind: str, target: str) -> Any:
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        found = (owner._parameters if kind == "parameter" else owner._buffers).get(name)
        if found is None:
            raise AttributeError(f"{type(owner).__name__} has no {kind} '{name}' (on the path '{target}')")
        return found

    # Modes and gradients

    def train(self, mode: bool = True) -> Self:
        """Set training mode (dropout drops, batch norm uses the batch) here and below, or leave it."""
        if not isinstance(mode, bool):
            raise ValueError(f"training mode must be True or False, got {mode!r}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Set evaluation mode here and below."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Train all parameters here and below, or freeze them."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients, or fill them with zeros."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad = koubai.zeros_like(parameter)

    def apply(self, fn: Callable[[Module], object]) -> Self:
        """Call `fn` on every module below and then on this one, for example to initialise them."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # State

    def state_dict(
        self, *, destination: dict[str, Any] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """Parameters and persistent buffers, here and below, by path: the keys are PyTorch's.

        Args:
            destination: a dictionary to add to; by default a new one.
            prefix: put before every key.
            keep_vars: return the parameters themselves rather than detached from the graph.
        """
        return state.state_of(self, {} if destination is None else destination, prefix, keep_vars)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> state.IncompatibleKeys:
        """Copy the tensors (or arrays) of `state_dict` into the parameters and buffers of the same paths.

        Args:
            state_dict: as `state_dict()` gave it, here or in PyTorch.
            strict: whether every key must be found on both sides. Shapes must always match.
            assign: put the tensors themselves in place, with their dtype, rather than copying their values.

        Returns:
            The missing and unexpected keys (both empty when strict).

        Raises:
            RuntimeError: with everything that is missing, unexpected or of another shape; then nothing was
                loaded.
        """
        return state.load_state(self, state_dict, strict, assign)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move parameters and buffers to a device, and convert the floating-point ones: `to(device)`, `to(dtype)`,
        `to(device, dtype)` or `to(tensor)`.

        The parameters stay the same tensors. What an optimizer remembers does not move: make it, or load its state,
        after the model was moved.

        Raises:
            RuntimeError: there is no such device here; the message says what to install.
            TypeError: the dtype is not floating.
        """
        device, dtype = targets(*args, **kwargs)
        return self._apply(lambda t: t.to(device=device, dtype=dtype if t.is_floating_point() else None))

    def float(self) -> Self:
        """Convert floating-point parameters and buffers to float32."""
        return self.to(koubai.float32)

    def double(self) -> Self:
        """Convert floating-point parameters and buffers to float64."""
        return self.to(koubai.float64)

    def half(self) -> Self:
        """Convert floating-point parameters and buffers to float16."""
        return self.to(koubai.float16)

    def cpu(self) -> Self:
        """Move parameters and buffers to the CPU."""
        return self.to("cpu")

    def cuda(self, device: Any = None) -> Self:
        """Move parameters and buffers to a GPU, by default the present one."""
        return self.to("cuda" if device is None else koubai.device(device))

    def _apply(self, fn: Callable[[Tensor], Tensor]) -> Self:
        """Replace the value of every parameter, its gradient, and every buffer by `fn` of it, in place."""
        for parameter in self.parameters():
            old = parameter.detach()
            if (new := fn(old)) is not old:
                parameter.data = new  # type: ignore[misc]
            if parameter.grad is not None:
                parameter.grad = fn(parameter.grad)
        for module in self.modules():
            module._buffers = {name: b if b is None else fn(b) for name, b in module._buffers.items()}
        return self

    # Hooks

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before every forward; what it returns, if not None, replaces `args`.

        With `with_kwargs` it is called as `hook(module, args, kwargs)` and returns None or (args, kwargs).
        """
        return Hooks.add(self._hooks.forward_pre, Hook(hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after every forward; what it returns, if not None, is the output.

        With `with_kwargs` it is called as `hook(module, args, kwargs, output)`; with `always_call` also when
        the forward raised, with None as output.
        """
        return Hooks.add(self._hooks.forward, Hook(hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_output)` when the gradients of the outputs are known.

        What it returns, if not None, replaces `grad_output`, a tuple.
        """
        return Hooks.add(self._hooks.backward_pre, Hook(hook), prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when the gradients of the inputs are known.

        Both are tuples, with None where there is no gradient. What it returns, if not None, replaces
        `grad_input`.
        """
        return Hooks.add(self._hooks.backward, Hook(hook), prepend)

    # Text

    def extra_repr(self) -> str:
        """What the printed form shows of this module itself, such as its sizes."""
        return ""

    def _repr_children(self) -> Iterator[str]:
        return (f"({name}): {module!r}" for name, module in self._modules.items())

    def __repr__(self) -> str:
        name, extra, children = type(self).__name__, self.extra_repr(), list(self._repr_children())
        if not children and "\n" not in extra:
            return f"{name}({extra})"
        lines = (extra.split("\n") if extra else []) + children
        return f"{name}(\n" + indent("\n".join(lines), "  ") + "\n)"
