"""How compiled programs are compared with eager ones: same types, same NaN and infinities, and as close to float64.

The tests of all ops and layers trace their programs anyway, through `check_compiled`, a few of each test's also run
here as native code, by one, two and three threads in turn.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from koubai import Tensor
from koubai.arrays import Array
from koubai.compiler.build import Roles, build
from koubai.compiler.checking.verify import in_float64
from koubai.compiler.executable import Executable
from koubai.compiler.outline import Outline
from koubai.compiler.runtime import available, target
from koubai.compiler.runtime.objects import Library, compile_object
from koubai.compiler.step import Step
from koubai.engine.trace import Program, flatten, trace
from koubai.ops.graph import Graph, interpret

PROGRAMS = 2  # that are compiled of each test
EPSILON = {2: 1e-3, 4: 1.2e-7, 8: 2.3e-16}

_threads = itertools.cycle((1, 2, 3))
_counts: Counter[str] = Counter()


def traced(function: Callable[..., Any], arguments: Sequence[Tensor]) -> Step:
    """Trace a step and tie it to its tensors, without compiling it, after a run that makes the optimizer's state."""
    function(*arguments)
    step = Step.__new__(Step)
    step.program, step.keep_grads = trace(function, *arguments), False
    step._bind()
    return step


def run_natively(graph: Graph, inputs: Sequence[Array], threads: int = 1) -> list[Array]:
    """Compile a graph and run it twice, with the same bits."""
    roles = Roles(list(graph.inputs), [], [], list(range(len(graph.outputs))), [])
    blueprint = build(graph, roles, target.current(), threads)
    library = Library(target.current(), compile_object(blueprint.module.text, target.current()))
    executable = Executable(Outline.of(blueprint), library, threads, len(graph.inputs))
    arguments = [np.ascontiguousarray(x).reshape(x.shape) for x in inputs]
    assert executable.run(arguments), "a check failed"
    first = [np.array(result) for result in executable.results]
    executable.run(arguments)
    for before, after in zip(first, executable.results):
        assert before.tobytes() == np.array(after).tobytes(), "the second run has other bits"
    return first


def check_graph(graph: Graph, inputs: Sequence[Array], threads: int = 1) -> None:
    """Compare a compiled graph with the same graph run op by op."""
    inputs = [np.asarray(x) for x in inputs]
    native = run_natively(graph, inputs, threads)
    with np.errstate(all="ignore"):
        eager = interpret(graph, inputs)
        if any(node.op.name == "bits" for node in graph.nodes):  # which depend on the type
            exact = eager
        else:
            wide = [x.astype(np.float64) if x.dtype.kind == "f" else x for x in inputs]
            exact = interpret(in_float64(graph), wide)
    for number, values in enumerate(zip(native, eager, exact, strict=True)):
        wrong = difference(*map(np.asarray, values))
        if wrong:  # perhaps a change of the inputs in their last bits moves it as far
            moved = np.asarray(interpret(graph, nudged(inputs))[number])
            wrong = difference(np.asarray(values[0]), np.asarray(values[1]), moved)
        assert not wrong, f"output {number} with {threads} threads: {wrong}\n{graph}"


def nudged(inputs: Sequence[Array]) -> list[Array]:
    """The inputs, each number moved by a few units in its last place."""
    rng = np.random.default_rng(0)
    return [
        np.asarray(x * (1 + rng.integers(-4, 5, x.shape) * np.finfo(x.dtype).eps), x.dtype)
        if x.dtype.kind == "f"
        else x
        for x in inputs
    ]


def difference(native: Array, eager: Array, exact: Array) -> str:
    """Say how two results differ; nothing if they agree."""
    if (native.dtype, native.shape) != (eager.dtype, eager.shape):
        return f"{native.dtype}{native.shape} instead of {eager.dtype}{eager.shape}"
    if eager.dtype.kind != "f":
        return "" if np.array_equal(native, eager) else f"{native} instead of {eager}"
    finite = np.isfinite(eager)
    if not np.array_equal(
        np.where(finite & np.isfinite(native), 0, native), np.where(finite, 0, eager), True
    ):
        return f"not finite in other places: {native} instead of {eager}"
    a, b, c = (np.where(finite, x, 0).astype(np.float64) for x in (native, eager, exact))
    scale = float(np.abs(b).max(initial=0.0))
    own = np.abs(b - np.where(np.isfinite(c), c, b)).max(initial=0.0)
    allowed = 100 * EPSILON[eager.dtype.itemsize] * (scale + 1) + 10 * own
    error = float(np.abs(a - b).max(initial=0.0))
    return "" if error <= allowed else f"off by {error:.1e} of {scale:.1e}, {allowed:.1e} is allowed"


def check_compiled(program: Program, arguments: Any) -> None:
    """Compare a traced program with its native form, if this test has not done enough of that already.

    Args:
        program: what was traced.
        arguments: tensors, what it would be called with next.
    """
    test = os.environ.get("PYTEST_CURRENT_TEST", "")
    _counts[test] += 1
    if _counts[test] > PROGRAMS or not available():
        return
    tensors: list[Tensor] = []
    flatten(arguments, tensors)
    check_graph(program.graph, program._inputs(tensors), next(_threads))
