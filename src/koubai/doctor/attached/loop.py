"""A hand-written training loop, followed through hooks: forward passes, losses, backward passes and updates."""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np

from koubai.doctor.attached.collector import Collector
from koubai.doctor.attached.epochs import Epochs
from koubai.doctor.attached.listening import Ear, deaf, leave, listen
from koubai.doctor.attached.modes import two_faced
from koubai.doctor.attached.passes import Pass, Seen, Shape, again, loss_of, shape_of
from koubai.doctor.facts.anatomy import first_tensor
from koubai.doctor.framework import Array, framework_of
from koubai.doctor.history import History
from koubai.doctor.sampling import SAMPLES
from koubai.doctor.vital_signs import Observer, is_due

__all__ = ["Loop"]

_MOST_PASSES = 64  # between two updates; a loop that makes more may be evaluating
_FEW = 16  # numbers of a gradient, by which it is known again


class Loop:
    """What happens in a loop, and what is noted of it.

    Args:
        model, optimizer: whose loop it is.
        history: where it is noted.
        every: steps between two measurements.
        told: is called after each step, and once before the update of a loss that is no number any more.
        failed: is told what went wrong here.

    Attributes:
        broken: whether the loss is no number any more; nothing is heard then.
        fits: whether the loss was given the model's output, and nothing else; None if no loss was seen.
        shape: of each sample's output for the loss, if that is not the model's.
        collector: has samples.
        epochs: knows where epochs end.
    """

    def __init__(
        self,
        model: Any,
        optimizer: Any,
        history: History,
        every: int,
        told: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self.framework = framework_of(model)
        self.model = self.framework.plain(model)
        self.history = history
        self.every = every
        self.broken = False
        self.fits: bool | None = None
        self.shape: Shape | None = None
        self.collector = Collector(self.framework, SAMPLES)
        self.epochs = Epochs(history.values)
        self._told, self._failed = told, failed
        self._size_known = history.batch_size > 0
        self._watches_layers = not self.framework.is_compiled(model)
        self._two_faced = two_faced(self.model)
        self._observer = Observer(self.model, optimizer)
        self._passes: list[Pass] = []
        self._measuring = self._updating = False
        self._gradients: dict[str, Any] | None = None
        self._loss: float | None = None
        self._left: Array | None = None
        self._ears: list[Ear] = []
        self._handles: list[Any] = []
        self._hang(model, optimizer)

    def _hang(self, model: Any, optimizer: Any) -> None:
        listen(self.framework.tensors, self._ear(self._heard_backward))
        self._handles = [
            model.register_forward_pre_hook(self._ear(self._before_forward), with_kwargs=True),
            model.register_forward_hook(self._ear(self._after_forward), with_kwargs=True),
            optimizer.register_step_pre_hook(self._ear(self._before_step)),
            optimizer.register_step_post_hook(self._ear(self._after_step)),
        ]

    def _ear(self, hear: Callable[..., None]) -> Ear:
        self._ears.append(Ear(hear, self._failed))
        return self._ears[-1]

    def hear_loss(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a loss that is heard: itself if it is a layer."""
        hear = self._ear(functools.partial(self._compared, function))
        if hasattr(function, "register_forward_hook"):
            hook = Ear(lambda _, args, options, value: hear(args, options, value), self._failed)
            self._handles.append(function.register_forward_hook(hook, with_kwargs=True))
            return function

        @functools.wraps(function)
        def heard(*args: Any, **options: Any) -> Any:
            value = function(*args, **options)
            hear(args, options, value)
            return value

        return heard

    def stop(self) -> None:
        """Hear nothing any more; the hooks may be running just now, so they stay where they are."""
        self._observer.end()
        for ear in self._ears:
            ear.hear = deaf
        leave(self.framework.tensors, self._ears[0])
        self._passes = []

    def detach(self) -> None:
        """Take all hooks off. Doing so twice does no harm."""
        self.stop()
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def as_compared(self, output: Any) -> Any:
        """Return the model's output as the loop gives it to the loss."""
        y = first_tensor(output)
        return y if self.shape is None else y.reshape(-1, *self.shape)

    # --- what happens ---------------------------------------------------------------------------------------------

    def _before_forward(self, model: Any, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        if self.framework.is_tracing:
            return
        if not self.framework.is_recording:
            self.history.evaluated_in_training_mode += any(layer.training for layer in self._two_faced)
            return
        self.epochs.goes_on()
        if len(self._passes) >= _MOST_PASSES:
            del self._passes[0]
        evaluation = not self.model.training and not any(layer.training for layer in self._two_faced)
        new = Pass(args, options, evaluation and bool(self._two_faced))
        if not self._measuring and not self._passes and is_due(self.history.steps, self.every):
            self._measuring = True
            self._observer.begin(layers=self._watches_layers)
        if self._measuring:
            new.random = self.framework.random_state(self.model)
        self._passes.append(new)

    def _after_forward(self, model: Any, args: tuple[Any, ...], options: dict[str, Any], output: Any) -> None:
        if self.framework.is_tracing or not self._passes or not self.framework.is_recording:
            return
        if self._measuring:
            self._observer.end()  # of several passes the first one's layers are enough
        this, y = self._passes[-1], first_tensor(output)
        if getattr(y, "requires_grad", False):
            this.output = Seen(y)
            y.register_hook(Ear(lambda _: self._goes_back(this), self._failed))

    def _compared(self, loss: Any, args: tuple[Any, ...], options: dict[str, Any], value: Any) -> None:
        """Note that the loop has computed a loss."""
        if self.framework.is_tracing or not args:
            return
        if not self.framework.is_recording:
            self.epochs.evaluated(float(value) if not value.ndim else float("nan"))
            return
        this = self._passes[-1] if self._passes else None
        if this is None or this.output is None:
            return
        if self.fits is None:
            self._learn_shape(this.output, args[0])
        this.compared(loss, args, options, value)

    def _learn_shape(self, output: Seen, given: Any) -> None:
        """Find out what the loop does with the model's output before it goes into the loss."""
        shape = shape_of(self.framework, output, given)
        self.fits = shape is not None
        if not output.was(given):
            self.shape = shape

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
            self.epochs.step(self._loss, sum(this.size for this in passes))
        self._observer.end()
        self._passes, self._loss, self._gradients = [], None, None
        self._measuring = self._updating = False
        self._told()

    def _breaks(self) -> None:
        """Tell that the loss is no number any more, if possible before the weights are none either."""
        self._count([this for this in self._passes if this.reached])
        self.broken, loss = True, self._loss
        self.history.error = FloatingPointError(f"the loss is {loss} in step {self.history.steps + 1}")
        self._told()
        self.stop()

    def _count(self, passes: list[Pass]) -> None:
        if any(this.evaluation for this in passes):
            self.history.trained_in_evaluation_mode += 1
        if not self._size_known:
            self.history.batch_size = max(self.history.batch_size, sum(this.size for this in passes))
        for this in passes:
            self.collector.add(this)

    def _few_of_gradients(self) -> Array | None:
        """Return a few numbers of the first parameters' gradients; None if there are none, or all are 0."""
        gradients = (p.grad for p in self._observer.parameters.values() if p.grad is not None)
        few = [
            g.detach().reshape(-1)[:_FEW] for g in islice(gradients, 3) if not getattr(g, "is_sparse", False)
        ]
        numbers = self.framework.array(self.framework.join(few)).copy() if few else np.zeros(0)
        return numbers if numbers.any() else None

    def _measure(self, passes: list[Pass], loss: float) -> None:
        """Note the vital signs of the step that was just made."""
        observer, framework = self._observer, self.framework
        observer.end()
        gradients = observer.gradients() if self._gradients is None else self._gradients
        with framework.recording(), framework.undisturbed(self.model):
            later = again(framework, self.model, passes, self.as_compared) if self.fits else None
            measured = observer.measured(gradients, None if later is None else observer.gradients())
        measured["later"] = float("nan") if later is None else later
        self.history.signs.append(observer.signs(self.history.steps + 1, loss, measured))
