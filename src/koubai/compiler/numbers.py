"""The numbers that the host gives a step anew for each run: learning rates, and what rests on step counts.

Every parameter has a step counter of its own, as in PyTorch, and most of the time all of them agree. So a bias
correction is computed once for all parameters whose counters do.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping

import numpy as np

from koubai.arrays import Array
from koubai.engine.tensor import Tensor
from koubai.engine.trace import Counted, HostFunction

Formula = Callable[[float], float]


class Numbers:
    """The numbers of a step.

    Args:
        hosts: what computes them.
        places: of tensors that live in the step's memory, where they are.
        advancing: those that each run counts on by 1.
    """

    def __init__(
        self, hosts: Iterable[HostFunction], places: Mapping[Tensor, Array], advancing: set[Tensor]
    ) -> None:
        hosts = list(hosts)
        counted = {at: h for at, h in enumerate(hosts) if isinstance(h, Counted) and h.counter in places}
        counters = list(dict.fromkeys(host.counter for host in counted.values()))
        number = {counter: n for n, counter in enumerate(counters)}
        self._count = len(hosts)
        self._plain = [(at, host) for at, host in enumerate(hosts) if at not in counted]
        self._counted: list[tuple[int, Formula, Hashable, int]] = [
            (at, host.formula, host.key, number[host.counter]) for at, host in counted.items()
        ]
        self._counters = [(places[counter], float(counter in advancing)) for counter in counters]

    def now(self) -> Array:
        """Return the numbers of the next step."""
        return self.of_steps(1)[0]

    def of_steps(self, steps: int) -> Array:
        """Return the numbers of steps that follow each other, in rows."""
        numbers = np.empty((steps, self._count))
        for at, host in self._plain:
            numbers[:, at] = host()
        if self._counted:
            counts = [(float(place), advances) for place, advances in self._counters]
            for step, row in enumerate(numbers):
                self._count_on([count + step * advances for count, advances in counts], row)
        return numbers

    def _count_on(self, counts: list[float], row: Array) -> None:
        """Fill in what rests on the counters."""
        known: dict[Hashable, float] = {}
        for at, formula, key, counter in self._counted:
            about = key, counts[counter]
            number = known.get(about)
            if number is None:
                number = known[about] = formula(counts[counter])
            row[at] = number
