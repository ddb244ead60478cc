"""The compiler: a whole training step becomes one native function.

Read `compiled.py` for what the user sees, then follow a step through `build.py`: `simplify.py`, `lower/`, `fuse.py`,
`phases.py`, `memory.py`, `llvm/`. Expressions over loops (`index.py`, `expression.py`, `kernel.py`) are the language in
between; `runtime/` is where the code runs.
"""

from koubai.compiler.compiled import NonFiniteLoss, compile
from koubai.compiler.export import export
from koubai.compiler.profile.explain import explain
from koubai.compiler.runtime import get_num_threads, set_num_threads

__all__ = ["NonFiniteLoss", "compile", "explain", "export", "get_num_threads", "set_num_threads"]
