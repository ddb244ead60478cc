"""`koubai.compile`: a function of tensors that runs as one native function.

The function is traced when it is first called, and again when its arguments have new shapes or something else that it
rests on has changed. What cannot be traced runs eagerly, as it did before.
"""

from __future__ import annotations

import functools
import logging
import os
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import takewhile
from typing import Any

import numpy as np

from koubai.compiler.checking.verify import first_nonfinite
from koubai.compiler.collection import no_collection
from koubai.compiler.graph.precision import FLOAT32, check_precision, with_precision
from koubai.compiler.runtime import available, get_num_threads
from koubai.compiler.runtime.target import current
from koubai.compiler.step import Report, Step
from koubai.devices import CPU
from koubai.engine.modes import modes
from koubai.engine.tensor import Tensor
from koubai.engine.trace import Program, flatten, trace, unflatten
from koubai.functions.joining import stack
from koubai.ops.op import DataDependentError

log = logging.getLogger("koubai.compile")


class CannotRehearse(RuntimeError):
    """A function without effects cannot be compiled, and running it eagerly would have effects."""


class NonFiniteLoss(FloatingPointError):
    """The loss of a compiled step is NaN or infinite. Nothing was changed."""


def compile(
    function: Callable[..., Any] | None = None,
    *,
    keep_grads: bool = False,
    max_compiles: int | None = None,
    verify: bool = True,
    precision: str = FLOAT32,
) -> Any:
    """Return a function that does the same, compiled into one native function for its arguments' shapes.

    It may be any function of tensors, and a whole training step: forward, loss, `backward()`, clipping and the
    optimizer's `step()`. Learning rates, step counts, random seeds and the arguments' values are inputs of the native
    function, so changing them never compiles again; a new shape compiles once more. Every compile is one line in the
    log `koubai.compile`. A result is compared with eager before it is used for the first time, and kept on disk.

    Python code in the function runs only while it is traced: a print or a counter inside it stands still afterwards.
    Code that depends on values of tensors cannot be traced; then the whole function runs eagerly, and the log says why.

    Args:
        function: of tensors, or nested tuples, lists and dicts of them. Without it, a decorator is returned.
        keep_grads: store gradients, so that `.grad` can be read after a step. Otherwise reading one is an error.
        max_compiles: raise an error at one more compile than that; for programs that should not compile again.
        verify: compare the first run with eager in float64 (once for each program and machine).
        precision: "bf16" rounds both factors of every product of float32 (matrices and convolutions) to bfloat16, and
            adds up in float32, which takes half as long at best. All else, weights and optimizer too, stays as it is.

    Raises:
        ValueError: if there is no such precision, or this processor does not have it.
        NonFiniteLoss: when called, if the loss is NaN or infinite. The error names the first op that was; nothing
            has changed.
        RuntimeError: when called, if the native function does not compute what eager does, or `max_compiles` is
            exceeded.

    Example:
        >>> @koubai.compile
        ... def step(x, y):
        ...     optimizer.zero_grad()
        ...     loss = nn.functional.cross_entropy(model(x), y)
        ...     loss.backward()
        ...     optimizer.step()
        ...     return loss
    """
    if function is None:
        return functools.partial(
            compile, keep_grads=keep_grads, max_compiles=max_compiles, verify=verify, precision=precision
        )
    return Compiled(function, keep_grads, max_compiles, verify, precision)


class Compiled:
    """A function that compiles itself; made by `compile`.

    Attributes:
        function: the function as it was.
        steps: what it was compiled to so far.
        falls_back: why it runs eagerly, or None.
        effects: whether what the function changes stays changed. Without effects it is a rehearsal: it computes its
            results and changes nothing, and what cannot be compiled raises `CannotRehearse`.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        keep_grads: bool,
        max_compiles: int | None,
        verify: bool,
        precision: str,
        effects: bool = True,
    ) -> None:
        check_precision(precision, None if is_off() else current())
        functools.update_wrapper(self, function)
        self.function = function
        self.keep_grads = keep_grads
        self.max_compiles = max_compiles
        self.verify = verify
        self.precision = precision
        self.effects = effects
        self.falls_back: str | None = None
        self._by_key: dict[Hashable, list[Step]] = {}

    @property
    def steps(self) -> list[Step]:
        """All steps, in the order in which they were compiled."""
        return [step for steps in self._by_key.values() for step in steps]

    @property
    def report(self) -> Report | None:
        """What the latest compile took."""
        return self.steps[-1].report if self.steps else None

    def __call__(self, *arguments: Any) -> Any:
        """Run the function."""
        step, tensors = (None, []) if self._is_eager() else self.prepare(arguments)
        if step is None and not self.effects:
            raise CannotRehearse(self.falls_back or "everything runs eagerly")
        if step is None:
            return self.function(*arguments)
        try:
            well, results = step(tensors)
        except (AttributeError, TypeError):
            if self._is_elsewhere(step.program, tensors):  # since it was compiled
                return self(*arguments)
            raise
        return results if well else self._explain(step, tensors, arguments)

    def prepare(self, arguments: tuple[Any, ...]) -> tuple[Step | None, list[Tensor]]:
        """Return the step for some arguments, which is compiled if there is none yet, and the tensors in them.

        The step is None if the function cannot be compiled.
        """
        tensors: list[Tensor] = []
        structure: Hashable
        if {argument.__class__ for argument in arguments} == {Tensor}:
            tensors, structure = list(arguments), len(arguments)
        else:
            structure = _hashable(flatten(arguments, tensors))
        return self._step_for(structure, tensors, arguments), tensors

    def _is_eager(self) -> bool:
        return self.falls_back is not None or modes.tracer is not None or modes.anomaly or is_off()

    def scan(self, *arguments: Any) -> Any:
        """Run the function on every slice of its arguments along their first dimension, in one native call.

        The same as a loop that calls it on `argument[0]`, `argument[1]`, ..., but Python is not asked in between. So
        learning rates and other options stay what they are; step counts go on.

        Args:
            arguments: tensors (or nested ones) with one more dimension in front, all of the same length.

        Returns:
            what the function returns, stacked along a first dimension.

        Raises:
            ValueError: if the lengths differ.
            NonFiniteLoss: as when it is called; the steps before the one that failed count.

        Example:
            >>> losses = step.scan(inputs, targets)  # (steps, batch, features), (steps, batch)
        """
        stacked: list[Tensor] = []
        structure = flatten(arguments, stacked)
        lengths = {len(tensor) if tensor.ndim else 0 for tensor in stacked}
        if len(lengths) != 1 or 0 in lengths:
            raise ValueError(
                f"scan needs arguments of one length in their first dimension, got {sorted(lengths)}"
            )
        (length,) = lengths
        step = None if self._is_eager() else self._step_for_slices(structure, stacked)
        if step is None or not step.can_repeat or self._is_elsewhere(step.program, stacked):
            return self._one_by_one(structure, stacked, length)
        done, columns = step.scan(stacked, length)
        if done < length:
            failing = [tensor[done] for tensor in stacked]
            self._explain(step, failing, unflatten(structure, iter(failing)))
        return step.output(columns[: len(step.program.results)])

    def _step_for_slices(self, structure: Any, stacked: Sequence[Tensor]) -> Step | None:
        """Return the step for the first slices of some tensors: plain arrays, unless gradients flow through them."""
        first = [t[0] if t.requires_grad else Tensor(t._values("scan")[0, ...]) for t in stacked]
        return self.prepare(unflatten(structure, iter(first)))[0]

    def each(self, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Run the function once for each of some tuples of tensors, in one native call.

        Returns:
            its results, as long as all goes well and the arguments are like the first; nothing if that cannot be done
            in one call.
        """
        step = None if self._is_eager() else self.prepare(calls[0])[0]
        if step is None or not step.can_repeat or self._is_elsewhere(step.program, calls[0]):
            return []
        kind = _kinds(calls[0])
        done, columns = step.many(list(takewhile(lambda call: _kinds(call) == kind, calls)))
        results = columns[: len(step.program.results)]
        return [step.output([column[n] for column in results]) for n in range(done)]

    def _one_by_one(self, structure: Any, stacked: list[Tensor], length: int) -> Any:
        """Call the function in a loop and stack the results."""
        found: list[list[Tensor]] = []
        shape: Any = None
        for number in range(length):
            tensors: list[Tensor] = []
            slices = iter([tensor[number] for tensor in stacked])
            shape = flatten(self(*unflatten(structure, slices)), tensors)
            found.append(tensors)
        return unflatten(shape, iter([stack(list(column)) for column in zip(*found)]))

    def _step_for(
        self, structure: Hashable, tensors: list[Tensor], arguments: tuple[Any, ...]
    ) -> Step | None:
        key = (
            structure,
            _kinds(tensors),
            modes.grad_enabled,
            get_num_threads(),
        )
        known = self._by_key.get(key, ())
        for step in known:
            if step.holds():
                return step
        return self._compile(key, tensors, arguments, "what it rests on has changed" if known else "")

    def _compile(
        self, key: Hashable, tensors: list[Tensor], arguments: tuple[Any, ...], reason: str
    ) -> Step | None:
        count = len(self.steps)
        reason = reason or ("new shapes " + ", ".join(map(_brief, tensors)) if count else "the first call")
        if self.max_compiles is not None and count >= self.max_compiles:
            raise RuntimeError(
                f"{self._name} would be compiled once more than max_compiles={count}: {reason}"
            )
        examples = tensors if self.verify else None
        began = time.perf_counter()
        with no_collection():
            try:
                program = trace(self.function, *arguments)
            except DataDependentError as error:
                self._fall_back(str(error))
                return None
            if self._is_elsewhere(program, tensors):
                return None
            if not self.effects:
                program = program.without_effects()
            if self.precision != FLOAT32:
                program.graph = with_precision(program.graph, self.precision)
            step = Step(program, current(), get_num_threads(), self.keep_grads, examples, began)
        self._by_key.setdefault(key, []).append(step)
        report = step.report
        how = "taken from disk" if report.cached else "compiled"
        log.info(
            "%s %s in %.3f s (%s): %d kernels, %.1f MiB",
            self._name, how, report.seconds, reason, report.kernels, report.arena_bytes / 2**20,
        )  # fmt: skip
        return step

    def _is_elsewhere(self, program: Program, tensors: Sequence[Tensor]) -> bool:
        """Whether there are tensors on another device than the CPU; then it runs eagerly from now on."""
        devices = {str(t.device) for t in (*tensors, *program.captured) if t.device is not CPU}
        if devices:
            self._fall_back(f"it has tensors on {', '.join(devices)}, and compiled code is for the CPU")
        return bool(devices)

    def _fall_back(self, why: str) -> None:
        self.falls_back = why
        log.warning("%s runs eagerly: %s", self._name, why)

    @property
    def _name(self) -> str:
        return getattr(self.function, "__qualname__", repr(self.function))

    def _explain(self, step: Step, tensors: list[Tensor], arguments: tuple[Any, ...]) -> Any:
        """Raise the error of a run that did not go well, which has changed nothing."""
        wrong = next(name for name, flag in step.executable.flags if not flag)
        if wrong == "position":
            return self.function(*arguments)  # eager finds the position that is out of range, and says which
        values = {s: t.payload for s, t in zip(step.program.arguments, tensors)}
        values.update((s, t.payload) for t, s in step.program.captured.items())
        values.update((s, np.asarray(host(), np.float64)) for host, s in step.program.hosts.items())
        found = first_nonfinite(step.graph, [values[s] for s in step.graph.inputs])
        raise NonFiniteLoss(f"the loss is not finite; nothing was changed. {found}")


def is_off() -> bool:
    """Whether everything runs eagerly: KOUBAI_COMPILE=off, or LLVM is not there."""
    return os.environ.get("KOUBAI_COMPILE", "").lower() in ("off", "0", "false") or not _there()


@functools.cache
def _there() -> bool:
    return available()


def _kinds(tensors: Iterable[Tensor]) -> tuple[Any, ...]:
    """Return what a step is compiled for of tensors, beside where they stand."""
    return tuple([(t._payload.shape, t._payload.dtype, t.requires_grad) for t in tensors])


def _hashable(structure: Any) -> Hashable:
    if isinstance(structure, dict):
        return ("dict", *((key, _hashable(item)) for key, item in structure.items()))
    if isinstance(structure, tuple | list):
        return (type(structure), *map(_hashable, structure))
    try:
        hash(structure)
    except TypeError:
        return ("object", id(structure))
    return (type(structure), structure)


def _brief(tensor: Tensor) -> str:
    return f"{tensor.dtype}{list(tensor.shape)}"
