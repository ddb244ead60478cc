"""The first samples that a hand-written loop was seen to use, to look at its model with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from koubai.doctor.attached.passes import Pass
from koubai.doctor.framework import Framework
from koubai.doctor.patient import Sample

__all__ = ["Collector"]


@dataclass
class Collector:
    """Keeps the first samples that a training was seen to use.

    Args:
        framework: theirs.
        wanted: how many are enough.
    """

    framework: Framework
    wanted: int
    passes: list[Pass] = field(default_factory=list)

    @property
    def has_enough(self) -> bool:
        """Whether no more are needed."""
        return sum(p.size for p in self.passes) >= self.wanted

    def add(self, seen: Pass) -> None:
        """Keep copies of what went in, for the loop may write into its tensors."""
        if self.has_enough or not seen.size:
            return
        options = {name: self._copy(value) for name, value in seen.options.items()}
        target = self._copy(seen.target) if isinstance(seen.target, self.framework.tensors) else None
        copy = Pass(tuple(map(self._copy, seen.inputs)), options, target=target)
        self.passes.append(copy)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the inputs, where the model is given nothing but named ones; else none."""
        last = self.passes[-1] if self.passes else Pass((), {})
        return () if last.inputs else tuple(last.options)

    def sample(self) -> Sample | None:
        """Return the samples, of the last pass alone where they cannot be put together; None if there are none.

        Named inputs are among the others if there are no others: they have `names` then.
        """
        if not self.passes:
            return None
        try:
            *values, target = (self._join(list(parts)) for parts in zip(*map(_parts, self.passes)))
        except (RuntimeError, TypeError, ValueError):
            *values, target = _parts(self.passes[-1])
        last = self.passes[-1]
        count = len(last.inputs or last.options)
        sample = Sample(tuple(values[:count]), target, dict(zip(last.options, values[count:])))
        if target is None:  # not known: the same for all says nothing
            sample.target = self.framework.tensor(np.zeros(len(sample), np.float32))
        return sample.take(slice(0, self.wanted))

    def _join(self, parts: list[Any]) -> Any:
        if not getattr(parts[0], "ndim", 0):
            return parts[0]
        return self.framework.join(parts)

    def _copy(self, value: Any) -> Any:
        is_tensor: bool = isinstance(value, self.framework.tensors)
        return value.detach().clone() if is_tensor else value


def _parts(seen: Pass) -> list[Any]:
    return [*seen.inputs, *seen.options.values(), seen.target]
