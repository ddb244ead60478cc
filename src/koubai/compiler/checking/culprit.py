"""Which op of a wrong step is at fault, and in which kernel.

The step is compiled once more, so that it shows what every op makes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from koubai.arrays import Array
from koubai.compiler.build import Blueprint, Roles, build
from koubai.compiler.checking.verify import FLOOR, distance, in_float64, widened
from koubai.compiler.executable import Executable
from koubai.compiler.language.buffer import Buffer
from koubai.compiler.llvm.driver import every_kernel
from koubai.compiler.outline import Outline
from koubai.compiler.profile.describe import describe
from koubai.compiler.runtime.objects import Library, compile_object
from koubai.compiler.runtime.target import Target
from koubai.ops.graph import Graph, interpret


def culprit(graph: Graph, inputs: Sequence[Array], target: Target, threads: int) -> str:
    """Return a part of a sentence that names the first op whose native result is wrong, and its kernel.

    Nothing is returned if each result is right once it has to be stored.

    Args:
        graph: what was compiled.
        inputs: the values that it was run on.
        target, threads: what it was compiled for.
    """
    made = [(node, symbol) for node in graph.nodes for symbol in node.outputs if symbol.dtype.kind == "f"]
    telling = Graph(list(graph.inputs), dict(graph.constants), graph.nodes, [symbol for _, symbol in made])
    roles = Roles(list(graph.inputs), [], [], list(range(len(made))), [])
    blueprint = build(telling, roles, target, threads)
    library = Library(target, compile_object(blueprint.module.text, target))
    executable = Executable(Outline.of(blueprint), library, threads, len(inputs))
    if not executable.run([np.ascontiguousarray(x) for x in inputs]):
        return ""
    exact, single = interpret(in_float64(telling), [widened(x) for x in inputs]), interpret(telling, inputs)
    for at, (native, right, eager) in enumerate(zip(executable.results, exact, single)):
        if not distance(native, right) <= max(FLOOR, 10 * distance(eager, right)):
            kernel = _kernel_of(blueprint, blueprint.results[at])
            return f"; the first op whose result is wrong is {made[at][0].op.name}{kernel}"
    return ""


def _kernel_of(blueprint: Blueprint, result: Buffer) -> str:
    found = (k for k in every_kernel(blueprint.phases) if result in k.writes)
    return next((f", in kernel {kernel.name} ({describe(kernel)})" for kernel in found), "")
