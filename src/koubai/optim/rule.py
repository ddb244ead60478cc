"""What an update rule is: a pure formula on tensors, what it remembers, and the numbers it is given.

An optimizer applies a rule to parameters, `optim.functional` applies the same rule to arrays. Sign, L1
penalty and weight decay are the same for every rule, so they are here, around the formula.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Any

import koubai
from koubai.engine.modes import modes, untraced
from koubai.engine.tensor import Tensor
from koubai.engine.trace import Counted

__all__ = ["Options", "Rule", "Scalars", "State", "counter", "rule", "when", "zeros"]

State = dict[str, Tensor]


@dataclass(frozen=True)
class Asked:
    """A number that was asked for.

    Attributes:
        formula: computes it.
        number: the number, as a tensor.
        same: equal for formulas that give equal numbers for equal options; None if that cannot be told.
        counts: whether it depends on the step counter of the parameter that it was asked for.
    """

    formula: Callable[[Options], float]
    number: Tensor
    same: Hashable | None
    counts: bool


class Options:
    """The options of a parameter group as they are now, as plain numbers, with the number of this step.

    `options.lr` is the entry "lr" of the group, `options.beta1` and `options.beta2` are those of "betas", and
    `options.step` counts from 1.

    Args:
        group: the options by their names.
        step: the number of this step.
        state: what is remembered of a parameter; its entry "step" counts the steps before this one, instead of `step`.

    Attributes:
        asked: while a program is traced, the formulas whose numbers were asked for as tensors, with these.
    """

    def __init__(self, group: Mapping[str, Any], step: float = 1.0, state: State | None = None) -> None:
        self._group = group
        self._step = step
        self._state = state
        self._counts = False
        self.asked: list[Asked] = []

    def __getattr__(self, name: str) -> Any:
        if name not in self._group:
            raise AttributeError(f"the parameter group has no option {name!r}, only {sorted(self._group)}")
        return self.get(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return an option, or `default` if the group has none of that name.

        A traced program rests on the value; what may change from step to step comes through `Scalars`.
        """
        if modes.tracer is not None:
            modes.tracer.assume((id(self._group), name), lambda: self._plain(name, default))
        return self._plain(name, default)

    def has(self, name: str) -> bool:
        """Return whether there is an option of that name that is neither 0 nor False.

        A traced program rests on this only: the value may change from step to step, as a schedule changes the momentum.
        """
        if modes.tracer is not None:
            modes.tracer.assume((id(self._group), name, "there"), lambda: bool(self._plain(name, None)))
        return bool(self._plain(name, None))

    def _plain(self, name: str, default: Any) -> Any:
        value = self._group.get(name, default)
        return value.item() if isinstance(value, Tensor) else value

    @property
    def beta1(self) -> float:
        """How much of the first moving average stays."""
        return float(self._group["betas"][0])

    @property
    def beta2(self) -> float:
        """How much of the second moving average stays."""
        return float(self._group["betas"][1])

    @property
    def step(self) -> float:
        """The number of this step, 1 for the first."""
        self._counts = True
        return self._step if self._state is None else float(self._state["step"].item()) + 1

    def scalar(self, formula: Callable[[Options], float]) -> Tensor:
        """Return the number that a formula gives, as `koubai.host_scalar` does."""
        self._counts = False
        with untraced():
            formula(self)
        same, counts = key_of_formula(formula), self._counts and self._state is not None
        if counts:
            number = self._counted(formula, same)
        else:
            key = formula if same is None else (same, id(self._group))
            number = koubai.host_scalar(lambda: float(formula(self)), key)
        if modes.tracer is not None:
            self.asked.append(Asked(formula, number, same, counts))
        return number

    def again(self, asked: Asked) -> Tensor:
        """Return what a formula gives for another parameter of the same group."""
        return self._counted(asked.formula, asked.same) if asked.counts else asked.number

    def _counted(self, formula: Callable[[Options], float], same: Hashable | None) -> Tensor:
        """Return a number that depends on how often the rule was applied to the parameter."""
        assert self._state is not None
        counter, group = self._state["step"], self._group
        key = formula if same is None else (same, id(group))
        counted = Counted(lambda count: float(formula(Options(group, count + 1))), counter, key)
        return koubai.host_scalar(counted, (key, counter))


def key_of_formula(formula: Callable[[Options], float]) -> Hashable | None:
    """Return what formulas have in common that give equal numbers for equal options; None if that cannot be told.

    It can if a formula knows nothing but its options and constants.
    """
    cells = tuple([cell.cell_contents for cell in formula.__closure__ or ()])
    return _key_of_code(formula.__code__, cells) if all(map(_is_constant, cells)) else None


@lru_cache(1 << 10)
def _key_of_code(code: CodeType, cells: tuple[Any, ...]) -> Hashable:
    """Return a key that is hashed and compared at once, as code is not."""
    return object()


def _is_constant(value: object) -> bool:
    return all(map(_is_constant, value)) if isinstance(value, tuple) else isinstance(value, str | int | float)


class Scalars:
    """The numbers of one update, read anew each time the step runs, also when it is replayed from a trace.

    `scalars.lr` is the option "lr" as a 0-dimensional float64 tensor; `scalars(lambda o: ...)` is a number
    computed from the options on the host, such as a bias correction. `scalars.options.nesterov` is a plain
    Python value, for choices that make another program; `scalars.options.has("momentum")` is the choice between a
    number and none.

    Args:
        step: the number of this step, from 1.
        options: the hyperparameters by their names in a parameter group.

    Example:
        >>> scalars = Scalars(lr=0.1, betas=(0.9, 0.999), step=2)
        >>> scalars(lambda o: 1 - o.beta1**o.step).item()
        0.18999999999999995
    """

    def __init__(self, *, step: float = 1.0, **options: Any) -> None:
        self.options = Options(options, step)

    @classmethod
    def of(cls, group: Mapping[str, Any], state: State) -> Scalars:
        """Return the scalars of a parameter with some state in a group; both stay live: later changes are seen."""
        scalars = cls()
        scalars.options = Options(group, state=state)
        return scalars

    def __call__(self, formula: Callable[[Options], float]) -> Tensor:
        """Return the number that `formula` computes from the options, a 0-dimensional float64 tensor."""
        return self.options.scalar(formula)

    def __getattr__(self, name: str) -> Tensor:
        return self(lambda options: getattr(options, name))


Formula = Callable[[Tensor, Tensor, State, Scalars], tuple[Tensor, State]]
Beginning = Callable[[Tensor, Options], Tensor | None]


@dataclass(eq=False)
class Rule:
    """An update rule.

    Attributes:
        formula: the update itself, `(parameter, gradient, state, scalars) -> (new parameter, new state)`.
        memory: for each entry of the state, what it is before the first step (None where it is not needed).
        decays_itself: whether the formula has a place of its own for the weight decay.
    """

    formula: Formula
    memory: dict[str, Beginning]
    decays_itself: bool = False

    def remember(self, parameter: Tensor, state: State, options: Options) -> State:
        """Add to `state` the entries it lacks, as they are before the first step."""
        for name, beginning in self.memory.items():
            if name not in state:
                value = beginning(parameter, options)
                if value is not None:
                    state[name] = value
        return state

    def __call__(
        self, parameter: Tensor, gradient: Tensor, state: State, scalars: Scalars
    ) -> tuple[Tensor, State]:
        """Return the parameter and the state after one step; nothing that is given changes.

        Args:
            parameter: the parameter, of any shape.
            gradient: the gradient of the loss, of the same shape.
            state: what the rule remembers of this parameter; `remember` makes the first.
            scalars: the hyperparameters and the step count.

        Returns:
            the new parameter, and the new values of the state's entries.
        """
        has = scalars.options.has
        decay = not self.decays_itself and has("weight_decay")
        decoupled = has("decoupled_weight_decay")
        if has("maximize"):
            gradient = -gradient
        if has("l1"):
            gradient = gradient + scalars.l1 * koubai.sign(parameter)  # the subgradient at 0 is 0
        if decay and not decoupled:
            gradient = gradient + scalars.weight_decay * parameter
        updated, remembered = self.formula(parameter, gradient, state, scalars)
        if decay and decoupled:
            updated = updated - scalars(lambda o: o.lr * o.weight_decay) * parameter
        if "step" in state:
            remembered = {"step": state["step"] + 1, **remembered}
        # 0-dimensional tensors meet the float64 scalars as equals, so their dtype has to be restored.
        return updated.to(parameter.dtype), {k: v.to(state[k].dtype) for k, v in remembered.items()}


def rule(*, decays_itself: bool = False, **memory: Beginning) -> Callable[[Formula], Rule]:
    """Make the decorated formula an update rule that remembers the entries `memory` of every parameter.

    Example:
        >>> @rule(momentum_buffer=zeros)
        ... def momentum(parameter, gradient, state, scalars):
        ...     velocity = scalars.momentum * state["momentum_buffer"] - scalars.lr * gradient
        ...     return parameter + velocity, {"momentum_buffer": velocity}
    """

    def make(formula: Formula) -> Rule:
        made = Rule(formula, memory, decays_itself)
        made.__doc__ = formula.__doc__
        return made

    return make


def zeros(parameter: Tensor, options: Options) -> Tensor:
    """Begin with zeros of the parameter's shape."""
    return koubai.full_like(parameter, 0.0)


def counter(parameter: Tensor, options: Options) -> Tensor:
    """Begin to count steps at 0 (as PyTorch does, in a 0-dimensional tensor of the default floating type)."""
    return koubai.full((), 0.0)


def when(wanted: Callable[[Options], Any], beginning: Beginning) -> Beginning:
    """Begin with `beginning` if the options want it; else nothing is remembered."""
    return lambda parameter, options: beginning(parameter, options) if wanted(options) else None
