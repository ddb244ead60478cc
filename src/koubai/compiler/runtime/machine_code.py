"""LLVM's text made machine code, in this process or in another one.

This file is a program too, which knows nothing of the library around it so that it starts at once: it compiles what
comes in and writes out what comes of it. See helpers.py for who calls it.
"""

from __future__ import annotations

import functools
import sys
from contextlib import closing
from typing import Any


@functools.cache
def llvm() -> Any:
    """Return llvmlite's binding, ready for code for this machine."""
    from llvmlite import binding  # only here: the eager engine must not need LLVM

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    binding.initialize_native_asmparser()
    return binding


@functools.cache
def _prepare_all() -> None:
    llvm().initialize_all_targets()
    llvm().initialize_all_asmprinters()


def code_generator(triple: str, cpu: str, features: str, linked: bool = False) -> Any:
    """Return a new LLVM code generator for a processor, see `Target`.

    Its code reaches any address, because the loader may put code, constants and the C library far from each other; not
    so if it is `linked` into a program.
    """
    if triple.partition("-")[0] != llvm().get_process_triple().partition("-")[0]:
        _prepare_all()
    reach = {"reloc": "pic", "codemodel": "small"} if linked else {"codemodel": "jitdefault"}
    return llvm().Target.from_triple(triple).create_target_machine(cpu, features, opt=2, **reach)


def emit(ir: str, triple: str, cpu: str, features: str, linked: bool = False) -> bytes:
    """Return the object file of a module, compiled as it stands: it is in the form that an optimiser would give it.

    Raises:
        RuntimeError: if the text is not valid.
    """
    with (
        closing(llvm().create_context()) as context,
        closing(llvm().parse_assembly(ir, context)) as module,
        closing(code_generator(triple, cpu, features, linked)) as generator,
    ):
        module.triple = generator.triple
        module.verify()
        return bytes(generator.emit_object(module))


def serve(triple: str, cpu: str, features: str) -> None:
    """Compile the texts that come in, each behind a line with its length, and write the object files out likewise."""
    while head := sys.stdin.buffer.readline():
        data = emit(sys.stdin.buffer.read(int(head)).decode(), triple, cpu, features)
        sys.stdout.buffer.write(b"%d\n" % len(data) + data)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    folder, *machine = sys.argv[1:]
    sys.path.append(folder)  # where llvmlite is
    llvm()  # while the first text is still being written
    serve(*machine)
