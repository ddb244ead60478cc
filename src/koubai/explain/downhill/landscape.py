"""The loss of any model around its weights, along two directions: random ones, or those of its training's path.

Li, Xu, Taylor, Studer, Goldstein, 2018, "Visualizing the loss landscape of neural nets": directions are normalised
filter by filter, and the path of a training is shown in the plane of its two principal components.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import koubai
from koubai.engine.tensor import Tensor
from koubai.explain.downhill.surface import Array, Rows, Surface
from koubai.i18n import _
from koubai.nn.module import Module

__all__ = ["Plane", "landscape", "path_plane", "random_plane"]

Weights = Mapping[str, Any]
Named = dict[str, Array]


@dataclass(frozen=True)
class Plane:
    """All weights that are centre + x · first + y · second.

    Attributes:
        centre: the value of each parameter, by its name.
        first, second: the two directions.
        path: the weight sets that it was laid through, in its coordinates, (sets, 2); empty for a random plane.
        explained: which share of the weight sets' variance lies along each direction.
    """

    centre: Named
    first: Named
    second: Named
    path: Array
    explained: tuple[float, float] = (0.0, 0.0)

    def weights(self, x: float, y: float) -> Named:
        """The parameters at a point."""
        return {
            name: self.centre[name] + x * self.first[name] + y * self.second[name] for name in self.centre
        }

    def slopes(self, gradients: Named) -> tuple[float, float]:
        """The derivatives along both directions, of a loss with these gradients (the chain rule)."""
        across, along = (
            sum(float((gradients[name] * direction[name]).sum()) for name in gradients)
            for direction in (self.first, self.second)
        )
        return across, along


def random_plane(model: Module, seed: int = 0) -> Plane:
    """Lay a plane through a model's weights, along two random directions that are normalised filter by filter.

    A filter is what makes one output: a row of a matrix, a kernel of a convolution. Each gets a direction of its
    own length, so that a step of 1 is as long as the weights themselves. Biases and the weights of normalisation
    stay as they are, as in the paper.

    Args:
        model: the model; it is not changed.
        seed: decides the directions.
    """
    centre = _parameters(model)
    generator = koubai.Generator().manual_seed(seed)
    first, second = (
        {name: _filter_normalised(value, generator) for name, value in centre.items()}
        for _direction in range(2)
    )
    return Plane(centre, first, second, np.zeros((0, 2)))


def _filter_normalised(value: Array, generator: koubai.Generator) -> Array:
    if value.ndim < 2:
        return np.zeros_like(value)
    drawn = koubai.randn(*value.shape, generator=generator, dtype=koubai.float64).numpy()
    inside = tuple(range(1, value.ndim))  # all but the outputs
    lengths = (np.sqrt((array**2).sum(axis=inside, keepdims=True)) for array in (value, drawn))
    own, random = lengths
    return np.asarray(drawn * own / (random + 1e-10))


def path_plane(weight_sets: Sequence[Weights]) -> Plane:
    """Lay a plane through the last of several weight sets, along which the path through them all is seen best.

    The directions are the two principal components of the differences to the last set.

    Args:
        weight_sets: the parameters by name at some moments of a training, such as `model.state_dict()`; the
            earliest first. What is not a floating number is left out.

    Raises:
        ValueError: there are fewer than three sets, they do not fit together, or nothing moved.

    Example:
        >>> sets = [copy.deepcopy(model.state_dict())]
        >>> for epoch in range(10):
        ...     train(model)
        ...     sets.append(copy.deepcopy(model.state_dict()))
        >>> surface = landscape(model, lambda model: loss(model(x), t), path_plane(sets))
    """
    if len(weight_sets) < 3:
        raise ValueError(
            _("a path needs at least 3 weight sets; there are {count}").format(count=len(weight_sets))
        )
    arrays = [_floats(weights) for weights in weight_sets]
    _check_alike(arrays)
    last = arrays[-1]
    moves = np.stack([_flat(weights) - _flat(last) for weights in arrays])  # (sets, weights)
    _left, sizes, directions = np.linalg.svd(moves, full_matrices=False)
    if sizes[0] == 0:
        raise ValueError(_("all weight sets are the same, so there is no path"))
    path = moves @ directions[:2].T  # (sets, 2)
    turned = np.where(path[0] < 0, 1.0, -1.0)  # the start on the left, below
    shares = sizes**2 / (sizes**2).sum()
    first, second = (_unflat(turned[axis] * directions[axis], last) for axis in (0, 1))
    return Plane(last, first, second, path * turned, (float(shares[0]), float(shares[1])))


def _floats(weights: Weights) -> Named:
    arrays = {name: np.asarray(getattr(value, "numpy", lambda: value)()) for name, value in weights.items()}  # noqa: B023
    return {name: array.astype(np.float64) for name, array in arrays.items() if array.dtype.kind == "f"}


def _check_alike(arrays: Sequence[Named]) -> None:
    shapes = [{name: array.shape for name, array in weights.items()} for weights in arrays]
    wrong = next((number for number, other in enumerate(shapes) if other != shapes[-1]), None)
    if wrong is not None:
        message = _("weight set {number} has other parameters or shapes than the last one")
        raise ValueError(message.format(number=wrong + 1))


def _flat(weights: Named) -> Array:
    return np.concatenate([array.reshape(-1) for array in weights.values()])


def _unflat(vector: Array, like: Named) -> Named:
    ends = np.cumsum([array.size for array in like.values()])
    parts = np.split(vector, ends[:-1])
    return {name: part.reshape(array.shape) for (name, array), part in zip(like.items(), parts)}


def _parameters(model: Module) -> Named:
    return {
        name: parameter.detach().numpy().astype(np.float64) for name, parameter in model.named_parameters()
    }


def landscape(
    model: Module,
    loss: Callable[[Module], Tensor],
    plane: Plane,
    *,
    title: str = "",
    steps: int = 60,
    columns: int = 41,
) -> Surface:
    """The loss of a model in a plane of its weights, as a surface on which optimizers can walk.

    Args:
        model: the model; a copy of it is used, in the mode of evaluation.
        loss: loss(model) over the samples that matter; it returns one number.
        plane: from `random_plane` or `path_plane`.
        title: what the model is.
        steps: of the optimizers.
        columns: points along each axis of the map, on which the lowest loss is looked for, too.

    Returns:
        the surface. Descents begin at the first weights of the path, or in a corner of a random plane.

    Raises:
        ValueError: the plane is of another model.
    """
    walker = _Walker(model, loss, plane)
    surface = Surface(
        title or type(model).__name__,
        _formula(plane),
        walker,
        start=_start(plane),
        bounds=_bounds(plane),
        lowest=0.0,
        names=_names(plane),
        steps=steps,
        columns=columns,
    )
    lowest = float(np.nanmin(surface.grid()[2]))
    centre = float(surface.at(np.zeros(2)))
    return replace(surface, lowest=min(lowest, centre))


def _formula(plane: Plane) -> str:
    if not len(plane.path):
        return _("loss at w + x·d₁ + y·d₂, two random directions normalised by filter")
    return _("loss in the plane of the training's path: {first:.0%} and {second:.0%} of its variance").format(
        first=plane.explained[0], second=plane.explained[1]
    )


def _names(plane: Plane) -> tuple[str, str]:
    return ("d₁", "d₂") if not len(plane.path) else ("PC1", "PC2")


def _start(plane: Plane) -> tuple[float, float]:
    return (-0.85, 0.8) if not len(plane.path) else (float(plane.path[0, 0]), float(plane.path[0, 1]))


def _bounds(plane: Plane) -> tuple[tuple[float, float], tuple[float, float]]:
    if not len(plane.path):
        return (-1.0, 1.0), (-1.0, 1.0)
    low, high = plane.path.min(axis=0), plane.path.max(axis=0)
    middle, half = (low + high) / 2, (high - low) / 2
    half = np.maximum(half * 1.3, half.max() * 0.7)  # a straight path gets some land at its sides
    (x, y), (across, along) = middle, half
    return (float(x - across), float(x + across)), (float(y - along), float(y + along))


class _Walker:
    """The loss at points of a plane; its gradient is the model's, projected onto the two directions."""

    def __init__(self, model: Module, loss: Callable[[Module], Tensor], plane: Plane) -> None:
        self.model, self.loss, self.plane = copy.deepcopy(model).eval(), loss, plane
        self.parameters = {name: p for name, p in self.model.named_parameters() if name in plane.centre}
        missing = [name for name, _parameter in self.model.named_parameters() if name not in plane.centre]
        unlike = [name for name, p in self.parameters.items() if plane.centre[name].shape != tuple(p.shape)]
        if missing or unlike:
            message = _("the plane does not fit the model: {names}")
            raise ValueError(message.format(names=", ".join([*missing, *unlike][:5])))
        for parameter in self.parameters.values():
            parameter.requires_grad_(True)

    def __call__(self, x: Tensor, y: Tensor, rows: Rows) -> Tensor:
        if x.ndim:
            return self._many(x, y)
        self._move_to(x.item(), y.item())
        if not koubai.is_grad_enabled():
            return self.loss(self.model).detach().double()
        loss = self.loss(self.model)
        across, along = self.plane.slopes(self._gradients(loss))
        # as high as the loss and as steep: backpropagation through it gives the projected gradient
        return loss.detach().double() + across * (x - x.detach()) + along * (y - y.detach())

    def _many(self, x: Tensor, y: Tensor) -> Tensor:
        points = zip(x.detach().numpy().flat, y.detach().numpy().flat)
        values = [self._loss_at(float(across), float(along)) for across, along in points]
        return koubai.tensor(np.reshape(values, tuple(x.shape)), dtype=koubai.float64)

    def _loss_at(self, x: float, y: float) -> float:
        self._move_to(x, y)
        with koubai.no_grad():
            return float(self.loss(self.model))

    def _move_to(self, x: float, y: float) -> None:
        with koubai.no_grad():
            for name, value in self.plane.weights(x, y).items():
                if name in self.parameters:
                    self.parameters[name].copy_(koubai.from_numpy(value))

    def _gradients(self, loss: Tensor) -> Named:
        gradients = koubai.grad(loss, list(self.parameters.values()), allow_unused=True)
        return {
            name: np.asarray(gradient.numpy(), np.float64)
            for name, gradient in zip(self.parameters, gradients)
            if gradient is not None
        }
