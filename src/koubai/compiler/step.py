"""One traced program, compiled and tied to the tensors that it reads and changes."""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from koubai.arrays import Array
from koubai.compiler.build import Roles, build
from koubai.compiler.checking import verify
from koubai.compiler.checking.culprit import culprit
from koubai.compiler.counters import counters_among
from koubai.compiler.executable import Executable
from koubai.compiler.key import text_of
from koubai.compiler.numbers import Numbers
from koubai.compiler.outline import Outline
from koubai.compiler.runtime import cache
from koubai.compiler.runtime.helpers import helpers
from koubai.compiler.runtime.objects import Library
from koubai.compiler.runtime.target import Target
from koubai.engine.modes import modes, no_grad
from koubai.engine.resident import Resident
from koubai.engine.tensor import Tensor
from koubai.engine.trace import Program, unflatten
from koubai.ops.call import inlined, ops_in
from koubai.ops.graph import Graph


@dataclass(frozen=True)
class Report:
    """What compiling a step took.

    Attributes:
        seconds: from the trace to code that can run.
        cached: whether the code came from disk.
        kernels: how many there are.
        flops: multiplications and additions of all products, as they are run: convolutions may need fewer than by
            their formula.
        arena_bytes: the memory of the step.
        verified: whether it was compared with eager, now or when it was put on disk.
    """

    seconds: float
    cached: bool
    kernels: int
    flops: int
    arena_bytes: int
    verified: bool


class Step:
    """A program in native code.

    Args:
        program: what was traced.
        target: the processor.
        threads: how many threads run it.
        keep_grads: whether gradients are stored, so that `.grad` can be read afterwards.
        examples: the arguments of the first run, which is compared with eager; None for no comparison.
        began: when compiling began, by `time.perf_counter`.
    """

    def __init__(
        self,
        program: Program,
        target: Target,
        threads: int,
        keep_grads: bool,
        examples: Sequence[Tensor] | None,
        began: float,
    ) -> None:
        self.program = program
        self.target = target
        self.threads = threads
        self.keep_grads = keep_grads
        self._assumed = [(assumption.current, assumption.value) for assumption in program.assumptions]
        self._read = [tensor for tensor in program.captured if tensor.dtype.kind == "f"]
        self._trained = [tensor._requires_grad for tensor in self._read]
        self._bind()
        self._compile(examples, began)
        self._residents = [
            Resident(s.shape, s.dtype, functools.partial(_itself, view))
            for s, view in zip(self.roles.states, self.executable.states)
        ]
        held = zip(self.roles.states, self._owners, self._residents)
        self._changed = [(owner, resident) for s, owner, resident in held if s in self._written]
        counters = counters_among(program.graph, self.roles.updates)
        advancing = {owner for owner, s in zip(self._owners, self.roles.states) if s in counters}
        self._numbers = Numbers(program.hosts, dict(zip(self._owners, self.executable.states)), advancing)

    # --- what the program's inputs and outputs are --------------------------------------------------------------

    def _bind(self) -> None:
        program, graph = self.program, self.program.graph
        owners = {symbol: tensor for tensor, symbol in program.captured.items()}
        changed = {program.captured[cell] for cell in program.writes if cell in program.captured}
        kept = {s for s, t in owners.items() if s in changed or (t._requires_grad and t._view is None)}
        states = [s for s in graph.inputs if s in kept]
        numbers = list(program.hosts.values())
        known = kept.union(numbers)
        self._given = [s for s in graph.inputs if s not in known]
        first = len(program.results)
        grads = first + len(program.writes)
        rest = grads + len(program.grads)
        updates, self._made = [], []
        for at, cell in enumerate(program.writes, first):
            if cell in program.captured:
                updates.append((at, program.captured[cell]))
            else:
                self._made.append((at, cell))
        results = [*range(first), *(at for at, _ in self._made), *range(rest, len(graph.outputs))]
        kept_too = {id(leaf) for leaf in (program.grads if self.keep_grads else program.accumulated)}
        results += [at for at, leaf in enumerate(program.grads, grads) if id(leaf) in kept_too]
        self.roles = Roles(self._given, numbers, states, results, updates, program.losses)
        self._owners = [owners[s] for s in states]
        self._grad_of = _live_gradients(program)
        self._absent = [
            Tensor(Resident(leaf._payload.shape, leaf.dtype, _not_kept)) for leaf in program.grads
        ]
        arguments = {symbol: number for number, symbol in enumerate(program.arguments)}
        self._sources = [(arguments.get(s), owners.get(s)) for s in self._given]
        self._written = {s for _, s in updates}
        self._place = {at: number for number, at in enumerate(results)}

    @property
    def graph(self) -> Graph:
        """The program with what it calls in the place of the calls."""
        return inlined(self.program.graph)

    # --- compiling ----------------------------------------------------------------------------------------------

    def _compile(self, examples: Sequence[Tensor] | None, began: float) -> None:
        text = text_of(self.program.graph, self.roles, self.threads)
        unverified = (
            "" if examples is not None else "\nunverified"
        )  # a name of its own: who verifies will not take it
        key = cache.key_of(text + unverified, self.target)
        known = cache.get(key)
        outline, objects = (Outline.from_json(known[1]), known[0]) if known is not None else self._build()
        library = Library(self.target, *objects)
        self.executable = Executable(outline, library, self.threads, len(self.roles.arguments))
        seconds = time.perf_counter() - began
        verified = examples is not None
        if known is None and examples is not None:
            self._verify(examples)
        described = outline.to_json()
        if known is None and described is not None:
            cache.put(key, objects, described)
        self.report = Report(
            seconds, known is not None, outline.kernels, outline.flops, self.executable.arena.size, verified
        )

    def _build(self) -> tuple[Outline, list[bytes]]:
        with helpers(self.target, ops_in(self.program.graph)) as others:
            blueprint = build(
                self.program.graph,
                self.roles,
                self.target,
                self.threads,
                hand_over=others.take if others else None,
            )
            return Outline.of(blueprint), others.compile(blueprint.module.text)

    def _verify(self, examples: Sequence[Tensor]) -> None:
        """Compare the step with eager on the values that it will see first."""
        values = {s: np.asarray(t.payload) for s, t in zip(self.roles.states, self._owners)}
        values.update(zip(self._given, self._arrays(examples)))
        numbers = [np.asarray(host(), np.float64) for host in self.program.hosts]
        values.update(zip(self.roles.numbers, numbers))
        self._fill([values[s] for s in self.roles.states], numbers)
        if not self.executable.run([np.ascontiguousarray(values[s]) for s in self._given]):
            self._fill([values[s] for s in self.roles.states], numbers)
            return  # the data are at fault: the run that follows says so
        found = dict(zip(self.roles.results, self.executable.results))
        found.update((at, self.executable.states[self.roles.states.index(s)]) for at, s in self.roles.updates)
        before = {at: values[s] for at, s in self.roles.updates}
        graph = self.graph
        inputs = [values[s] for s in graph.inputs]
        blame = functools.partial(culprit, graph, inputs, self.target, self.threads)
        verify.check(graph, inputs, found, before, self.program.gradients, blame)

    def _fill(self, states: Sequence[Array], numbers: Sequence[Array]) -> None:
        for view, array in zip(self.executable.states, states):
            view[...] = array
        self.executable.numbers[:] = numbers

    # --- running ------------------------------------------------------------------------------------------------

    def holds(self) -> bool:
        """Whether the program still is what the function would do now."""
        for current, value in self._assumed:
            now = current()
            if now is not value and now != value:
                return False
        return [tensor._requires_grad for tensor in self._read] == self._trained  # none was frozen since

    def __call__(self, tensors: Sequence[Tensor]) -> tuple[bool, Any]:
        """Run the step on the tensors of its arguments.

        Returns:
            whether all went well, and the function's results. If not, nothing has changed.
        """
        self._load()
        exe = self.executable
        exe.numbers[:] = self._numbers.now()
        if not exe.run(self._arrays(tensors)):
            return False, None
        self._commit(exe.results)
        if self.program.rewritten or self.program.taps:
            self._change_arguments(tensors, exe.results)
        return True, self.output([array.copy() for array in exe.results[: len(self.program.results)]])

    @property
    def can_repeat(self) -> bool:
        """Whether `many` works: the step changes no argument, measures nothing, and NumPy has no part in it."""
        program = self.program
        plain = not (program.rewritten or program.taps or self._made or self.keep_grads)
        return plain and self.executable.can_repeat

    def many(self, calls: Sequence[Sequence[Tensor]]) -> tuple[int, list[Array]]:
        """Run the step again and again in one call.

        Args:
            calls: the tensors of the arguments, for each time.

        Returns:
            how many steps went well, and their results, each stacked along a first dimension. If not all did, nothing
            has changed behind the last that did.
        """
        arrays = [self._arrays(tensors) for tensors in calls]
        return self._repeat(np.array([[_address(a) for a in row] for row in arrays], np.int64))

    def scan(self, tensors: Sequence[Tensor], count: int) -> tuple[int, list[Array]]:
        """Do the same on arguments that are stacked along a first dimension."""
        arrays = self._arrays(tensors)
        strides = [
            a.strides[0] if source[0] is not None and a.ndim else 0
            for a, source in zip(arrays, self._sources)
        ]
        starts = np.array([_address(a) for a in arrays], np.int64)
        return self._repeat(starts + np.outer(np.arange(count), np.array(strides, np.int64)))

    def _repeat(self, addresses: Array) -> tuple[int, list[Array]]:
        """Run the step on arguments that lie where the rows of `addresses` say."""
        self._load()
        done, columns = self.executable.run_many(addresses, self._numbers.of_steps(len(addresses)))
        if done:
            self._commit(columns)
        return done, [column[:done] for column in columns]

    def _load(self) -> None:
        """Bring all state that somebody has changed into the arena."""
        owners = map(self._present, self._owners) if self._grad_of else self._owners
        for resident, owner in zip(self._residents, owners):
            payload = owner._payload if owner._seen == owner._version.count else owner.payload
            if not resident.holds(payload):
                resident.take(payload)

    def _present(self, owner: Tensor) -> Tensor:
        """Return a captured tensor, or if it was a gradient, the gradient that its leaf has now."""
        leaf = self._grad_of.get(owner)
        return owner if leaf is None or leaf.grad is None else leaf.grad

    def _arrays(self, tensors: Sequence[Tensor]) -> list[Array]:
        found = []
        for argument, owner in self._sources:
            tensor = owner if argument is None else tensors[argument]
            assert tensor is not None
            array: Array = (self._present(tensor) if argument is None else tensor).payload
            found.append(array if array.flags.c_contiguous else np.ascontiguousarray(array))
        return found

    def output(self, arrays: Iterable[Array]) -> Any:
        """Return what the function returns, made of the arrays of its results."""
        return unflatten(self.program.structure, map(Tensor, arrays))

    def _commit(self, results: Sequence[Array]) -> None:
        """Let the changed tensors hold their new values."""
        program = self.program
        for owner, resident in self._changed:
            resident.forget()
            owner._rebind(resident, "a compiled step")
        for at, cell in self._made:
            cell._rebind(np.array(results[self._place[at]], order="C"), "a compiled step")
        self._commit_gradients(len(program.results) + len(program.writes))
        for leaf in program.cleared:
            leaf.grad = None

    def _change_arguments(self, tensors: Sequence[Tensor], results: Sequence[Array]) -> None:
        """Let the arguments hold what the function wrote into them, and hand on what it measured."""
        program = self.program
        after = len(program.results) + len(program.writes) + len(program.grads)
        values = (Tensor(np.array(results[self._place[at]], order="C")) for at in itertools.count(after))
        with no_grad():
            for position in program.rewritten:
                tensors[position]._become(next(values), "a compiled step")
        for (name, every), value in zip(program.taps, values):
            if modes.taps is not None and modes.taps.wants(every):
                modes.taps.add(name, value)

    def _commit_gradients(self, first: int) -> None:
        for at, (leaf, absent) in enumerate(zip(self.program.grads, self._absent), first):
            place = self._place.get(at)
            leaf.grad = (
                absent if place is None else Tensor(np.array(self.executable.results[place], order="C"))
            )


def _live_gradients(program: Program) -> dict[Tensor, Tensor]:
    """Return for each captured tensor that is some leaf's gradient that leaf, which may have another one by now."""
    leaves = {id(leaf.grad): leaf for leaf in program.captured if leaf.grad is not None}
    return {tensor: leaves[id(tensor)] for tensor in program.captured if id(tensor) in leaves}


def _address(array: Array) -> int:
    return int(array.__array_interface__["data"][0])


def _itself(array: Array) -> Array:
    return array


def _not_kept() -> Array:
    raise RuntimeError(
        "this gradient was not kept: the compiled step used it up in the update and never stored it; "
        "koubai.compile(step, keep_grads=True) stores gradients, at some cost of time, and so does "
        "Trainer(..., compile=False)"
    )
