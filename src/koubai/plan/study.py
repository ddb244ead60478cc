"""What only trainings on the data can tell: what more of them would bring, the depth they support, overfitting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from koubai.doctor.treatment import Training
from koubai.plan.depth import Depths, depth_trainings, depths, is_fully_connected
from koubai.plan.growth import Growth, growth, growth_trainings

__all__ = ["Study", "study", "trainings"]

Watch = Callable[[int, int], None]


@dataclass(frozen=True)
class Study:
    """What trainings on the data showed.

    Attributes:
        growth: what more data would bring.
        depths: which depth they support; None for nets that are not fully connected.
        gap: the skill on training samples less that on new ones.
    """

    growth: Growth
    depths: Depths | None
    gap: float


def trainings(training: Training) -> float:
    """How many trainings as long as the whole one a study makes."""
    return 1 + growth_trainings() + (depth_trainings() if is_fully_connected(training.model) else 0)


def study(training: Training, watch: Watch = lambda done, of: None) -> Study:
    """Make the trainings.

    Args:
        training: before its first step, with validation samples.
        watch: is told after each training how many of its kind are done, and how many there are.
    """
    result, model = training.run()
    gap = training.but(validation=None).skill_of(model) - result.skill
    grown = growth(training, watch)
    return Study(grown, depths(training, watch) if is_fully_connected(training.model) else None, gap)
