"""Shows a training step on paper: every weighted sum, every local derivative and every update, with its numbers.

`koubai.explain(model, x, target=t)` makes a worksheet of any small network; `explain.preset` knows some by name.
Read in this order: `symbol` and `expression` (formulas on single numbers), `written` (running ops on formulas),
`recording` and `local` (what the network did, step by step), `naming`, `derivation` (forward and backward), `update`,
`worksheet`, then `pages` and `text` (how it is read). `graph` draws it, `cost` shows why backpropagation matters, and
`comparison` holds it against PyTorch, Keras, and a learner's own numbers. `influence` and `attribution` say of networks
of any size which inputs an answer hangs on. `downhill` lets optimizers walk on loss surfaces, `gallery` compares
activations and first weights.
"""

import sys
from types import ModuleType
from typing import Any

from koubai.explain.attribution import gradient_times_input, integrated_gradients, smooth_grad
from koubai.explain.comparison import Comparison, compare
from koubai.explain.cost import GradientCost, gradient_costs
from koubai.explain.influence import Influence, influence, loss_gradient_norms
from koubai.explain.numbers import with_numbers
from koubai.explain.presets import ACTIVATIONS, PRESETS, preset
from koubai.explain.recording import label
from koubai.explain.worksheet import Problem, Worksheet, explain, solve

__all__ = [
    "ACTIVATIONS",
    "PRESETS",
    "Comparison",
    "GradientCost",
    "Influence",
    "Problem",
    "Worksheet",
    "compare",
    "explain",
    "gradient_costs",
    "gradient_times_input",
    "influence",
    "integrated_gradients",
    "label",
    "loss_gradient_norms",
    "preset",
    "smooth_grad",
    "solve",
    "with_numbers",
]


class _Room(ModuleType):
    """The room is also its main function: `koubai.explain(...)` is `koubai.explain.explain(...)`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Worksheet:
        return explain(*args, **kwargs)


_Room.__call__.__doc__ = explain.__doc__
sys.modules[__name__].__class__ = _Room
