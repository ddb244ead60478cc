"""`Optimizer`, what all optimizers share: parameter groups, state, the step, and saving and loading.

An optimizer proper is its options with their defaults, and its rule.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

import koubai
from koubai.engine.modes import modes, untraced
from koubai.engine.recipe import HookHandle
from koubai.engine.tensor import Tensor
from koubai.optim import state_dict as saved
from koubai.optim.options import check_options
from koubai.optim.retraced import Retraced
from koubai.optim.rule import Rule, Scalars, State

__all__ = ["Group", "Optimizer", "Params"]

Params = Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Iterable[dict[str, Any]]
Group = dict[str, Any]


class Optimizer:
    """Base of all optimizers.

    A new optimizer is a class with a `rule` and an `__init__` whose arguments are the options and their
    defaults:

        >>> class SignDescent(koubai.optim.Optimizer):
        ...     rule = sign_descent
        ...     def __init__(self, params, lr=0.01):
        ...         super().__init__(params, locals())

    Args:
        params: what to train: tensors, (name, tensor) pairs as `named_parameters()` yields, or parameter
            groups: dictionaries with "params" and the options in which the group differs.
        defaults: the options of groups that do not say otherwise. The entries of `locals()` that are no
            options (`self`, `params`) are left out.

    Attributes:
        param_groups: a list of dictionaries, each with its "params" and its options; options may be changed
            at any time, also between the replays of a traced step.
        state: for each parameter a dictionary of tensors, what the rule remembers.
        defaults: the options of groups that do not say otherwise.

    Raises:
        TypeError: if `params` is not an ordered iterable of tensors, pairs or groups.
        ValueError: if there are no parameters, the same one twice, one that was computed from others, or an
            option has a value outside its range.
    """

    rule: ClassVar[Rule]
    fixed: ClassVar[dict[str, Any]] = {}  # options that are not the user's to choose

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                "one Tensor; write [tensor]"
            )
        no_options = {"self", "params", "__class__"}
        self.defaults = {
            name: value for name, value in defaults.items() if name not in no_options
        } | self.fixed
        check_options(self.defaults, type(self).__name__)
        self.state: defaultdict[Tensor, State] = defaultdict(dict)
        self.param_groups: list[Group] = []
        self._changes = 0  # how often parameters were added or state was loaded
        self._before: list[Callable[..., Any]] = []
        self._after: list[Callable[..., Any]] = []
        self._without_gradient: list[str] | None = None
        self._opt_called = False  # under this name, learning-rate schedulers ask whether a step was taken
        groups: list[Any] = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list; does the model have parameters?")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    # --- parameter groups -----------------------------------------------------------------------------------

    def add_param_group(self, param_group: Group) -> None:
        """Add parameters with options of their own, such as those of a layer that is trained from now on.

        Args:
            param_group: a dictionary with "params" (a tensor, tensors, or (name, tensor) pairs) and any
                options.

        Raises:
            TypeError, ValueError: as the constructor; nothing is added then.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group).__name__}")
        group = {**param_group, **_tensors_and_names(param_group["params"])}
        for parameter in group["params"]:
            _check_parameter(parameter)
        self._check_against_others(group)
        group = {**group, **{k: v for k, v in self.defaults.items() if k not in group}}
        check_options(group, f"{type(self).__name__}, parameter group {len(self.param_groups)}")
        self.param_groups.append(group)
        self._changes += 1

    def _check_against_others(self, group: Group) -> None:
        identities = [id(parameter) for parameter in group["params"]]
        if len(set(identities)) != len(identities):
            raise ValueError(
                "a parameter group has the same parameter twice; it would take two steps at once"
            )
        for other in self.param_groups:
            if not set(identities).isdisjoint(map(id, other["params"])):
                raise ValueError("some parameters appear in more than one parameter group")
            if ("param_names" in group) != ("param_names" in other):
                how = "with" if "param_names" in group else "without"
                raise ValueError(
                    "all optimizer param groups should be with/without names. "
                    f"cannot add param group {how} names to the optimizer"
                )

    def _places(self) -> Iterator[tuple[str, Tensor, Group]]:
        """Yield each parameter with its name (or else where it is) and its group."""
        for number, group in enumerate(self.param_groups):
            yield from ((name, parameter, group) for name, parameter in self._named(number))

    def _named(self, number: int) -> Iterator[tuple[str, Tensor]]:
        """Yield each parameter of a group with its name (or else where it is)."""
        group = self.param_groups[number]
        names = group.get("param_names")
        for index, parameter in enumerate(group["params"]):
            yield names[index] if names else f"param_groups[{number}]['params'][{index}]", parameter

    # --- the step -------------------------------------------------------------------------------------------

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, which `backward` would otherwise add to.

        Args:
            set_to_none: set them to None; else to zeros, which costs memory and lets rules with momentum move
                on.
        """
        for _, parameter, _ in self._places():
            if set_to_none or parameter.grad is None:
                parameter.grad = None
            else:
                parameter.grad = koubai.zeros_like(parameter.grad)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient by one step of the rule.

        Args:
            closure: a function that computes the gradients and returns the loss, called before the step.

        Returns:
            the closure's loss, or None.
        """
        self._opt_called = True
        for hook in tuple(self._before):
            hook(self, (closure,), {})
        with koubai.no_grad():
            loss = self._advance(closure)
        for hook in tuple(self._after):
            hook(self, (closure,), {})
        return loss

    def _advance(self, closure: Callable[[], Any] | None) -> Any:
        loss = None
        if closure is not None:
            with koubai.enable_grad():
                loss = closure()
        if modes.tracer is not None:  # the program knows the parameters and the state of now
            modes.tracer.assume((id(self), "changes"), lambda: self._changes)
        self._note_missing_gradients()
        for number, group in enumerate(self.param_groups):
            rule = self.rule if modes.tracer is None else Retraced(self.rule, modes.tracer)
            for name, parameter in self._named(number):
                if parameter.grad is not None:
                    self._update(rule, name, parameter, parameter.grad, group)
        return loss

    def _update(
        self, rule: Rule | Retraced, name: str, parameter: Tensor, gradient: Tensor, group: Group
    ) -> None:
        if gradient.shape != parameter.shape:
            raise ValueError(
                f"the gradient of {name} has shape {list(gradient.shape)}, the parameter {list(parameter.shape)}"
            )
        state = self.state[parameter]
        scalars = Scalars.of(group, state)
        with untraced():  # what is made here has to outlive a trace, as the parameters do
            self.rule.remember(parameter, state, scalars.options)
        updated, remembered = rule(parameter, gradient, state, scalars)
        for tensor, value in ((parameter, updated), *((state[name], v) for name, v in remembered.items())):
            if modes.tracer is None:
                tensor.copy_(value)  # an array of its own, row by row, as it is after it was saved and loaded
            else:
                tensor._become(value, "the step")

    def _note_missing_gradients(self) -> None:
        """Remember which parameters got no gradient; at the first step say so, as it is usually a mistake."""
        missing = [name for name, p, _ in self._places() if p.requires_grad and p.grad is None]
        if missing and self._without_gradient is None:
            named = ", ".join(missing[:10]) + (f" and {len(missing) - 10} more" if len(missing) > 10 else "")
            warnings.warn(
                f"{type(self).__name__} holds parameters that no gradient reached: {named}; was backward() "
                "called, does the loss depend on them, is there a detach() in between?",
                stacklevel=4,
            )
        self._without_gradient = missing

    def parameters_without_gradient(self) -> list[str]:
        """Return which parameters got no gradient at the last step (before the first: have none now).

        Returns:
            their names, if the optimizer was made from `named_parameters()`; else their places in
            `param_groups`. Parameters that do not require gradients are not listed.
        """
        if self._without_gradient is not None:
            return list(self._without_gradient)
        return [name for name, p, _ in self._places() if p.requires_grad and p.grad is None]

    def register_step_pre_hook(self, hook: Callable[..., None]) -> HookHandle:
        """Call `hook(optimizer, args, kwargs)` before every step.

        Returns:
            a handle whose `remove()` takes the hook away.
        """
        self._before.append(hook)
        return HookHandle(self._before, hook)

    def register_step_post_hook(self, hook: Callable[..., None]) -> HookHandle:
        """Call `hook(optimizer, args, kwargs)` after every step.

        Returns:
            a handle whose `remove()` takes the hook away.
        """
        self._after.append(hook)
        return HookHandle(self._after, hook)

    # --- saving and loading ---------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return options and state, in PyTorch's layout.

        Returns:
            {"state": {index: {entry: tensor}}, "param_groups": [{option: value, "params": [index]}]}, where
            an index counts the parameters over all groups. The tensors are the optimizer's own, not copies.
        """
        return saved.state_of(self)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over options and state from `state_dict`, also one that PyTorch wrote.

        Args:
            state_dict: what `state_dict()` returned. Tensors are copied and cast to the parameters' dtype.

        Raises:
            ValueError: if groups, parameters or shapes do not match; nothing is loaded then.
        """
        saved.load_state(self, state_dict)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for number, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {number}")
            lines += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join([*lines, ")"])


def _tensors_and_names(params: Any) -> Group:
    """Return the entries "params" and, if there are names, "param_names" of a group."""
    if isinstance(params, Tensor):
        params = [params]
    if isinstance(params, set | frozenset):
        raise TypeError(
            "optimizer parameters need to be in an ordered collection, such as a list, not in a set"
        )
    given = list(params)
    named = [isinstance(entry, tuple) for entry in given]
    if not any(named):
        return {"params": given}
    if not all(named):
        raise ValueError(
            "all optimizer params should be with/without names. Some param names are missing: give tensors "
            "only, or (name, tensor) pairs only"
        )
    return {"params": [tensor for _, tensor in given], "param_names": [name for name, _ in given]}


def _check_parameter(parameter: Any) -> None:
    if not isinstance(parameter, Tensor):
        raise TypeError(
            f"optimizer can only optimize Tensors, but one of the params is {type(parameter).__name__}; "
            "for arrays see koubai.optim.functional"
        )
    if not (parameter.is_leaf or parameter.retains_grad):
        raise ValueError(
            f"can't optimize a non-leaf Tensor: this one of shape {tuple(parameter.shape)} was made by "
            f"{parameter.grad_fn}, so changing it would not last; optimize what it was computed from"
        )
