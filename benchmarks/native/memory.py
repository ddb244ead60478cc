"""How many bytes of tensors PyTorch holds at the peak of an eager step.

Counted are parameters, buffers, the optimizer's state and the batch, and what PyTorch's profiler sees the step
allocate and free. Scratch space inside libraries is not seen, nor is the interpreter itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from native.peers_torch import TorchStep, torch_module


def peak_tensor_bytes(contestant: TorchStep) -> int:
    """Return the bytes alive at the peak of one step, which is made for it."""
    contestant.run(2)  # now all that stays between steps is there
    resident = _resident_bytes(contestant)
    level = highest = resident
    for change in _changes(contestant):
        level += change
        highest = max(highest, level)
    return highest


def _resident_bytes(contestant: TorchStep) -> int:
    optimizer, model = contestant.optimizer, contestant.model
    tensors = [*model.state_dict().values(), contestant.x, contestant.y]
    tensors += [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    tensors += [
        value for state in optimizer.state.values() for value in state.values() if hasattr(value, "nbytes")
    ]
    return sum(tensor.nbytes for tensor in tensors)


def _changes(contestant: TorchStep) -> list[int]:
    """Return the bytes of every allocation (and, negative, of every release) of a step, in their order."""
    profiler = torch_module().profiler
    with (
        _quiet(),
        profiler.profile(activities=[profiler.ProfilerActivity.CPU], profile_memory=True) as profile,
    ):
        contestant.run(1)
    events = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
    return [event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]


@contextmanager
def _quiet() -> Iterator[None]:
    """Drop what the profiler's C++ writes to standard error, past Python."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
