"""The doctor in a training loop that is written out, in PyTorch or in Koubai: it watches through hooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from koubai.doctor.consultation import Consultation
from koubai.doctor.diagnosis import diagnose
from koubai.doctor.finding import Finding
from koubai.doctor.framework import Array
from koubai.doctor.history import History
from koubai.doctor.patient import Patient, Sample
from koubai.doctor.vital_signs import Observer, is_due

__all__ = ["Attached", "attach"]

SAMPLES = 256


class Attached:
    """A doctor at a hand-written loop; made by `attach`.

    Attributes:
        history: what it has seen.
        findings: what it found when it was last asked.
    """

    def __init__(
        self,
        model: Any,
        optimizer: Any,
        loss: Callable[..., Any],
        sample: Sample,
        validation: Sample | None,
        history: History,
        every: int,
    ) -> None:
        self.patient = Patient(model, loss, optimizer)
        self.sample, self.validation = sample, validation
        self.history = history
        self.every = every
        self.findings: list[Finding] = []
        self._observer = Observer(model, optimizer)
        self._watching = False
        self._last: list[Array] = []
        self._loss = float("nan")
        self._kind = type(next(iter(model.parameters())).detach())
        self._handles = [
            model.register_forward_pre_hook(self._forward),
            optimizer.register_step_pre_hook(self._before_step),
            optimizer.register_step_post_hook(self._after_step),
        ]
        self._backward = self._kind.backward
        self._kind.backward = self._noting_backward()

    def __deepcopy__(self, memo: dict[int, Any]) -> Attached:
        return self  # the hooks of a copied model lead here, and are not heeded

    def detach(self) -> None:
        """Take all hooks off."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._kind.backward = self._backward

    def consult(self, ended: bool = False) -> list[Finding]:
        """Return what is wrong, the likeliest cause first; empty if all is well."""
        handles, self._handles = self._handles, []
        self._kind.backward = self._backward
        for handle in handles:
            handle.remove()
        self.history.ended = ended
        c = Consultation(
            self.patient, self.sample, self.history, self.validation, "after" if ended else "during"
        )
        self.findings = diagnose(c)
        return self.findings

    def _forward(self, module: Any, args: Any) -> None:
        if (
            module is self.patient.model
            and not self._watching
            and is_due(self.history.steps, self.every)
            and module.training
        ):
            self._watching = True
            self._observer.begin()

    def _noting_backward(self) -> Callable[..., Any]:
        original = self._backward

        def backward(tensor: Any, *args: Any, **kwargs: Any) -> Any:
            self._before_backward(tensor)
            return original(tensor, *args, **kwargs)

        return backward

    def _before_backward(self, loss: Any) -> None:
        if not getattr(loss, "ndim", 1):
            self._loss = float(loss.detach())
        if self._last:
            now = self._gradients()
            self.history.same_gradient += len(now) == len(self._last) and all(
                map(np.array_equal, now, self._last)
            )
            self._last = []

    def _gradients(self) -> list[Array]:
        """Return a few numbers of each parameter's gradient; nothing if they are all 0."""
        grads = [p.grad for p in self.patient.model.parameters() if p.grad is not None]
        few = [self.patient.framework.array(g.reshape(-1)[:16]).copy() for g in grads]
        return few if any(part.any() for part in few) else []

    def _before_step(self, *_: Any) -> None:
        pass

    def _after_step(self, *_: Any) -> None:
        self._last = self._gradients()
        if self._watching:
            self._watching = False
            self._observer.end()
            signs = self._observer.signs(self.history.steps + 1, self._loss, self._observer.measured())
            self.history.signs.append(signs)
        self.history.losses.append(self._loss)


def attach(
    model: Any,
    optimizer: Any,
    loss: Callable[..., Any],
    data: tuple[Any, Any],
    validation: tuple[Any, Any] | None = None,
    *,
    batch_size: int = 32,
    epochs: int = 0,
    every: int = 100,
) -> Attached:
    """Let the doctor watch a training loop."""
    sample = Sample((data[0],), data[1])
    places = np.random.default_rng(0).permutation(len(sample))[:SAMPLES].tolist()
    other = None if validation is None else Sample((validation[0],), validation[1])
    history = History(batch_size=batch_size, epochs=epochs)
    return Attached(model, optimizer, loss, sample.take(places), other, history, every)
