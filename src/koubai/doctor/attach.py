"""The doctor in a training loop that is written out, in PyTorch or in Koubai: it watches through hooks."""

from __future__ import annotations

import functools
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import islice
from types import TracebackType
from typing import Any, Self

import numpy as np

from koubai.doctor.consultation import Consultation, Moment
from koubai.doctor.diagnosis import diagnose
from koubai.doctor.epochs import Epochs
from koubai.doctor.facts.anatomy import first_tensor
from koubai.doctor.finding import Finding
from koubai.doctor.framework import Array, framework_of
from koubai.doctor.history import History
from koubai.doctor.listening import Ear, deaf, leave, listen, looking
from koubai.doctor.machine import physical_memory
from koubai.doctor.modes import two_faced
from koubai.doctor.passes import Collector, Pass, Seen, Shape, loss_of, no_loss, shape_of, weights_known
from koubai.doctor.patient import Patient, Sample
from koubai.doctor.sampling import SAMPLES
from koubai.doctor.suspicion import is_suspicious, time_to_look
from koubai.doctor.vital_signs import Observer, is_due
from koubai.i18n import _

__all__ = ["Attached", "attach"]

log = logging.getLogger("koubai.doctor")

_MOST_PASSES = 64  # between two updates; a loop that makes more may be evaluating
_USUAL = 32  # samples of a batch, where nobody knows
_FEW = 16  # numbers of a gradient, by which it is known again


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

    def __init__(self, model: Any, optimizer: Any, history: History, every: int) -> None:
        self.framework = framework_of(model)
        self.patient = Patient(self.framework.plain(model), no_loss, optimizer)
        self.history = history
        self.findings: list[Finding] = []
        self.first_alarm: int | None = None
        self.data: Sample | None = None
        self.validation: Sample | None = None
        self.memory = 0
        self._every = every
        self._size_known = history.batch_size > 0
        self._watches_layers = not self.framework.is_compiled(model)
        self._two_faced = two_faced(self.patient.model)
        self._observer = Observer(self.patient.model, optimizer)
        self._collector = Collector(self.framework, SAMPLES)
        self._shape: Shape | None = None  # of each sample's output for the loss, if that is not the model's
        self._fits: bool | None = None  # whether the loss was given the model's output, and nothing else
        self._epochs = Epochs(history.values)
        self._passes: list[Pass] = []
        self._measuring = self._updating = False
        self._gradients: dict[str, Any] | None = None
        self._loss: float | None = None
        self._left: Array | None = None
        self._handles: list[Any] = []
        self._ears: list[Ear] = []
        self._over = False
        self._hang(model, optimizer)

    def _hang(self, model: Any, optimizer: Any) -> None:
        listen(self.framework.tensors, self._hook(self._heard_backward))
        self._handles = [
            model.register_forward_pre_hook(self._hook(self._before_forward), with_kwargs=True),
            model.register_forward_hook(self._hook(self._after_forward), with_kwargs=True),
            optimizer.register_step_pre_hook(self._hook(self._before_step)),
            optimizer.register_step_post_hook(self._hook(self._after_step)),
        ]

    def _hook(self, hear: Callable[..., None]) -> Ear:
        self._ears.append(Ear(hear, self._give_up))
        return self._ears[-1]

    def _give_up(self, problem: Exception) -> None:
        """Leave, rather than let a training end by the doctor's mistake."""
        self._stop()
        log.warning(_("the doctor does not understand this training: {problem}").format(problem=problem))

    # --- what a user asks for -------------------------------------------------------------------------------------

    def loss(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Let the doctor see a loss: use what is returned in the loop.

        Args:
            function: a layer, which is returned as it is, or a function `loss(output, target, ...)`.

        Example:
            >>> loss = watch.loss(nn.functional.cross_entropy)
        """
        self.patient.loss = function
        if hasattr(function, "register_forward_hook"):
            hook = self._hook(lambda _, args, options, value: self._compared(function, args, options, value))
            self._handles.append(function.register_forward_hook(hook, with_kwargs=True))
            return function

        hear = self._hook(self._compared)

        @functools.wraps(function)
        def heard(*args: Any, **options: Any) -> Any:
            value = function(*args, **options)
            hear(function, args, options, value)
            return value

        return heard

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
        self._stop()
        for handle in self._handles:
            handle.remove()
        self._handles = []

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

    def _stop(self) -> None:
        """Hear nothing any more; the hooks may be running just now, so they stay where they are."""
        self._observer.end()
        for ear in self._ears:
            ear.hear = deaf
        leave(self.framework.tensors, self._ears[0])
        self._passes, self._over = [], True

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
        if sample is None or (self.history.error is not None and self._over):
            return  # there is nothing more to see
        size = self.history.batch_size or min(len(sample), _USUAL)
        with self._at_rest():
            history = replace(self.history, batch_size=size)
            c = Consultation(self.patient, sample, history, self.validation, moment, self.memory)
            self.findings = diagnose(c)
        if self.findings and self.first_alarm is None:
            self.first_alarm = self.history.steps

    def _sample(self) -> Sample | None:
        if self._collector.passes and (self.data is None or self._shape is not None or self._collector.names):
            return self._collector.sample()  # which fits what the loop does with inputs and outputs
        return self.data

    @contextmanager
    def _at_rest(self) -> Iterator[None]:
        """Let the patient be looked at, so that nobody notices."""
        model = self.patient.model
        with ExitStack() as stack:
            stack.enter_context(looking())
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            stack.enter_context(self.framework.recording())
            stack.enter_context(self.framework.kept(model))
            stack.enter_context(self.framework.undisturbed(model))
            names = self._collector.names
            if names:
                hook = model.register_forward_pre_hook(
                    lambda _m, a, _o: ((), dict(zip(names, a))), with_kwargs=True
                )
                stack.callback(hook.remove)
            if self._fits:
                compared = self._as_compared  # a hook of its own, so that a copied model does not lead here
                hook = model.register_forward_hook(lambda _m, _a, y: compared(y))
                stack.callback(hook.remove)
            yield

    def _as_compared(self, output: Any) -> Any:
        """Return the model's output as the loop gives it to the loss."""
        y = first_tensor(output)
        return y if self._shape is None else y.reshape(-1, *self._shape)

    # --- what happens in the loop ---------------------------------------------------------------------------------

    def _before_forward(self, model: Any, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        if self.framework.is_tracing:
            return
        if not self.framework.is_recording:
            self.history.evaluated_in_training_mode += any(layer.training for layer in self._two_faced)
            return
        self._epochs.goes_on()
        if len(self._passes) >= _MOST_PASSES:
            del self._passes[0]
        evaluation = not self.patient.model.training and not any(layer.training for layer in self._two_faced)
        new = Pass(args, options, evaluation and bool(self._two_faced))
        if not self._measuring and not self._passes and is_due(self.history.steps, self._every):
            self._measuring = True
            self._observer.begin(layers=self._watches_layers)
        if self._measuring:
            new.random = self.framework.random_state(self.patient.model)
        self._passes.append(new)

    def _after_forward(self, model: Any, args: tuple[Any, ...], options: dict[str, Any], output: Any) -> None:
        if self.framework.is_tracing or not self._passes or not self.framework.is_recording:
            return
        if self._measuring:
            self._observer.end()  # of several passes the first one's layers are enough
        this, y = self._passes[-1], first_tensor(output)
        if getattr(y, "requires_grad", False):
            this.output = Seen(y)
            y.register_hook(Ear(lambda _: self._goes_back(this), self._give_up))

    def _compared(self, loss: Any, args: tuple[Any, ...], options: dict[str, Any], value: Any) -> None:
        """Note that the loop has computed a loss."""
        if self.framework.is_tracing or not args:
            return
        if not self.framework.is_recording:
            self._epochs.evaluated(float(value) if not value.ndim else float("nan"))
            return
        this = self._passes[-1] if self._passes else None
        if this is None or this.output is None:
            return
        if self._fits is None:
            self._learn_shape(this.output, args[0])
        this.compared(loss, args, options, value)

    def _learn_shape(self, output: Seen, given: Any) -> None:
        """Find out what the loop does with the model's output before it goes into the loss."""
        shape = shape_of(self.framework, output, given)
        self._fits = shape is not None
        if shape is None and self.data is None:
            self.patient.loss = no_loss
        if not output.was(given):
            self._shape = shape

    def _goes_back(self, this: Pass) -> None:
        """Note that a gradient has arrived at the output, and none at the parameters yet."""
        if this.reached:
            return
        this.reached = True
        if self._left is not None:
            now = self._few_of_gradients()
            self.history.same_gradient += now is not None and np.array_equal(now, self._left)
            self._left = None

    def _heard_backward(self, tensor: Any) -> None:
        """Note the loss, if it was this model's."""
        fresh = [p for p in self._passes if p.reached and not p.heard]
        if not fresh:
            return
        for this in fresh:
            this.went_back(tensor)
        if self._gradients is not None:
            return  # an optimizer that looks along its line: what counts is where it began
        if not getattr(tensor, "ndim", 1):
            self._loss = (self._loss or 0.0) + float(tensor.detach())
        if self._updating:
            parameters = self._observer.parameters if self._measuring else {}
            self._gradients = {
                n: p.grad.detach().clone() for n, p in parameters.items() if p.grad is not None
            }

    def _before_step(self, *_args: Any) -> None:
        self._updating = True
        if self._loss is not None and not np.isfinite(self._loss):
            self._breaks()

    def _after_step(self, *_: Any) -> None:
        if self.framework.is_tracing:
            return
        passes = [this for this in self._passes if this.reached]
        if self._gradients is not None:
            passes = passes[:1]
        if self._loss is None:
            self._loss = loss_of(passes)
        if self._loss is not None and not np.isfinite(self._loss):
            self._breaks()
            return
        self._count(passes)
        self._left = self._few_of_gradients()
        if self._loss is not None:
            if self._measuring:
                self._measure(passes, self._loss)
            self.history.losses.append(self._loss)
            if self._epochs.step(self._loss, sum(this.size for this in passes)):
                self._epochs.end(self._validation_loss())
        self._observer.end()
        self._passes, self._loss, self._gradients = [], None, None
        self._measuring = self._updating = False
        if time_to_look(self.history.steps) and is_suspicious(self.history.losses):
            self._look_and_say("during")

    def _breaks(self) -> None:
        """Look at a model whose loss is no number any more, if possible before its weights are none either."""
        self._count([this for this in self._passes if this.reached])
        self.history.ended, self.history.error = (
            True,
            FloatingPointError(
                _("the loss is {value} in step {step}").format(value=self._loss, step=self.history.steps + 1)
            ),
        )
        self._look_and_say("after")
        self._stop()

    def _count(self, passes: list[Pass]) -> None:
        if any(this.evaluation for this in passes):
            self.history.trained_in_evaluation_mode += 1
        if not self._size_known:
            self.history.batch_size = max(self.history.batch_size, sum(this.size for this in passes))
        for this in passes:
            self._collector.add(this)

    def _validation_loss(self) -> float | None:
        if self.validation is None:
            return None
        with self._at_rest():
            return self.patient.loss_of(self.patient.output(self.validation), self.validation.target)

    def _few_of_gradients(self) -> Array | None:
        """Return a few numbers of the first parameters' gradients; None if there are none, or all are 0."""
        gradients = (p.grad for p in self._observer.parameters.values() if p.grad is not None)
        few = [
            g.detach().reshape(-1)[:_FEW] for g in islice(gradients, 3) if not getattr(g, "is_sparse", False)
        ]
        numbers = self.framework.array(self.framework.join(few)).copy() if few else np.zeros(0)
        return numbers if numbers.any() else None

    # --- measuring ------------------------------------------------------------------------------------------------

    def _measure(self, passes: list[Pass], loss: float) -> None:
        """Note the vital signs of the step that was just made."""
        self._observer.end()
        gradients = self._observer.gradients() if self._gradients is None else self._gradients
        again = self._again(passes)
        measured = self._observer.measured(gradients, again and again[1])
        later = float("nan") if again is None else again[0]
        self.history.signs.append(
            self._observer.signs(self.history.steps + 1, loss, {**measured, "later": later})
        )

    def _again(self, passes: list[Pass]) -> tuple[float, dict[str, Any]] | None:
        """Return loss and gradients of the same passes for the parameters as they are now; None if that cannot be."""
        if not self._fits or any(this.again is None for this in passes) or not weights_known(passes):
            return None
        model, later = self.patient.model, 0.0
        with looking(), self.framework.recording(), self.framework.undisturbed(model):
            for this in passes:
                self.framework.load_random_state(model, this.random)
                output = self._as_compared(model(*this.inputs, **this.options))
                assert this.again is not None
                loss = this.again(output) * this.weight
                loss.backward()
                later += float(loss.detach())
            return later, self._observer.gradients()


def attach(
    model: Any,
    optimizer: Any,
    loss: Callable[..., Any] | None = None,
    data: tuple[Any, Any] | None = None,
    validation: tuple[Any, Any] | None = None,
    *,
    batch_size: int = 0,
    epochs: int = 0,
    every: int = 100,
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
    attached = Attached(model, optimizer, History(batch_size=batch_size, epochs=epochs), every)
    attached.memory = physical_memory() if memory is None else memory
    if loss is not None:
        attached.loss(loss)
    if data is not None:
        whole = _sample_of(attached, data)
        attached.data, attached._epochs.samples = _drawn(whole), len(whole)
    if validation is not None:
        attached.validation = _drawn(_sample_of(attached, validation))
    return attached


def _sample_of(attached: Attached, data: tuple[Any, Any]) -> Sample:
    framework, like = attached.framework, next(iter(attached.patient.model.parameters()))

    def tensor(value: Any) -> Any:
        return value if isinstance(value, framework.tensors) else framework.tensor(value, like)

    inputs = data[0] if isinstance(data[0], tuple) else (data[0],)
    return Sample(tuple(map(tensor, inputs)), tensor(data[1]))


def _drawn(sample: Sample) -> Sample:
    """Return some of the samples, drawn at random, for they may be in an order."""
    return sample.take(np.random.default_rng(0).permutation(len(sample))[:SAMPLES].tolist())
