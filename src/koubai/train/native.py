"""The Trainer's steps, evaluation and predictions as native functions.

A step is traced as one function of its batches, from the forward pass to the update; the events fire around it. What
cannot be compiled runs eagerly, and the log `koubai.compile` says why.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import koubai
from koubai import compiler
from koubai.compiler.compiled import CannotRehearse, Compiled, is_off
from koubai.compiler.graph.precision import FLOAT32, check_precision
from koubai.compiler.runtime.target import current
from koubai.engine.modes import modes, untraced
from koubai.engine.tensor import Tensor
from koubai.train import step
from koubai.train.batch import Batch, leaves, shape_of
from koubai.train.checks import check_labels, check_no_nan, check_one_number
from koubai.train.makeup import makeup_of, same
from koubai.train.obstacles import obstacle, obstacle_to_steps, wants_gradients
from koubai.train.rehearsal import Observer, Rehearsal

if TYPE_CHECKING:
    from koubai.compiler.step import Report
    from koubai.engine.trace import Tracer
    from koubai.train.trainer import Trainer

__all__ = ["Native"]

log = logging.getLogger("koubai.compile")


class _RunEagerly(Exception):
    """A function that was to be traced is to be run; the Trainer's own eager way is better."""


class Native:
    """The compiled functions of a trainer.

    Args:
        trainer: Whose they are.
        wanted: Whether anything is to be compiled.
        precision: Of their products, as `koubai.compile` has it.

    Raises:
        ValueError: If this processor does not have the precision, or it is not that of eager steps.
    """

    def __init__(self, trainer: Trainer, wanted: bool, precision: str) -> None:
        check_precision(precision, current() if wanted and not is_off() else None)
        if precision != FLOAT32 and not wanted:
            raise ValueError(f"precision={precision!r} is for compiled steps; leave compile=False away")
        self.precision = precision
        self.trainer = trainer
        self.wanted = wanted
        self._makeup: list[Any] = []
        self._compiled: dict[str, Any] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._batches: Sequence[Batch] = ()
        self._failures: dict[str, str] = {}
        self._rehearsals: dict[Observer, Any] = {}
        self._said: set[str] = set()
        self._watched = False  # by somebody who might change what a step is made of

    def renew(self) -> None:
        """Notice if the model, the loss, the optimizer or the callbacks have become others."""
        if not self.wanted:
            return
        everything = obstacle(self.trainer)
        updates = everything or obstacle_to_steps(self.trainer)
        keep = self._watched = wants_gradients(self.trainer.callbacks)
        makeup = [everything, updates, keep, *makeup_of(self.trainer)]
        if same(makeup, self._makeup):
            return
        self._makeup, self._shapes, self._failures, self._rehearsals = makeup, {}, {}, {}
        self._compiled = {
            "step": None if updates else self._function("training step", self._step, keep_grads=keep),
            "compare": None if everything else self._function("evaluation", self._compare),
            "predict": None if everything else self._function("prediction", self._predict),
            "loss": None if everything else self._function("baseline", self._loss),
        }
        if updates:
            self._say(updates)

    # --- what the Trainer asks for --------------------------------------------------------------------------------

    def step(self, batches: Sequence[Batch]) -> bool:
        """Make one update, unless it has to be made eagerly: then do nothing and return False."""
        if self._watched or not self._compiled:
            self.renew()
        results = self._run("step", batches)
        if results is None:
            return False
        self.count(batches, results)
        return True

    @property
    def repeats(self) -> bool:
        """Whether nobody looks into the training between two steps, so that several can be made at once."""
        return not self._watched and self.trainer.accumulate == 1 and self._compiled.get("step") is not None

    def steps(self, batches: Sequence[Batch]) -> list[Any]:
        """Make an update from each batch, as far as they are alike and nothing is wrong with them, in one call.

        Returns:
            for each update that was made, what `count` wants to know; nothing if this cannot be done in one call.
        """
        if not self.repeats or "step" not in self._shapes:
            return []
        fine = list(takewhile(self._is_fine, batches))
        if len(fine) < 2:
            return []
        return self._call("step", self._compiled["step"].each, [[_parts(batch) for batch in fine]]) or []

    def count(self, batches: Sequence[Batch], results: Sequence[tuple[Any, Tensor]]) -> None:
        """Take note of an update that was made, and tell of its batches."""
        trainer = self.trainer
        trainer.optimizer._opt_called = True
        for batch, (output, loss) in zip(batches, results):
            trainer.count(batch, output, loss)
            trainer.notify("after_loss")

    def _is_fine(self, batch: Batch) -> bool:
        """Whether this is an input and a target that the loss can mean."""
        parts = _parts(batch)
        if not all(part.__class__ is Tensor for part in parts):
            return False
        try:
            check_labels(self.trainer.loss, self._shapes["step"], batch.target)
        except (IndexError, ValueError):
            return False
        return True

    def rehearse(self, batches: Sequence[Batch], observe: Observer) -> Any:
        """Return what an observer makes of the step from these batches, which is not made; None if it runs eagerly."""
        if self._compiled.get("step") is None or "step" in self._failures:
            return None
        arguments = [part for batch in batches for part in _parts(batch)]
        if not _is_plain(arguments):
            return None
        if observe not in self._rehearsals:
            self._rehearsals[observe] = self._rehearsal(observe)
        self._batches = batches
        try:
            return self._rehearsals[observe](*arguments)
        except CannotRehearse:
            return None
        finally:
            self._batches = ()

    def compare(self, batch: Batch) -> tuple[Any, Any]:
        """Return the model's output for a batch, and the loss (None without a target)."""
        results = self._run("compare", [batch])
        if results is not None:
            output, loss = results
            return output, loss
        check_no_nan(batch)
        return step.compare(self.trainer, batch)

    def predict(self, batch: Batch) -> Any:
        """Return the model's output for a batch."""
        batch = Batch(batch.inputs, batch.options, None, batch.size)
        output = self._run("predict", [batch])
        if output is not None:
            return output
        check_no_nan(batch)
        return self.trainer.model(*batch.inputs, **batch.options)

    def loss(self, output: Tensor, target: Tensor) -> Any:
        """Return the loss of an output that is not the model's."""
        function = self._compiled.get("loss")
        loss = None if function is None else self._call("loss", function, [output, target])
        return self.trainer.loss(output, target) if loss is None else loss

    def reports(self, name: str) -> list[Report]:
        """Return what compiling took, for each shape in the order in which they came; none where it runs eagerly.

        Args:
            name: "step", "compare" (evaluation), "predict" or "loss".
        """
        function = self._compiled.get(name)
        return [] if function is None or name in self._failures else [step.report for step in function.steps]

    @property
    def arena_bytes(self) -> int:
        """The memory in which all native functions, rehearsals too, have their arrays."""
        functions = [f for f in (*self._compiled.values(), *self._rehearsals.values()) if f is not None]
        return sum(step.report.arena_bytes for function in functions for step in function.steps)

    # --- running --------------------------------------------------------------------------------------------------

    def _run(self, name: str, batches: Sequence[Batch]) -> Any:
        """Return what the compiled function makes of batches, or None if it has to be done eagerly."""
        function = self._compiled.get(name)
        if function is None:
            return None
        arguments = [part for batch in batches for part in _parts(batch)]
        if not _is_plain(arguments):
            return None
        if name in self._shapes:
            for batch in batches:
                check_labels(self.trainer.loss, self._shapes[name], batch.target)
        self._batches = batches
        try:
            return self._call(name, function, arguments)
        finally:
            self._batches = ()

    def _call(self, name: str, function: Any, arguments: list[Any]) -> Any:
        if name in self._failures:
            self._say(self._failures[name])
            return None
        try:
            return function(*arguments)
        except (_RunEagerly, compiler.NonFiniteLoss):
            return None  # eager has the better words
        except Exception as error:  # of the model's, which comes up eagerly again, or of the compiler's
            self._failures[name] = f"{type(error).__name__}: {error}"
            return None

    def _say(self, why: str) -> None:
        if why not in self._said:
            self._said.add(why)
            log.warning("the Trainer runs eagerly: %s", why)

    def _function(self, name: str, body: Callable[[tuple[Any, ...]], Any], **options: Any) -> Any:
        def function(*arguments: Any) -> Any:
            if modes.tracer is None:
                raise _RunEagerly
            _refuse_nan(modes.tracer, arguments)
            return body(arguments)

        function.__qualname__ = name
        return compiler.compile(function, precision=self.precision, **options)

    def _rehearsal(self, observe: Observer) -> Any:
        def function(*parts: Any) -> Any:
            return observe(Rehearsal(self.trainer, list(_batches(parts)), lambda: self._step(parts)))

        function.__qualname__ = "rehearsal"
        return Compiled(function, False, None, False, self.precision, effects=False)

    # --- what is traced -------------------------------------------------------------------------------------------

    def _step(self, parts: tuple[Any, ...]) -> list[tuple[Any, Tensor]]:
        trainer, look = self.trainer, _Collecting(self)
        batches = list(_batches(parts))
        others = self._without_optimizer()
        with step.optimizer_warns_not(trainer.checked is not trainer.optimizer):
            trainer.optimizer.step(lambda: step.add_gradients(trainer, batches, look))
        for parameter in others:
            parameter.grad = None
        return look.seen

    def _without_optimizer(self) -> list[Tensor]:
        """Forget the gradients that no update uses and nobody clears: they would only grow."""
        held = {id(p) for group in self.trainer.optimizer.param_groups for p in group["params"]}
        others: list[Tensor] = [p for p in self.trainer.model.parameters() if id(p) not in held]
        for parameter in others:
            parameter.grad = None
        return others

    def _compare(self, parts: tuple[Any, ...]) -> tuple[Any, Any]:
        (batch,) = _batches(parts)
        output, loss = step.compare(self.trainer, batch)
        self._learn_shape("compare", 0, output)
        return output, loss

    def _predict(self, parts: tuple[Any, ...]) -> Any:
        (batch,) = _batches(parts)
        return self.trainer.model(*batch.inputs, **batch.options)

    def _loss(self, pair: tuple[Any, ...]) -> Any:
        return self.trainer.loss(*pair)

    def _learn_shape(self, name: str, number: int, output: Any) -> None:
        """Note how many classes there are, and check the labels of the batch that is traced for."""
        self._shapes[name] = shape_of(output)
        with untraced():
            check_labels(self.trainer.loss, self._shapes[name], self._batches[number].target)


class _Collecting:
    """Keeps what a traced step gives for each of its batches."""

    def __init__(self, native: Native) -> None:
        self.native = native
        self.seen: list[tuple[Any, Tensor]] = []

    def after_loss(self, batch: Batch, output: Any, loss: Tensor) -> None:
        check_one_number(loss)
        self.native._learn_shape("step", len(self.seen), output)
        self.seen.append((output, loss))

    def after_backward(self) -> None:
        pass


def _parts(batch: Batch) -> tuple[Any, ...]:
    """Return a batch as arguments of a traced function: mostly input and target, else the batch in one piece."""
    if len(batch.inputs) == 1 and batch.inputs[0].__class__ is batch.target.__class__ is Tensor:
        return batch.inputs[0], batch.target
    return ((batch.inputs, batch.options, batch.target, batch.size),)


def _batches(parts: tuple[Any, ...]) -> Iterator[Batch]:
    """Put batches together again."""
    rest = iter(parts)
    for part in rest:
        if isinstance(part, Tensor):
            yield Batch((part,), {}, next(rest), part.shape[0])
        else:
            yield Batch(*part)


def _refuse_nan(tracer: Tracer, arguments: tuple[Any, ...]) -> None:
    """Let a traced function refuse NaN among its arguments as it refuses a loss that is not finite."""
    for _, tensor in leaves(arguments, ""):
        if tensor.is_floating_point():
            nan = koubai.where(tensor.isnan(), tensor.detach(), 0.0).sum()
            tracer.losses.append(tracer.lift(nan))


def _is_plain(value: Any) -> bool:
    """Whether these are tensors, and other things that a traced function may be told apart by."""
    if value.__class__ in _PLAIN:
        return True
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    return isinstance(value, Tensor)


_PLAIN = {Tensor, int, bool, str, type(None)}
