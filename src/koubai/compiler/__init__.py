"""The compiler: a whole training step becomes one native function.

Read `compiled.py` and `step.py` for what the user sees, then follow a step through `build.py`, room by room: `graph/`,
`lower/`, `schedule/`, `llvm/`, `runtime/`. Expressions over loops, in `language/`, are what they speak in between.
`checking/` tells whether a step is right, `profile/` where its time goes.
"""

from koubai.compiler.compiled import NonFiniteLoss, compile
from koubai.compiler.export import export
from koubai.compiler.profile.explain import explain
from koubai.compiler.runtime import get_num_threads, set_num_threads

__all__ = ["NonFiniteLoss", "compile", "explain", "export", "get_num_threads", "set_num_threads"]
