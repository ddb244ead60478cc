"""From LLVM's text to functions in memory: compile to an object file, load an object file.

An object file is bytes, so it can be kept on the disk and loaded again without compiling.
"""

from __future__ import annotations

from contextlib import closing

from koubai.compiler.runtime import cache
from koubai.compiler.runtime.target import Target, host, llvm, target_machine


class Library:
    """Functions in memory, for as long as this object lives.

    Args:
        data: an object file for a processor of this machine's architecture.
        target: what it was compiled for.

    Raises:
        ValueError: if the object is for another architecture.
    """

    def __init__(self, data: bytes, target: Target) -> None:
        if target.architecture != host().architecture:
            raise ValueError(f"code for {target.triple} cannot run on {host().triple}")
        self._engine = llvm().create_mcjit_compiler(llvm().parse_assembly(""), target_machine(target))
        with closing(llvm().ObjectFileRef.from_data(data)) as file:
            self._engine.add_object_file(file)
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Return where a function begins.

        Raises:
            KeyError: if there is none of this name.
        """
        found: int = self._engine.get_function_address(name)
        if not found:
            raise KeyError(f"the compiled code has no function {name!r}")
        return found


def compile_object(ir: str, target: Target, linked: bool = False) -> bytes:
    """Compile a module of LLVM text as it stands: the text is already in the form that the optimiser would give it.

    Args:
        ir: the text.
        target: the processor.
        linked: whether the object is for a linker; otherwise it is for `load_object`.

    Raises:
        RuntimeError: if the text is not valid.
    """
    with (
        closing(llvm().create_context()) as context,
        closing(llvm().parse_assembly(ir, context)) as module,
        closing(target_machine(target, linked)) as generator,
    ):
        module.triple = generator.triple
        module.verify()
        return bytes(generator.emit_object(module))


def load_object(data: bytes, target: Target) -> Library:
    """Load an object file into memory; it is unloaded when the library is garbage."""
    return Library(data, target)


def build(ir: str, target: Target) -> Library:
    """Load what the text compiles to: from the disk if it was compiled before."""
    key = cache.key_of(ir, target)
    known = cache.get(key)
    if known is not None:
        return load_object(known[0], target)
    data = compile_object(ir, target)
    cache.put(key, data, {})
    return load_object(data, target)
