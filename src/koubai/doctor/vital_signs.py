"""Vital signs: what is measured inside a training step, a few numbers for each layer and each parameter.

In a compiled training they are computed by a rehearsal of the step (see `koubai.train.Rehearsal`), a native function of
its own that changes nothing; in an eager one, and in a loop written by hand, by hooks during the step itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from koubai.doctor.facts.anatomy import first_tensor, leaf_modules
from koubai.doctor.framework import Array, Framework, framework_of
from koubai.doctor.looking import is_looking
from koubai.doctor.unnoticed import unnoticed
from koubai.train import Rehearsal

__all__ = ["EVERY", "LayerSigns", "Observer", "ParameterSigns", "Signs", "is_due", "next_due", "noise_scale"]


class LayerSigns(NamedTuple):
    """What a layer put out in one step.

    Attributes:
        size: root mean square of the output.
        peak: its largest absolute value.
        zero: share of the output that is exactly 0.
        dead: share of the units that are 0 for every sample of the batch.
        saturated: share of a sigmoid's or tanh's output whose slope is below a tenth of the largest.
        gradient: root mean square of the loss's gradient with respect to the output, 0 if none arrived.
        noise, signal: of the gradient of the layer's bias: how much it differs from sample to sample, tr Σ, and its
            squared size without that, |G|²; NaN without a bias or with one sample, 0 if the bias has no effect.
    """

    size: float
    peak: float
    zero: float
    dead: float
    saturated: float
    gradient: float
    noise: float = float("nan")
    signal: float = float("nan")


class ParameterSigns(NamedTuple):
    """What happened to a parameter in one step; w is its value before, g its gradient, Δ the update.

    Attributes:
        weight, gradient, update: norms of w, g and Δ.
        along: g·Δ, what the loss should change by to first order.
        later_along: the same with the gradient for the same batch after the update, NaN if it was not computed.
        turn: g·g′ with that gradient.
        later_gradient: its norm.
    """

    weight: float
    gradient: float
    update: float
    along: float
    later_along: float
    turn: float
    later_gradient: float


@dataclass
class Signs:
    """The vital signs of one step.

    Attributes:
        step: its number, 1 for the first update.
        loss: before the update.
        later: of the same batch after the update, NaN if it was not computed.
        layers: by name, in the order in which they ran.
        parameters: by name.
    """

    step: int
    loss: float
    later: float = float("nan")
    layers: dict[str, LayerSigns] = field(default_factory=dict)
    parameters: dict[str, ParameterSigns] = field(default_factory=dict)

    @property
    def along(self) -> float:
        """How much the loss should have changed, to first order."""
        return sum(p.along for p in self.parameters.values())

    @property
    def curvature(self) -> float:
        """Δᵀ H Δ: the curvature along the step, from the change of the gradient."""
        return sum(p.later_along for p in self.parameters.values()) - self.along

    @property
    def cosine(self) -> float:
        """Cosine between the gradients of the same batch before and after the step."""
        sizes = [(p.gradient, p.later_gradient) for p in self.parameters.values()]
        turn = sum(p.turn for p in self.parameters.values())
        norm = np.sqrt(sum(g * g for g, _ in sizes) * sum(h * h for _, h in sizes))
        return float(turn / norm) if norm else float("nan")

    @property
    def noise_scale(self) -> float:
        """The batch size up to which larger ones pay, as far as this step tells; see `noise_scale`."""
        return noise_scale([self])

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return {
            "step": self.step,
            "loss": self.loss,
            "later": self.later,
            "layers": {name: list(signs) for name, signs in self.layers.items()},
            "parameters": {name: list(signs) for name, signs in self.parameters.items()},
        }

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Signs:
        """Return what `to_json` gave."""
        layers = {name: LayerSigns(*row) for name, row in saved["layers"].items()}
        parameters = {name: ParameterSigns(*row) for name, row in saved["parameters"].items()}
        return cls(saved["step"], saved["loss"], saved["later"], layers, parameters)


def _rounded(numbers: Array) -> Array:
    """Round to five digits, which is what a picture can show and takes little room."""
    x = np.asarray(numbers, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        digits = 4 - np.floor(np.log10(np.abs(x)))
        scale, more = (
            10.0 ** np.abs(digits),
            digits > 0,
        )  # powers of ten up to 22 are exact, their inverses are not
        rounded = np.where(more, np.rint(x * scale) / scale, np.rint(x / scale) * scale)
    return np.where(np.isfinite(digits), rounded, x)


def noise_scale(signs: Sequence[Signs]) -> float:
    """Return the simple noise scale tr Σ / |G|² of the biases' gradients: up to this batch size larger ones pay.

    Noise and signal are averaged over the steps before they are divided (McCandlish et al. 2018, "An Empirical Model of
    Large-Batch Training", appendix A.1), for a single step knows |G|² badly. Biases stand for all parameters, since
    their gradients are known sample by sample at no cost (as those of normalisation layers do in Gray et al. 2024).
    It is infinite where no signal rises above the noise, NaN where nothing was measured.
    """
    pairs = [(x.noise, x.signal) for s in signs for x in s.layers.values() if np.isfinite(x.noise + x.signal)]
    noise, signal = (sum(values) for values in zip(*pairs)) if pairs else (0.0, 0.0)
    if not noise:
        return float("nan")
    return noise / signal if signal > 0 else float("inf")


EVERY = 128  # steps between two measurements: two calls of 64 small steps each
_EARLY = (0, 1, 3, 10, 30, 64)  # updates before those measured besides, for much happens then


def is_due(updates: int, every: int) -> bool:
    """Whether the step after so many updates is measured: early steps more often."""
    return updates in _EARLY or (updates > 0 and updates % every == 0)


def next_due(updates: int, every: int) -> int:
    """Return the first number of updates from this one on after which a step is measured."""
    regular = max(1, -(-updates // every)) * every
    return min([regular, *(early for early in _EARLY if early >= updates)])


class Observer:
    """Measures steps.

    Args:
        model: of Koubai or PyTorch.
        optimizer: whose parameters are watched.
    """

    def __init__(self, model: Any, optimizer: Any) -> None:
        self.model = model
        self.framework: Framework = framework_of(model)
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        self.parameters = {n: p for n, p in model.named_parameters() if id(p) in held and p.requires_grad}
        self.layers: list[str] = []
        self._rows: list[Any] = []
        self._gradients: dict[int, list[Any]] = {}
        self._before: dict[str, Any] = {}
        self._handles: list[Any] = []
        self._looked = False  # whether a doctor was looking when it began

    def watches(self, model: Any, optimizer: Any) -> bool:
        """Whether another one for this model and optimizer would be just like this."""
        other = Observer(model, optimizer).parameters
        same = {name: id(p) for name, p in other.items()} == {
            name: id(p) for name, p in self.parameters.items()
        }
        return model is self.model and same

    def __call__(self, rehearsal: Rehearsal) -> dict[str, Any]:
        """Observe a rehearsed step; what is returned are tensors, for `signs`."""
        with unnoticed(self.model):
            self.begin()
            try:
                loss = rehearsal.step()
            finally:
                self.end()
            gradients = self.gradients()
            later = rehearsal.again()
        return {**self.measured(gradients, self.gradients()), "loss": loss, "later": later}

    def begin(self, layers: bool = True) -> None:
        """Watch what follows: a forward and a backward pass, and the update.

        Args:
            layers: whether layers are watched too, or only parameters.
        """
        self.end()
        self.layers, self._rows, self._gradients, self._looked = [], [], {}, is_looking()
        self._before = {name: p.detach().clone() for name, p in self.parameters.items()}
        watched = leaf_modules(self.model) if layers else ()
        self._handles = [module.register_forward_hook(self._hook(path)) for path, module in watched]

    def end(self) -> None:
        """Take the hooks off the layers; gradients still arrive."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def gradients(self) -> dict[str, Any]:
        """Return the parameters' gradients as they are now; a parameter that has none is left out."""
        return {n: p.grad.detach() for n, p in self.parameters.items() if p.grad is not None}

    def measured(self, gradients: dict[str, Any], again: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what was watched, as tensors, for `signs`.

        Args:
            gradients: of the step.
            again: for the same batch after the update, if they are known.
        """
        with self.framework.no_grad():
            layers = [
                [*row, *self._gradients.get(n, _no_gradient(row[0]))] for n, row in enumerate(self._rows)
            ]
            parameters = [self._parameter_row(name, gradients, again) for name in self.parameters]
            self._rows, self._before, self._gradients = [], {}, {}
            return {"numbers": self.framework.stack([x for row in (*layers, *parameters) for x in row])}

    def signs(self, step: int, loss: float, measured: dict[str, Any]) -> Signs:
        """Return measured numbers as vital signs, as they are when they are read again."""
        numbers = iter(_rounded(self.framework.array(measured["numbers"])).tolist())
        layers = {name: LayerSigns(*islice(numbers, len(LayerSigns._fields))) for name in self.layers}
        parameters = {
            name: ParameterSigns(*islice(numbers, len(ParameterSigns._fields))) for name in self.parameters
        }
        return Signs(step, loss, float(measured.get("later", "nan")), layers, parameters)

    def _hook(self, path: str) -> Any:
        def hook(module: Any, args: Any, output: Any) -> None:
            y = first_tensor(output)
            if (
                is_looking() != self._looked
                or not hasattr(y, "ndim")
                or not y.ndim
                or not y.is_floating_point()
            ):
                return
            number = len(self._rows)
            self.layers.append(path if path not in self.layers else f"{path} (call {number + 1})")
            with self.framework.no_grad():
                self._rows.append(_layer_row(type(module).__name__, y.detach()))
            if y.requires_grad:
                y.register_hook(lambda gradient: self._arrived(number, module, gradient))

        return hook

    def _arrived(self, number: int, module: Any, gradient: Any) -> None:
        with self.framework.no_grad():
            self._gradients[number] = _gradient_row(module, gradient.detach())

    def _parameter_row(self, name: str, gradients: dict[str, Any], again: dict[str, Any] | None) -> list[Any]:
        w = self._before[name]
        change = self.parameters[name].detach() - w
        g = _dense(gradients.get(name, w * 0))
        row = [_norm(w), _norm(g), _norm(change), (g * change).sum()]
        if again is None:
            return [*row, *[row[0] * float("nan")] * 3]
        later = _dense(again.get(name, w * 0))
        return [*row, (later * change).sum(), (g * later).sum(), _norm(later)]


def _dense(gradient: Any) -> Any:
    return gradient.to_dense() if getattr(gradient, "is_sparse", False) else gradient


def _size(x: Any) -> Any:
    x = x.float()
    return (x * x).mean().sqrt()


def _norm(x: Any) -> Any:
    x = x.float()
    return (x * x).sum().sqrt()


# Of the mean's square that noise alone leaves: what is smaller was taken away, as batch normalisation takes the bias.
_CANCELLED = 1e-3


def _no_gradient(number: Any) -> list[Any]:
    return [number * 0, number * float("nan"), number * float("nan")]


def _gradient_row(module: Any, g: Any) -> list[Any]:
    """Return size, noise and signal of the gradient that arrived at a layer's output."""
    size = _size(g)
    bias = getattr(module, "bias", None)
    units = 1 if g.ndim in (2, 4, 5) else g.ndim - 1
    if g.ndim < 2 or len(g) < 2 or tuple(getattr(bias, "shape", ())) != (g.shape[units],):
        return [size, *_no_gradient(size)[1:]]
    positions = [n for n in range(1, g.ndim) if n != units]
    each = (
        len(g) * (g.sum(positions) if positions else g).float()
    )  # (N, units): the samples' gradients of the bias
    whole = each.mean(0)
    noise, square = ((each - whole) ** 2).sum() / (len(g) - 1), (whole * whole).sum()
    counts = (square > _CANCELLED * noise / len(g)).float()
    return [size, counts * noise, counts * (square - noise / len(g))]


def _layer_row(kind: str, y: Any) -> list[Any]:
    """Return all but the gradient; numbers cost a pass over the output each, so two come from the units' peaks."""
    zero = (y == 0).float()
    units = 1 if y.ndim in (2, 4, 5) else y.ndim - 1
    others = [n for n in range(y.ndim) if n != units]
    peaks = abs(y).amax(others) if others else abs(y)
    share = zero.mean()
    return [_size(y), peaks.amax(), share, (peaks == 0).float().mean(), _saturated(kind, y, share)]


def _saturated(kind: str, y: Any, share: Any) -> Any:
    """Return the share of outputs s where the slope, s(1 - s) or 1 - t², is below a tenth of its largest value."""
    if kind == "Sigmoid":
        return (y * (1 - y) < 0.025).float().mean()
    if kind in ("Tanh", "RNN", "LSTM", "GRU"):
        return (1 - y * y < 0.1).float().mean()
    return share * 0
