"""From LLVM's text to functions in memory: compile to an object file, load an object file.

An object file is bytes, so it can be kept on the disk and loaded again without compiling.
"""

from __future__ import annotations

from contextlib import closing

from koubai.compiler.runtime import cache
from koubai.compiler.runtime.machine_code import code_generator, emit, llvm
from koubai.compiler.runtime.target import Target, host


class Library:
    """Functions in memory, for as long as this object lives.

    Args:
        target: what they were compiled for.
        objects: object files for a processor of this machine's architecture, which may call each other's functions.

    Raises:
        ValueError: if the objects are for another architecture.
    """

    def __init__(self, target: Target, *objects: bytes) -> None:
        if target.architecture != host().architecture:
            raise ValueError(f"code for {target.triple} cannot run on {host().triple}")
        generator = code_generator(target.triple, target.cpu, target.features)
        self._engine = llvm().create_mcjit_compiler(llvm().parse_assembly(""), generator)
        for data in objects:
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
    """Compile a module of LLVM text to an object file.

    Args:
        ir: the text.
        target: the processor.
        linked: whether the object is for a linker; otherwise it is for `Library`.

    Raises:
        RuntimeError: if the text is not valid.
    """
    return emit(ir, target.triple, target.cpu, target.features, linked)


def build(ir: str, target: Target) -> Library:
    """Load what the text compiles to: from the disk if it was compiled before."""
    key = cache.key_of(ir, target)
    known = cache.get(key)
    if known is not None:
        return Library(target, *known[0])
    data = compile_object(ir, target)
    cache.put(key, [data], {})
    return Library(target, data)
