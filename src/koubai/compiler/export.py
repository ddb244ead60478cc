"""A compiled function as an object file with a C header: for programs without Python, and without Koubai.

The object needs the C library and nothing else. All that the function keeps from call to call, such as parameters, is
in a block of memory that the program gives it; a file has the block's first content.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from koubai import atomic
from koubai.arrays import Array
from koubai.compiler.build import Roles, build
from koubai.compiler.compiled import Compiled
from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.kernel import Host
from koubai.compiler.profile.explain import step_of
from koubai.compiler.runtime.objects import compile_object
from koubai.compiler.runtime.target import Target, host, named
from koubai.compiler.step import Step
from koubai.ops.op import Symbol

_LINE = 64
_C_TYPES = {
    "b1": "uint8_t", "u1": "uint8_t", "i1": "int8_t", "u2": "uint16_t", "i2": "int16_t", "f2": "uint16_t",
    "i4": "int32_t", "u4": "uint32_t", "i8": "int64_t", "u8": "uint64_t", "f4": "float", "f8": "double",
}  # fmt: skip


def export(
    compiled: Compiled, folder: str | Path, name: str = "step", *arguments: Any, target: str | None = None
) -> list[Path]:
    """Write a compiled function as an object file, with a C header and an example that calls it.

    It is exported as it is now: with its state, and for arguments of the shapes that it was compiled for last. It runs
    in one thread.

    Args:
        compiled: what `koubai.compile` returned.
        folder: where the files go; it is made if it is not there.
        name: of the files and the C functions, a C identifier.
        arguments: for the function, which is compiled for them first; needed if it was never called.
        target: the processor: "x86-64", "x86-64-v3", "x86-64-v4" or "aarch64". Without it, this machine's.

    Returns:
        the files: `name.o`, `name.h`, `name.bin`, `example.c` and `README`.

    Raises:
        ValueError: if the name is not one, or there is no such target.
        RuntimeError: if the function runs eagerly, changes its arguments, or has ops that NumPy runs.

    Example:
        >>> forward = koubai.compile(model.eval())
        >>> koubai.compiler.export(forward, "out", "model", koubai.zeros(1, 784))
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError(f"a C identifier is needed as a name, got {name!r}")
    step, _ = step_of(compiled, arguments)
    exported = _Export(step, name, named(target) if target else host())
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for file, content in exported.files().items():
        atomic.write_file(folder / file, content)
        written.append(folder / file)
    return written


@dataclass(frozen=True)
class _Array:
    """An array as C sees it."""

    name: str
    buffer: Buffer

    @property
    def c_type(self) -> str:
        return _C_TYPES[self.buffer.dtype.str[1:]]

    @property
    def about(self) -> str:
        shape = ", ".join(map(str, self.buffer.shape))
        return f"{self.buffer.dtype} ({shape})"


class _Export:
    """One function that is exported."""

    def __init__(self, step: Step, name: str, target: Target) -> None:
        self.step, self.name, self.target = step, name, target
        self.roles = _roles(step)
        self.blueprint = build(step.program.graph, self.roles, target, 1)
        for phase in self.blueprint.phases:
            for kernel in phase.kernels:
                if isinstance(kernel, Host):
                    raise RuntimeError(
                        f"{kernel.node.op.name} is run by NumPy, so this function cannot be exported"
                    )
        self.arguments = _named("argument", self.blueprint.arguments)
        self.results = _named("result", self.blueprint.results)
        self.numbers = _named("number", self.blueprint.numbers)

    def files(self) -> dict[str, bytes]:
        """Return the content of each file."""
        text = re.sub(r"@(part0|many)\(", rf"@{self.name}_\1(", self.blueprint.module.text)
        return {
            f"{self.name}.o": compile_object(text, self.target, linked=True),
            f"{self.name}.h": self._header().encode(),
            f"{self.name}.bin": self._start().tobytes(),
            "example.c": self._example().encode(),
            "README": self._readme().encode(),
        }

    # --- memory -------------------------------------------------------------------------------------------------

    @property
    def memory(self) -> int:
        """The bytes of the block of memory."""
        plan = self.blueprint.plan
        return -(-(plan.size + plan.scratch + _LINE) // 4096) * 4096

    def _start(self) -> Array:
        """Return the first bytes of the block, as they have to be before the first call; all others do not matter."""
        blueprint, filled = self.blueprint, {}
        owners = {symbol: tensor for tensor, symbol in self.step.program.captured.items()}
        for buffer, symbol in zip(blueprint.states, self.roles.states):
            filled[buffer] = np.asarray(owners[symbol].payload)
        for buffer, number in zip(blueprint.numbers, self.step.program.hosts):
            filled[buffer] = np.asarray(number(), np.float64)
        filled.update((b, np.asarray(b.array)) for b in blueprint.constants)
        filled.update((b, np.full(b.shape, b.border, b.dtype)) for b in blueprint.borders)
        ends = [blueprint.plan.offsets[buffer] + buffer.bytes for buffer in filled]
        block = np.zeros(max(ends, default=0), np.uint8)
        for buffer, array in filled.items():
            lying = np.ascontiguousarray(array.reshape(buffer.shape).transpose(buffer.order), buffer.dtype)
            offset = blueprint.plan.offsets[buffer]
            block[offset : offset + buffer.bytes] = lying.reshape(-1).view(np.uint8)
        return block

    # --- text ---------------------------------------------------------------------------------------------------

    def _header(self) -> str:
        name, big = self.name, self.name.upper()
        given = "".join(f", const {a.c_type} *{a.name}" for a in self.arguments)
        passed = "".join(f", (void *){a.name}" for a in self.arguments)
        flags = [(what, self.blueprint.plan.offsets[buffer]) for what, buffer in self.blueprint.flags]
        checks = "".join(
            f"    if (!((const uint8_t *)memory)[{offset}]) return {number}; /* {what} */\n"
            for number, (what, offset) in enumerate(flags, 1)
        )
        return (
            f"/* {self.step_name}, compiled by Koubai for {self.target.cpu} ({self.target.triple}).\n"
            f"   Link it with {name}.o. */\n"
            f"#ifndef {big}_H\n#define {big}_H\n\n#include <stdint.h>\n\n"
            f"/* The memory that a call needs, aligned to 64 bytes. Its first {big}_START_BYTES bytes must come from\n"
            f"   {name}.bin before the first call; calls keep there what lasts. */\n"
            f"#define {big}_MEMORY_BYTES {self.memory}\n"
            f"#define {big}_START_BYTES {len(self._start())}\n\n"
            + "".join(map(self._sizes, self.arguments))
            + "".join(map(self._access, (*self.results, *self.numbers)))
            + f"\nvoid {name}_part0(int64_t thread, void *frame);\n\n"
            "/* Call it. Returns 0 if all went well; otherwise nothing has changed: "
            + ("; ".join(f"{n} {_WRONG[what]}" for n, (what, _) in enumerate(flags, 1)) or "never")
            + ". */\n"
            f"static inline int {name}_run(void *memory{given}) {{\n"
            f"    void *frame[] = {{memory, 0{passed}}};\n"
            f"    {name}_part0(0, frame);\n{checks}    return 0;\n}}\n\n#endif\n"
        )

    def _sizes(self, array: _Array) -> str:
        big = f"{self.name}_{array.name}".upper()
        return f"#define {big}_SIZE {array.buffer.size} /* {array.about}, row by row */\n"

    def _access(self, array: _Array) -> str:
        """How C reaches an array in the block."""
        offset = self.blueprint.plan.offsets[array.buffer]
        function = f"static inline {array.c_type} *{self.name}_{array.name}(void *memory)"
        return (
            self._sizes(array) + f"{function} {{ return ({array.c_type} *)((char *)memory + {offset}); }}\n"
        )

    @property
    def step_name(self) -> str:
        """The name that messages have for it."""
        return self.name

    def _example(self) -> str:
        name, big = self.name, self.name.upper()
        arrays = "".join(
            f"static {a.c_type} {a.name}[{big}_{a.name.upper()}_SIZE];\n"
            for a in self.arguments
            if a.buffer.size
        )
        reads = "".join(
            f"    if (argc > {n}) read_file(argv[{n}], {a.name}, sizeof {a.name});\n"
            for n, a in enumerate(self.arguments, 1)
        )
        given = "".join(f", {a.name}" for a in self.arguments)
        prints = "".join(self._print(r) for r in self.results)
        return (
            f"/* Calls {name} three times, with the elements in the files that are named, one for each argument of\n"
            "   the function, else with zeros. */\n"
            f'#include <stdio.h>\n#include <stdlib.h>\n\n#include "{name}.h"\n\n'
            f"{arrays}\n"
            "static void read_file(const char *path, void *into, size_t bytes) {\n"
            '    FILE *file = fopen(path, "rb");\n'
            "    if (!file || fread(into, 1, bytes, file) != bytes) {\n"
            '        fprintf(stderr, "cannot read %zu bytes from %s\\n", bytes, path);\n'
            "        exit(1);\n    }\n    fclose(file);\n}\n\n"
            "int main(int argc, char **argv) {\n"
            f"    void *memory = aligned_alloc(4096, {big}_MEMORY_BYTES);\n"
            "    if (!memory) return 1;\n"
            f'    read_file("{name}.bin", memory, {big}_START_BYTES);\n'
            f"    (void)argc, (void)argv;\n{reads}"
            "    for (int call = 0; call < 3; call++) {\n"
            f"        int wrong = {name}_run(memory{given});\n"
            '        if (wrong) return fprintf(stderr, "check %d failed\\n", wrong), 1;\n'
            f"{prints}    }}\n    free(memory);\n    return 0;\n}}\n"
        )

    def _print(self, result: _Array) -> str:
        size = f"{self.name}_{result.name}_SIZE".upper()
        floating = result.buffer.dtype.kind == "f" and result.buffer.dtype.itemsize > 2
        form, kind = ("%.9g", "double") if floating else ("%lld", "long long")
        return (
            f'        printf("{result.name}:");\n'
            f"        for (int i = 0; i < {size} && i < 10; i++)\n"
            f'            printf(" {form}", ({kind}){self.name}_{result.name}(memory)[i]);\n'
            '        printf("\\n");\n'
        )

    def _readme(self) -> str:
        def table(title: str, arrays: list[_Array]) -> str:
            return "".join([f"\n{title}:\n", *(f"  {a.name}: {a.about}\n" for a in arrays)]) if arrays else ""

        words = (
            f"{self.name}.o has one function, for {self.target.cpu} ({self.target.triple}); {self.name}.h says how "
            f"to call it from C, {self.name}.bin is the memory that it starts from, with all parameters. It needs "
            "nothing but the C library, and runs in the thread that calls it; threads may call it at the same time, "
            "each with memory of its own."
        )
        numbers = (
            "Numbers are what Python computed anew for each call, such as learning rates. They are as they were at "
            "the export; set them in memory before a call to change them."
        )
        return (
            textwrap.fill(words, 100)
            + f"\n\n  cc -O2 example.c {self.name}.o -o example && ./example\n"
            + table("Arguments, row by row", self.arguments)
            + table("Results, row by row, valid until the next call", self.results)
            + (table("Numbers", self.numbers) + textwrap.fill(numbers, 100) + "\n" if self.numbers else "")
        )


_WRONG = {"loss": "if a loss is not finite", "position": "if a position is out of range"}


def _roles(step: Step) -> Roles:
    """Return the roles of an exported function: all that it reads besides its arguments is kept in its memory."""
    program, graph = step.program, step.program.graph
    if program.rewritten:
        raise RuntimeError("the function changes its arguments, so it cannot be exported")
    arguments = [s for s in program.arguments if s in set(graph.inputs)]
    numbers = list(program.hosts.values())
    outside = {*arguments, *numbers}
    states: list[Symbol] = [s for s in graph.inputs if s not in outside]
    first = len(program.results)
    updates = [
        (at, program.captured[cell])
        for at, cell in enumerate(program.writes, first)
        if cell in program.captured and program.captured[cell] in states
    ]
    return Roles(arguments, numbers, states, list(range(first)), updates, program.losses)


def _named(kind: str, buffers: list[Buffer]) -> list[_Array]:
    return [_Array(f"{kind}{number}", buffer) for number, buffer in enumerate(buffers)]
