"""Which inputs a network's answer or its loss hangs on: a number for each feature, pixel or token of each sample.

Integers, as of tokens, have no gradient: for them the points are the vectors that the model's embedding looks up, and
a token's influence is the sum over its vector.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

import koubai
from koubai.engine.random import Generator, fork_rng
from koubai.engine.tensor import Tensor
from koubai.explain.attribution import Scores, gradient_times_input, integrated_gradients, smooth_grad
from koubai.explain.points import points_of
from koubai.i18n import _
from koubai.nn.module import Module

__all__ = ["METHODS", "Influence", "influence", "loss_gradient_norms"]

Array = NDArray[Any]
Loss = Callable[[Tensor, Tensor], Tensor]
Method = Literal["gradient", "integrated", "smooth"]
Of = Literal["predicted", "loss"] | int | Callable[[Tensor], Tensor]
METHODS: tuple[Method, ...] = ("gradient", "integrated", "smooth")
_BATCH = 256  # samples per pass


@dataclass(frozen=True)
class Influence:
    """What the inputs of some samples did to a number.

    Attributes:
        values: a number for each element of the inputs, of the inputs' shape (N, ...), in the unit of the number that
            is explained. Positive: it made the number larger than at the baseline.
        explained: that number for each sample (N,).
        at_baseline: that number where all inputs are the baseline (N,).
        classes: which class each sample's number is of (N,), or None where it is not of a class.
        method: "gradient", "integrated" or "smooth".
    """

    values: Array
    explained: Array
    at_baseline: Array
    classes: Array | None
    method: Method

    @property
    def gap(self) -> Array:
        """For each sample what the influences miss of the difference from the baseline (N,).

        Sum of the influences minus (explained − at_baseline). For integrated gradients it is the error of the
        integral; the other methods promise nothing, except for a linear model.
        """
        total = self.values.reshape(len(self.values), -1).sum(axis=1)
        return np.asarray(total - (self.explained - self.at_baseline))

    @property
    def mean(self) -> Array:
        """Mean size (absolute value) over the samples: which features or pixels count for all of them."""
        return np.asarray(np.abs(self.values).mean(axis=0))


def influence(
    model: Module,
    inputs: Tensor | Array,
    of: Of = "predicted",
    *,
    target: Tensor | Array | None = None,
    loss: Loss | None = None,
    method: Method = "integrated",
    baseline: Tensor | Array | float = 0.0,
    steps: int = 50,
    samples: int = 50,
    noise: float = 0.1,
    generator: Generator | None = None,
) -> Influence:
    """Divide a number that a model gives among its inputs, for each sample.

    The model runs in evaluation mode on a copy: its parameters, buffers, mode and gradients stay as they are, and so
    does the state of the default generator.

    Args:
        model: takes the inputs, and treats each sample by itself.
        inputs: (N, ...): floating-point numbers; or integers, which the model hands to an `Embedding`.
        of: the number that is explained. "predicted": the largest output of a sample (N, classes), before any softmax;
            an int: the output of that number; "loss": the loss of each sample; or a function of the model's output
            that gives (N,).
        target: for "loss", (N, ...).
        loss: for "loss", `loss(output, target)` with one number as result, for a single sample too.
        method: "gradient": gradient × input; "integrated": integrated gradients; "smooth": SmoothGrad × input.
        baseline: where there is nothing of the input, of a shape that broadcasts to the inputs'; for integers, to the
            looked-up vectors'. With 0 "gradient" is plain gradient × input; else the input counts from the baseline.
        steps: for "integrated", as for `integrated_gradients`.
        samples: for "smooth", as for `smooth_grad`.
        noise: for "smooth", as for `smooth_grad`.
        generator: for "smooth"; None for one that starts from 0.

    Raises:
        ValueError: an argument is missing or wrong, or integers are not looked up in an `Embedding`.

    Example:
        >>> model = koubai.nn.Linear(2, 1)
        >>> found = koubai.explain.influence(model, koubai.tensor([[1.0, 2.0]]), of=0)
        >>> found.values.shape, found.explained.shape
        ((1, 2), (1,))
    """
    drawn_from = Generator().manual_seed(0) if generator is None else generator
    chosen = _Chosen(method, baseline, steps, samples, noise, drawn_from)
    frozen = _frozen(model)
    given, wanted = as_inputs(frozen, inputs), None if target is None else koubai.as_tensor(target)
    _check(method, of, given, wanted, loss)
    parts = [slice(start, start + _BATCH) for start in range(0, len(given), _BATCH)]
    with fork_rng():
        rows = [
            _one_batch(frozen, given[p], of, None if wanted is None else wanted[p], loss, chosen)
            for p in parts
        ]
    values, explained, at_baseline, classes = (np.concatenate(column) for column in zip(*rows, strict=True))
    return Influence(values, explained, at_baseline, classes if len(classes) else None, method)


@dataclass(frozen=True)
class _Chosen:
    """A method with its settings."""

    method: Method
    baseline: Tensor | Array | float
    steps: int
    samples: int
    noise: float
    generator: Generator

    def values(self, scores: Scores, points: Tensor, baseline: Tensor) -> Tensor:
        if self.method == "gradient":
            return gradient_times_input(scores, points, baseline)
        if self.method == "integrated":
            return integrated_gradients(scores, points, baseline, self.steps)
        return smooth_grad(scores, points, self.samples, self.noise, self.generator) * (points - baseline)


def _check(method: str, of: Of, inputs: Tensor, target: Tensor | None, loss: Loss | None) -> None:
    if method not in METHODS:
        known = ", ".join(METHODS)
        raise ValueError(_("There is no method {name}; there are {names}.").format(name=method, names=known))
    if of == "loss" and (target is None or loss is None):
        raise ValueError(_("The influence on the loss needs a target and a loss."))
    if not len(inputs):
        raise ValueError(_("There are no samples."))
    if target is not None and len(target) != len(inputs):
        problem = _("There are {inputs} samples but {targets} targets.")
        raise ValueError(problem.format(inputs=len(inputs), targets=len(target)))


def _one_batch(
    model: Module, inputs: Tensor, of: Of, target: Tensor | None, loss: Loss | None, chosen: _Chosen
) -> tuple[Array, ...]:
    """Influence, number, number at the baseline, and classes of some samples."""
    with points_of(model, inputs) as (points, run):
        number = _number(run, points, of, target, loss)
        baseline = _baseline(chosen.baseline, points)
        values = chosen.values(number.scores, points, baseline)
        with koubai.no_grad():
            ends = [number.scores(x).numpy() for x in (points, koubai.zeros_like(points) + baseline)]
    per_input = values if values.ndim == inputs.ndim else values.sum(-1)  # (N, T, D) of tokens to (N, T)
    return per_input.numpy(), *ends, number.classes


def loss_gradient_norms(model: Module, inputs: Tensor | Array, target: Tensor | Array, loss: Loss) -> Array:
    """The norm of the loss's gradient with respect to all parameters, of each sample alone.

    With plain gradient descent it says how far a sample would move the weights in the next step. The model is left as
    it is, as by `influence`.

    Args:
        model: runs in evaluation mode.
        inputs: (N, ...).
        target: (N, ...).
        loss: `loss(output, target)`, one number, for a single sample too.

    Returns:
        (N,).
    """
    frozen = _frozen(model)
    given, wanted = as_inputs(frozen, inputs), koubai.as_tensor(target)
    parameters = [new.requires_grad_() for new, old in _pairs(frozen, model) if old.requires_grad]
    if not parameters:
        raise ValueError(_("This network has no parameters, so there is nothing to train."))
    with fork_rng():
        return np.array(
            [_norm(frozen, parameters, loss, given[k : k + 1], wanted[k : k + 1]) for k in range(len(given))]
        )


def as_inputs(model: Module, inputs: Tensor | Array) -> Tensor:
    """Inputs as a tensor; floating-point numbers in the type of the model's parameters."""
    tensor = koubai.as_tensor(inputs).detach()
    dtype = next((p.dtype for p in model.parameters() if p.is_floating_point()), tensor.dtype)
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def _norm(model: Module, parameters: list[Tensor], loss: Loss, inputs: Tensor, target: Tensor) -> float:
    found = koubai.grad(loss(model(inputs), target), parameters, allow_unused=True)
    return float(
        np.sqrt(sum(float((g.numpy().astype(np.float64) ** 2).sum()) for g in found if g is not None))
    )


def _frozen(model: Module) -> Module:
    """A copy in evaluation mode whose parameters want no gradient."""
    frozen = copy.deepcopy(model).eval()
    for parameter in frozen.parameters():
        parameter.grad = None
        parameter.requires_grad_(False)
    return frozen


def _pairs(frozen: Module, model: Module) -> Iterator[tuple[Tensor, Tensor]]:
    return zip(frozen.parameters(), model.parameters(), strict=True)


@dataclass(frozen=True)
class _Number:
    """The number that is explained, as a function of points, and the classes it is of (N,), else (0,)."""

    scores: Scores
    classes: Array


def _number(run: Scores, points: Tensor, of: Of, target: Tensor | None, loss: Loss | None) -> _Number:
    if of == "loss":
        assert target is not None
        assert loss is not None
        return _Number(lambda x: _losses(run(x), target, loss), np.zeros(0, np.int64))
    if callable(of):
        return _Number(lambda x: _one_each(of(run(x)), len(x)), np.zeros(0, np.int64))
    with koubai.no_grad():
        output = run(points)
    classes = _classes(of, output)
    chosen = koubai.as_tensor(classes)[:, None]
    return _Number(lambda x: _rows(run(x)).gather(1, chosen)[:, 0], classes)


def _classes(of: Any, output: Tensor) -> Array:
    """Which output is meant for each sample (N,)."""
    rows = _rows(output)
    if of == "predicted":
        return np.asarray(rows.numpy().argmax(axis=1)).astype(np.int64)
    if isinstance(of, bool) or not isinstance(of, int | np.integer):
        problem = _(
            'of is "predicted", "loss", the number of an output or a function; it was given {value!r}.'
        )
        raise ValueError(problem.format(value=of))
    if not 0 <= of < rows.shape[1]:
        problem = _("There is no output {number}: the model gives {count}, numbered from 0.")
        raise ValueError(problem.format(number=of, count=rows.shape[1]))
    return np.full(len(rows), of, np.int64)


def _rows(output: Tensor) -> Tensor:
    """The output as (N, outputs)."""
    rows = output[:, None] if output.ndim == 1 else output
    if rows.ndim != 2:
        problem = _(
            "The model's output has the shape {shape}, not (N, outputs): give a function of it that returns (N,)."
        )
        raise ValueError(problem.format(shape=tuple(output.shape)))
    return rows


def _one_each(scores: Tensor, count: int) -> Tensor:
    if tuple(scores.shape) != (count,):
        problem = _(
            "The function must return one number for each of {count} samples; its result has the shape {shape}."
        )
        raise ValueError(problem.format(count=count, shape=tuple(scores.shape)))
    return scores


def _losses(output: Tensor, target: Tensor, loss: Loss) -> Tensor:
    """The loss of each sample alone (N,): what a loss does over a batch is its own affair."""
    return koubai.stack([loss(output[k : k + 1], target[k : k + 1]).reshape(()) for k in range(len(output))])


def _baseline(baseline: Tensor | Array | float, points: Tensor) -> Tensor:
    start = koubai.as_tensor(baseline).to(points.dtype)
    try:
        fits = np.broadcast_shapes(tuple(start.shape), tuple(points.shape)) == tuple(points.shape)
    except ValueError:
        fits = False
    if not fits:
        problem = _("The baseline of shape {shape} does not fit the inputs of shape {wanted}.")
        raise ValueError(problem.format(shape=tuple(start.shape), wanted=tuple(points.shape)))
    return start
