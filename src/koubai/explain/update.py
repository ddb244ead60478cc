"""The update written out: an optimizer's own rule, run on names instead of numbers.

The rule is traced, with η, γ, β₁ … as symbols, and the trace is run on formulas; the numbers come from the optimizer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import koubai
from koubai.engine.tensor import Tensor
from koubai.explain.expression import Named, NotWritten, Role, Term, value_of
from koubai.explain.symbol import Letter
from koubai.explain.value import Value, named_value
from koubai.explain.written import Elements, elements, run
from koubai.i18n import _
from koubai.nn.module import Module
from koubai.ops.op import Symbol
from koubai.optim.optimizer import Optimizer
from koubai.optim.rule import Options, Scalars

__all__ = ["Update", "memory_letter", "written_update"]

# What options and an optimizer's memory are called in formulas.
_OPTIONS = {
    "lr": Letter("η"),
    "momentum": Letter("γ"),
    "beta1": Letter("β", index=(1,)),
    "beta2": Letter("β", index=(2,)),
    "eps": Letter("ε"),
    "alpha": Letter("α"),
    "weight_decay": Letter("λ"),
    "dampening": Letter("τ"),
}
_MEMORY = {
    "velocity": "v",
    "momentum_buffer": "v",
    "exp_avg": "m",
    "exp_avg_sq": "v",
    "square_avg": "s",
    "sum": "s",
}


@dataclass(frozen=True, eq=False)
class Update:
    """One step of an optimizer on paper.

    Attributes:
        optimizer: the class.
        form: "classical" or "pytorch" for gradient descent with momentum; else empty.
        options: the numbers of the rule: η, γ …
        before: what the optimizer remembers before the step, beginning at 0.
        memory: the same after the step.
        parameters: the parameters after the step, in the order of the worksheet's.
        model: the network after the step.
    """

    optimizer: type[Optimizer]
    form: str
    options: list[Named]
    before: list[Value]
    memory: list[Value]
    parameters: list[Value]
    model: Module


class _Names(Scalars):
    """The numbers of an update, given to the rule as tensors that stand for formulas."""

    def __init__(self, group: Mapping[str, Any]) -> None:
        self.options = Options(group)
        self.group = group
        self.named: dict[str, Named] = {}
        self.formulas: dict[Callable[[], float], Term] = {}

    def __call__(self, formula: Callable[[Options], float]) -> Tensor:
        """Return a stand-in for what `formula` makes of the names."""
        try:
            written = formula(_Reader(self._name))  # type: ignore[arg-type]
        except TypeError as error:  # the rule needs the number itself
            message = _("This optimizer cannot be written as formulas on single numbers.")
            raise NotWritten(message) from error

        def host() -> float:
            return float(value_of(written))

        self.formulas[host] = written
        return koubai.host_scalar(host)

    def _name(self, option: str) -> Any:
        value = self.options.step if option == "step" else getattr(self.options, option)
        if not isinstance(value, float | int) or not value:  # what is 0 or off has no part in the formula
            return value
        if option not in self.named:
            letter = Letter("n") if option == "step" else _OPTIONS.get(option, Letter(option))
            self.named[option] = Named(letter, float(value), role=Role.OPTION)
        return self.named[option]


class _Reader(SimpleNamespace):
    """Gives a formula of the options a name where it asks for a number."""

    def __init__(self, name: Callable[[str], Any]) -> None:
        super().__init__(_name=name)

    def __getattr__(self, option: str) -> Any:
        return self._name(option)


def written_update(
    optimizer: type[Optimizer],
    options: Mapping[str, Any],
    model: Module,
    parameters: list[Value],
    gradients: Mapping[Letter, Value],
) -> Update:
    """Take the step of an optimizer and write it out.

    Args:
        optimizer: the class.
        options: its options.
        model: a network with gradients; the step changes its parameters.
        parameters: what its parameters are called.
        gradients: their gradients, by these letters; one without stays as it is.

    Raises:
        NotWritten: if the rule cannot be written as formulas on single numbers.
    """
    pairs = [pair for pair in zip(model.parameters(), parameters) if pair[1].letter in gradients]
    made = optimizer([tensor for tensor, _parameter in pairs], **options)
    group = made.param_groups[0]
    made.step()
    names = _Names(group)
    update = Update(optimizer, str(group.get("form", "")), [], [], [], [], model)
    for tensor, parameter in pairs:
        _write(names, made, tensor, parameter, gradients[parameter.letter], update)
    update.options.extend(names.named.values())
    return update


def _write(
    names: _Names, made: Optimizer, tensor: Tensor, parameter: Value, gradient: Value, update: Update
) -> None:
    """Write out the step of one parameter: what is remembered first, then the parameter with its help."""
    begin = made.rule.remember(tensor.detach(), {}, names.options)
    before = {name: _remembered(name, value, parameter, new=False) for name, value in begin.items()}
    rule = _TracedRule(names, made, begin, before, parameter, gradient)
    after = {
        name: _remembered(name, made.state[tensor][name], parameter, True, formulas)
        for name, formulas in rule.memory().items()
    }
    new = Letter(parameter.letter.letter, parameter.letter.layer, new=True)
    numbers, formulas = tensor.detach().numpy(), rule.parameter(after)
    update.before.extend(value for name, value in before.items() if name != "step")
    update.memory.extend(after.values())
    update.parameters.append(named_value(new, numbers, Role.PARAMETER, formulas, parameter.path))


def memory_letter(name: str) -> str:
    """Return what an entry of an optimizer's memory is called in formulas: exp_avg is m."""
    return _MEMORY.get(name, name)


def _remembered(
    name: str, tensor: Tensor, parameter: Value, new: bool, formulas: Elements | None = None
) -> Value:
    """An entry of the optimizer's memory, called after the elements of the parameter."""
    letter = Letter(memory_letter(name), new=new)
    of = parameter if tensor.shape == parameter.shape else None
    return named_value(letter, tensor.detach().numpy(), Role.MEMORY, formulas, of=of)


class _TracedRule:
    """An optimizer's rule as a graph, and what it begins with."""

    def __init__(
        self,
        names: _Names,
        made: Optimizer,
        begin: Mapping[str, Tensor],
        before: Mapping[str, Value],
        parameter: Value,
        gradient: Value,
    ) -> None:
        def rule(tensor: Tensor, slope: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
            return made.rule(tensor, slope, state, names)

        examples = [Tensor(_array(parameter)), Tensor(_array(gradient))]
        program = koubai.trace(rule, *examples, dict(begin))
        cells = [parameter.cells, gradient.cells, *(value.cells for value in before.values())]
        self.graph = program.graph
        self.known: dict[Symbol, Any] = dict(zip(program.arguments, cells))
        for host, symbol in program.hosts.items():
            self.known[symbol] = elements([names.formulas[host]], ())
        self.new, *remembered = program.results
        self.remembered = {
            name: symbol for name, symbol in zip(program.structure[1], remembered) if name != "step"
        }

    def memory(self) -> dict[str, Elements]:
        """What is remembered after the step; the count of steps is a number, n."""
        return dict(zip(self.remembered, run(self.graph, self.known, list(self.remembered.values()))))

    def parameter(self, memory: Mapping[str, Value]) -> Elements:
        """The parameter after the step, by what is remembered then."""
        named = {symbol: memory[name].cells for name, symbol in self.remembered.items()}
        return run(self.graph, self.known | named, [self.new])[0]


def _array(value: Value) -> Any:
    return elements([cell.value for cell in value], value.shape).astype(float)
