"""The processor that code is made for: its name for LLVM, its vectors and its caches.

Usually that is the processor of this machine. The environment variable KOUBAI_TARGET names another one, for instance to
see what the compiler writes for a smaller one, and KOUBAI_WINOGRAD=off asks for convolutions that are plain sums.
"""

from __future__ import annotations

import functools
import os
import struct
import sys
from dataclasses import dataclass, replace

from koubai.compiler.runtime import machine
from koubai.compiler.runtime.machine_code import llvm
from koubai.dtypes import DType

_NAMED = {  # name: (architecture, name for LLVM, features, bytes of a vector)
    "x86-64": ("x86_64", "x86-64", "", 16),
    "x86-64-v3": ("x86_64", "x86-64-v3", "", 32),
    "x86-64-v4": ("x86_64", "x86-64-v4", "", 64),
    "aarch64": ("aarch64", "generic", "+neon", 16),
}


@dataclass(frozen=True)
class Target:
    """A processor.

    Attributes:
        triple: architecture and system, in LLVM's notation.
        cpu, features: the processor and its instruction sets, in LLVM's notation.
        lanes_bytes: of one vector register.
        level1, level2: bytes of a core's data cache and of the cache behind it.
        winograd: whether convolutions may be computed by Winograd's method where that is faster.
    """

    triple: str
    cpu: str
    features: str
    lanes_bytes: int
    level1: int = 32 << 10
    level2: int = 1 << 20
    winograd: bool = True

    @property
    def architecture(self) -> str:
        """`x86_64`, `aarch64` or whatever the triple begins with."""
        return _architecture(self.triple)

    @property
    def registers(self) -> int:
        """How many vector registers there are."""
        return 32 if self.architecture == "aarch64" or self.lanes_bytes == 64 else 16

    @property
    def has_avx512(self) -> bool:
        """Whether its vectors are those of AVX-512."""
        return self.architecture == "x86_64" and self.lanes_bytes == 64

    @property
    def has_bf16(self) -> bool:
        """Whether it multiplies pairs of bfloat16, and adds up in float32, with one instruction (AVX512-BF16)."""
        return "+avx512bf16" in self.features.split(",")

    @property
    def attributes(self) -> str:
        """What every function must say, in LLVM's notation."""
        wide = '"prefer-vector-width"="512" "min-legal-vector-width"="512"' if self.lanes_bytes == 64 else ""
        # Windows' check for big stack frames is a function of a library that is not linked here.
        return f'{wide} "no-stack-arg-probe"'.strip() if "windows" in self.triple else wide

    def lanes(self, dtype: DType) -> int:
        """Return how many elements of `dtype` are in one vector."""
        return max(1, self.lanes_bytes // dtype.itemsize)


def available() -> bool:
    """Tell whether LLVM is installed and can make code for this machine."""
    if struct.calcsize("P") != 8 or sys.byteorder != "little":
        return False
    try:
        llvm().Target.from_triple(llvm().get_process_triple())
        llvm().check_jit_execution()
    except (ImportError, OSError, RuntimeError):
        return False
    return True


def current() -> Target:
    """Return the target that KOUBAI_TARGET names, else this machine, and with KOUBAI_WINOGRAD=off without that method.

    Raises:
        ValueError: if KOUBAI_TARGET names none.
    """
    name = os.environ.get("KOUBAI_TARGET")
    target = named(name) if name else host()
    return replace(target, winograd=False) if os.environ.get("KOUBAI_WINOGRAD") == "off" else target


@functools.cache
def host() -> Target:
    """Return the processor of this machine."""
    level1, level2 = machine.cache_sizes()
    features = _host_features()
    return Target(
        _process_triple(), llvm().get_host_cpu_name(), features, _vector_bytes(features), level1, level2
    )


def named(name: str) -> Target:
    """Return a target by name: "x86-64", "x86-64-v3" (AVX2), "x86-64-v4" (AVX-512) or "aarch64" (NEON).

    Its system is this machine's, so that it runs here if the architecture is the same.

    Raises:
        ValueError: if the name is another one.
    """
    if name not in _NAMED:
        raise ValueError(f"no target is called {name!r} (KOUBAI_TARGET); there are {', '.join(_NAMED)}")
    architecture, cpu, features, lanes_bytes = _NAMED[name]
    triple = _process_triple()
    if _architecture(triple) != architecture:
        triple = f"{architecture}-unknown-linux-gnu"
    return Target(triple, cpu, features, lanes_bytes)


def _process_triple() -> str:
    return str(llvm().get_process_triple())


def _architecture(triple: str) -> str:
    """Return the first part of a triple; Apple says arm64 for aarch64."""
    first = triple.partition("-")[0]
    return {"arm64": "aarch64", "amd64": "x86_64"}.get(first, first)


def _host_features() -> str:
    try:
        return str(llvm().get_host_cpu_features().flatten())
    except RuntimeError:  # LLVM cannot tell on some systems
        return ""


def _vector_bytes(features: str) -> int:
    has = set(features.split(","))
    return 64 if "+avx512f" in has else 32 if "+avx2" in has else 16
