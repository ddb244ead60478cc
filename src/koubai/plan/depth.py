"""Which depth the data support: by training nets of several depths on parts of them, or by gradients alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from koubai import nn
from koubai.doctor.flow import gradient_flow
from koubai.doctor.treatment import Training
from koubai.doctor.vital_signs import Observer
from koubai.engine.random import fork_rng, manual_seed
from koubai.i18n import _
from koubai.nn.module import Module
from koubai.optim import SGD
from koubai.plan.planner import Plan
from koubai.plan.workload import Workload
from koubai.recipes.models import mlp

__all__ = [
    "DEPTHS",
    "Depths",
    "deepest_that_learns",
    "depth_trainings",
    "depths",
    "gradient_reach",
    "hidden_width",
    "is_fully_connected",
    "reach_by_depth",
    "reach_of",
]

DEPTHS = (0, 1, 2, 3, 4)  # hidden layers that are tried
FOLDS = 4
_FLOW_DEPTHS = (1, 2, 4, 8, 16, 32)
_STUCK = 1e-2  # of the gradient at the output; see `doctor.flow`
_SAMPLES = 64
_BYTES = 256 << 20  # of what layers keep of them


@dataclass(frozen=True)
class Depths:
    """Skills of nets with so many hidden layers, each trained on parts of the data and judged on the rest.

    Attributes:
        skills: by the number of hidden layers, one for each part.
    """

    skills: dict[int, tuple[float, ...]]

    def mean(self, depth: int) -> float:
        """The mean skill."""
        return float(np.mean(self.skills[depth]))

    def error(self, depth: int) -> float:
        """Its standard error."""
        values = self.skills[depth]
        return float(np.std(values, ddof=1) / np.sqrt(len(values)))

    @property
    def best(self) -> int:
        """The fewest layers that come within one standard error of the best (Breiman et al. 1984)."""
        top = max(self.skills, key=self.mean)
        bound = self.mean(top) - self.error(top)
        return min(depth for depth in self.skills if self.mean(depth) >= bound)

    @property
    def sentence(self) -> str:
        """What it says, in the user's language."""
        top = max(self.skills, key=self.mean)
        told = _(
            "These data support {best} hidden layers: skill {mean:.2f} ± {error:.2f} in {folds} parts of the data."
        ).format(best=self.best, mean=self.mean(self.best), error=self.error(self.best), folds=FOLDS)
        if top == self.best:
            return told
        more = _("With {top} it is {mean:.2f}, which is no more than chance.")
        return told + " " + more.format(top=top, mean=self.mean(top))


def depths(training: Training, watch: Callable[[int, int], None] = lambda done, of: None) -> Depths:
    """Train fully connected nets of several depths on parts of the data.

    Args:
        training: before its first step; its model's first layer says how wide the hidden layers are.
        watch: is told after each training how many are done, and how many there are.
    """
    x, y = (
        np.concatenate(parts)
        for parts in zip(*(part for part in (training.train, training.validation) if part is not None))
    )
    folds = np.array_split(np.random.default_rng(0).permutation(len(x)), FOLDS)
    width = hidden_width(training.model)
    skills: dict[int, list[float]] = {depth: [] for depth in DEPTHS}
    for number, fold in enumerate(folds):
        rest = np.concatenate([other for other in folds if other is not fold])
        part = training.but(train=(x[rest], y[rest]), validation=(x[fold], y[fold]))
        for depth in DEPTHS:
            with fork_rng():
                manual_seed(number)
                model = mlp(x.shape[1:], training.outputs, (width,) * depth)
            skills[depth].append(max(part.but(model=model).run()[0].skill, -1.0))
            watch(sum(map(len, skills.values())), len(DEPTHS) * FOLDS)
    return Depths({depth: tuple(found) for depth, found in skills.items()})


def depth_trainings() -> float:
    """How many trainings as long as the whole one `depths` makes."""
    return len(DEPTHS) * FOLDS * (1 - 1 / FOLDS)


def hidden_width(model: Module) -> int:
    """Return how many units the first fully connected layer has."""
    linear = [m for m in model.modules() if isinstance(m, nn.Linear)]
    return linear[0].out_features if len(linear) > 1 else 32


def is_fully_connected(model: Module) -> bool:
    """Whether nothing but fully connected layers have weights."""
    return all(
        isinstance(module, nn.Linear)
        for module in model.modules()
        if any(True for _p in module.parameters(recurse=False))
    )


def gradient_reach(model: Module, loss: Callable[..., Any], inputs: Any, targets: Any) -> float:
    """Return how much of the gradient at the output arrives at the first layer, before the first step.

    Args:
        model: as it begins; only its gradients are computed, and cleared again.
        loss: `loss(output, target)`.
        inputs, targets: some samples.
    """
    observer = Observer(model, SGD(model.parameters(), lr=0.0))
    observer.begin()
    with fork_rng():
        try:
            value = loss(model(inputs), targets)
            value.backward()
        finally:
            observer.end()
    signs = observer.signs(1, float(value.item()), observer.measured(observer.gradients()))
    model.zero_grad()
    flow = list(gradient_flow(signs).values())
    return flow[0] / flow[-1] if flow and flow[-1] else 0.0


def reach_of(plan: Plan) -> float:
    """Return how much of the gradient arrives at the first layer of a plan's model."""
    each = max(plan.memory.summary.total("activations"), 1)
    inputs, targets = plan.workload.examples.take(min(_SAMPLES, max(2, _BYTES // each)))
    return gradient_reach(plan.workload.model, plan.workload.loss, inputs, targets)


def reach_by_depth(
    workload: Workload, matched: bool = False, depths: Sequence[int] = _FLOW_DEPTHS
) -> dict[int, float]:
    """Return how much of the gradient arrives at the first layer of fully connected nets of several depths.

    Args:
        workload: whose width, activation and samples they have.
        matched: whether their initialisation suits their activation (`nn.init.match_activations`), or is the default.
        depths: how many hidden layers.
    """
    inputs, targets = workload.examples.take(_SAMPLES)
    width, shape = hidden_width(workload.model), tuple(inputs.shape[1:])
    found = {}
    for depth in depths:
        with fork_rng():
            manual_seed(0)
            model = nn.Sequential(*_plain(workload.model, shape, width, depth))
            if matched:
                nn.init.match_activations(model)
        found[depth] = gradient_reach(model, workload.loss, inputs, targets)
    return found


def _plain(model: Module, shape: tuple[int, ...], width: int, depth: int) -> list[Module]:
    """Return layers as deep as is wished, with the model's own activation and PyTorch's default initialisation."""
    linear = [m for m in model.modules() if isinstance(m, nn.Linear)]
    activations = [m for m in model.modules() if type(m).__module__ == nn.ReLU.__module__]
    kind = type(activations[0]) if activations else nn.ReLU
    sizes = [int(np.prod(shape)), *[width] * depth]
    hidden = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), kind())]
    return [nn.Flatten(), *hidden, nn.Linear(sizes[-1], linear[-1].out_features)]


def deepest_that_learns(reach: dict[int, float]) -> int:
    """Return the largest depth to whose first layer a hundredth of the gradient comes through, 0 if none."""
    return max((depth for depth, share in reach.items() if _STUCK <= share <= 1 / _STUCK), default=0)
