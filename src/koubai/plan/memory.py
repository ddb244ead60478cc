"""The memory of a training by its batch size: weights, gradients, optimizer state, activations; and what fits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import koubai
from koubai.engine.tensor import Tensor
from koubai.nn.summary import Summary, summary
from koubai.optim.rule import Options
from koubai.plan.pilot import Pilot
from koubai.plan.recomputation import Unit, recomputed, units
from koubai.plan.workload import Workload

__all__ = ["Footprint", "MemoryModel"]

_FULL = 0.9  # of the machine's memory: the rest is for everything else
_SIZES = (1, 8, 32, 64, 128, 256, 1024, 4096, 16384, 65536)
_SMALL = 4  # that are always shown; of larger ones every other


@dataclass(frozen=True)
class Footprint:
    """What a batch size needs, all in bytes.

    Attributes:
        batch_size: samples per step.
        weights, gradients, state: of parameters, their gradients, and what the optimizer keeps of each.
        activations: what layers keep for the backward pass.
        recomputed: what they keep if it is recomputed.
        process: the predicted peak of the whole process, data and all; 0 if nothing was measured.
    """

    batch_size: int
    weights: int
    gradients: int
    state: int
    activations: int
    recomputed: int
    process: int

    @property
    def total(self) -> int:
        """All of it, without the data."""
        return self.weights + self.gradients + self.state + self.activations

    @property
    def total_recomputed(self) -> int:
        """All of it, without the data, if activations are recomputed."""
        return self.total - self.activations + self.recomputed


class MemoryModel:
    """The memory of a training for any batch size.

    Args:
        workload: the training.
        pilots: what was measured, the one with the workload's batch size first; there may be none.
        limit: bytes that the machine has; 0 if that is not known.

    Attributes:
        summary: of the model, for one sample.
        units: its parts.
    """

    def __init__(self, workload: Workload, pilots: Sequence[Pilot] = (), limit: int = 0) -> None:
        self.workload, self.pilots, self.limit = workload, pilots, limit
        model = workload.model
        self.summary: Summary = summary(model, workload.examples.take(1)[0], show=False)
        self.units: list[Unit] = units(model, self.summary)
        trained = [p for p in model.parameters() if p.requires_grad]
        self._weights = _bytes((*model.parameters(), *model.buffers()))
        self._gradients = _bytes(trained)
        self._state = _state_bytes(workload)
        self._activations = self.summary.total("activations")
        self._recomputed = min(recomputed(self.units), self._activations)

    def at(self, batch_size: int) -> Footprint:
        """Return what a batch size needs."""
        return Footprint(
            batch_size,
            self._weights,
            self._gradients,
            self._state,
            self._activations * batch_size,
            self._recomputed * batch_size,
            self.process(batch_size),
        )

    def process(self, batch_size: int) -> int:
        """Return the predicted peak of the whole process in bytes, 0 if nothing was measured."""
        if not self.pilots or not self.pilots[0].memory:
            return 0
        first = self.pilots[0]
        grown = (batch_size - first.batch_size) * self._slope
        return round(max(first.process + first.memory + self.workload.data_bytes + grown, first.process))

    @property
    def _slope(self) -> float:
        """Bytes for one more sample in a batch: in the arenas, and twice itself, for the next batch comes beside it."""
        batch = 2.0 * self.workload.examples.sample_bytes
        if len(self.pilots) < 2 or not self.pilots[0].arena:
            return 2.0 * self._activations + batch
        one, other = self.pilots[:2]
        return (other.arena - one.arena) / (other.batch_size - one.batch_size) + batch

    def largest(self, recompute: bool = False) -> int:
        """Return the largest batch that fits into this machine's memory; 0 if none does, or that is not known.

        Args:
            recompute: whether activations are recomputed.
        """
        if not self.limit:
            return 0
        room, one = _FULL * self.limit, self.at(1)
        measured, per_sample = bool(one.process), self._slope
        fixed = (
            one.process - per_sample if measured else one.total - one.activations + self.workload.data_bytes
        )
        if recompute and self._activations:
            per_sample *= self._recomputed / self._activations
        if per_sample <= 0:
            return self.workload.samples if fixed < room else 0
        return max(0, min(self.workload.samples, int((room - fixed) / per_sample)))

    def table(self) -> list[Footprint]:
        """Return rows for a table: usual batch sizes, the workload's, and the largest that fits."""
        most = self.largest() or self.workload.samples
        usual = [size for size in _SIZES if size < most]
        shown = {*usual[:_SMALL], *usual[_SMALL::2], min(self.workload.batch_size, most), most}
        return [self.at(size) for size in sorted(shown)]


def _state_bytes(workload: Workload) -> int:
    """Return the bytes that the optimizer keeps from step to step."""
    optimizer = workload.optimizer(workload.model)
    kept = 0
    with koubai.no_grad():
        for group in optimizer.param_groups:
            options = Options(group)
            for parameter in group["params"]:
                state = optimizer.rule.remember(parameter, {}, options)
                kept += _bytes(state.values())
    return kept


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.dtype.itemsize for tensor in tensors)
