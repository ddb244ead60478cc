"""The doctor in a training loop that is written out, in PyTorch or in Koubai: it watches through hooks."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from koubai.doctor.attached.loop import Loop
from koubai.doctor.attached.passes import no_loss
from koubai.doctor.attached.suspicion import is_suspicious, time_to_look
from koubai.doctor.consultation import Consultation, Moment
from koubai.doctor.diagnosis import diagnose
from koubai.doctor.finding import Finding
from koubai.doctor.framework import framework_of
from koubai.doctor.history import History
from koubai.doctor.machine import physical_memory
from koubai.doctor.patient import Patient, Sample
from koubai.doctor.sampling import affordable, sample_of, seconds_of, some_of
from koubai.doctor.vital_signs import EVERY
from koubai.i18n import _

__all__ = ["Attached", "attach"]

log = logging.getLogger("koubai.doctor")

_USUAL = 32  # samples of a batch, where nobody knows


class Attached:
    """A doctor at a hand-written loop; made by `attach`.

    As a context manager it takes its hooks off at the end, and says what it found; an exception counts as the end of
    the training.

    Attributes:
        patient: model, loss and optimizer as it knows them.
        history: what it has seen.
        findings: what it found when it last looked.
        first_alarm: the step at which it first found something, or None.
    """

    def __init__(
        self,
        model: Any,
        optimizer: Any,
        history: History,
        every: int,
        data: Sample | None,
        validation: Sample | None,
        memory: int,
    ) -> None:
        self.framework = framework_of(model)
        self.patient = Patient(self.framework.plain(model), no_loss, optimizer)
        self.history = history
        self.findings: list[Finding] = []
        self.first_alarm: int | None = None
        self._data = None if data is None else some_of(data)
        self._validation = None if validation is None else some_of(validation)
        self._memory = memory
        self._too_late = False  # the weights are no numbers any more
        self._loop = Loop(model, optimizer, history, every, self._after_step, self._give_up)
        self._loop.epochs.samples = 0 if data is None else len(data)

    def loss(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Let the doctor see a loss: use what is returned in the loop.

        Args:
            function: a layer, which is returned as it is, or a function `loss(output, target, ...)`.

        Example:
            >>> loss = watch.loss(nn.functional.cross_entropy)
        """
        self.patient.loss = function
        return self._loop.hear_loss(function)

    def consult(self, ended: bool = False) -> list[Finding]:
        """Return what is wrong, the likeliest cause first; empty if all is well. Nothing is changed by it.

        Args:
            ended: whether the training is over, so that one may say that it stopped too early.
        """
        self.history.ended = ended
        self._look("after" if ended else "during")
        return self.findings

    def detach(self) -> None:
        """Take all hooks off. Doing so twice does no harm."""
        self._loop.detach()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, Exception):
            self.history.ended = True
            self.history.error = self.history.error or error
            self._look_and_say("after")
        self.detach()

    # --- in the loop ----------------------------------------------------------------------------------------------

    def _after_step(self) -> None:
        """Look, if it is time to, or too late."""
        if self._loop.broken:
            self.history.ended = True
            self._look_and_say("after")
            self._too_late = True
            return
        if self._loop.epochs.over:
            self._loop.epochs.end(self._validation_loss())
        if time_to_look(self.history.steps) and is_suspicious(self.history.losses):
            self._look_and_say("during")

    def _give_up(self, problem: Exception) -> None:
        """Leave, rather than let a training end by the doctor's mistake."""
        self._loop.stop()
        log.warning(_("the doctor does not understand this training: {problem}").format(problem=problem))

    def _validation_loss(self) -> float | None:
        if self._validation is None:
            return None
        with self._at_rest():
            return self._known().loss_of(self.patient.output(self._validation), self._validation.target)

    # --- looking --------------------------------------------------------------------------------------------------

    def _look_and_say(self, moment: Moment) -> None:
        """Look at the patient; whatever goes wrong with that is not the training's fault."""
        silent = self.first_alarm is None
        try:
            self._look(moment)
        except Exception as problem:
            log.warning(_("the doctor could not look at the training: {problem}").format(problem=problem))
        if silent and self.findings:
            log.warning("%s", self.findings[0])

    def _look(self, moment: Moment) -> None:
        sample = self._sample()
        if sample is None or self._too_late:
            return
        size = self.history.batch_size or min(len(sample), _USUAL)
        with self._at_rest():
            history = replace(self.history, batch_size=size)
            patient = self._known()
            sample = affordable(sample, seconds_of(patient, sample))
            c = Consultation(patient, sample, history, self._validation, moment, self._memory)
            self.findings = diagnose(c)
        if self.findings and self.first_alarm is None:
            self.first_alarm = self.history.steps

    def _sample(self) -> Sample | None:
        loop = self._loop
        if loop.collector.passes and (self._data is None or loop.shape is not None or loop.collector.names):
            return loop.collector.sample()  # which fits what the loop does with inputs and outputs
        return self._data

    def _known(self) -> Patient:
        """Return the patient, without its loss if that takes other things than the model's output."""
        unknown = self._loop.fits is False and self._data is None
        return replace(self.patient, loss=no_loss) if unknown else self.patient

    @contextmanager
    def _at_rest(self) -> Iterator[None]:
        """Let the patient be looked at, so that nobody notices."""
        model = self.patient.model
        with ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            stack.enter_context(self.framework.recording())
            stack.enter_context(self.framework.undisturbed(model))
            names = self._loop.collector.names
            if names:
                hook = model.register_forward_pre_hook(
                    lambda _m, a, _o: ((), dict(zip(names, a))), with_kwargs=True
                )
                stack.callback(hook.remove)
            if self._loop.fits:
                compared = (
                    self._loop.as_compared
                )  # a hook of its own, so that a copied model does not lead here
                hook = model.register_forward_hook(lambda _m, _a, y: compared(y))
                stack.callback(hook.remove)
            yield


def attach(
    model: Any,
    optimizer: Any,
    loss: Callable[..., Any] | None = None,
    data: tuple[Any, Any] | None = None,
    validation: tuple[Any, Any] | None = None,
    *,
    batch_size: int = 0,
    epochs: int = 0,
    every: int = EVERY,
    memory: int | None = None,
) -> Attached:
    """Let the doctor watch a training loop, of PyTorch or of Koubai run eagerly; it changes no bit of the training.

    Args:
        model: whose training it is.
        optimizer: updates its parameters.
        loss: a layer, which it will hear of, or a function; give a function to `Attached.loss` instead, and use what
            that returns, so that the doctor can hear of it.
        data: inputs (a tensor, or a tuple of them) and targets to look at the model with, as the loss wants them.
            Without them it keeps some from the loop, and needs to hear of the loss for the targets.
        validation: the same of other samples.
        batch_size: samples of each step, if it is not what goes through the model between two updates.
        epochs: how many there will be, if that is known.
        every: steps between two measurements.
        memory: bytes that there are for the training, 0 if nobody knows; None: what the machine has.

    Returns:
        the doctor: ask it by `consult()`, send it away by `detach()`, or use it in a `with` statement.

    Raises:
        TypeError: the model is of neither framework.

    Example:
        >>> with koubai.doctor.attach(model, optimizer, criterion) as watch:
        ...     for x, y in loader:
        ...         optimizer.zero_grad()
        ...         criterion(model(x), y).backward()
        ...         optimizer.step()
        >>> watch.findings
    """
    if every < 1:
        raise ValueError(f"every has to be at least 1 step, got {every}")
    framework = framework_of(model)
    attached = Attached(
        model,
        optimizer,
        History(batch_size=batch_size, epochs=epochs),
        every,
        None if data is None else sample_of(framework, model, data),
        None if validation is None else sample_of(framework, model, validation),
        physical_memory() if memory is None else memory,
    )
    if loss is not None:
        attached.loss(loss)
    return attached
