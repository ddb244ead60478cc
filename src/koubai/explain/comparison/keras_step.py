"""Runs a worksheet's step in Keras, on whichever backend it has: TensorFlow, PyTorch or JAX."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

import koubai
from koubai.explain.comparison.keras_layers import Weight
from koubai.explain.comparison.keras_network import Network
from koubai.explain.comparison.keras_optimizers import keras_optimizer, remembered, without_epsilon
from koubai.explain.comparison.program import Place
from koubai.explain.comparison.theirs import FrameworkMissing, NotTranslated, Seen, Snapshot, Theirs
from koubai.explain.presets import half_squared_error
from koubai.explain.worksheet import Problem, doubled
from koubai.i18n import _
from koubai.nn import functional as F
from koubai.nn.function_layer import FunctionLayer

__all__ = ["keras_problem", "keras_step"]

_TOLERANCE = {"float64": 1e-12, "float32": 1e-4}
_BACKENDS = {"tensorflow": "TensorFlow", "torch": "PyTorch", "jax": "JAX"}


def keras_problem(problem: Problem) -> Problem:
    """Return a problem with options with which Keras and PyTorch calculate the same."""
    return replace(problem, options=without_epsilon(problem.optimizer, problem.options))


def keras_step(problem: Problem, steps: int = 1) -> Theirs:
    """Take steps of training in Keras.

    Args:
        problem: the network, its data, loss and optimizer.
        steps: how many.

    Raises:
        FrameworkMissing: if Keras or its backend is not installed.
        NotTranslated: if it has no counterpart of the network, the loss or the optimizer.
    """
    keras = _keras()
    with _precision(keras) as dtype:
        return _Run(problem, keras, dtype).steps(steps)


def _keras() -> Any:
    """Import Keras; if nothing was said about its backend, with one that is there."""
    told, quiet = "KERAS_BACKEND", "TF_CPP_MIN_LOG_LEVEL"
    there = next((name for name in _BACKENDS if importlib.util.find_spec(name)), None)
    kept = {name: os.environ.get(name) for name in (told, quiet)}
    if there:
        os.environ.setdefault(told, there)
    os.environ.setdefault(quiet, "2")
    try:
        import keras
    except ModuleNotFoundError as error:
        message = _("Keras is not installed, or not its backend: pip install keras tensorflow-cpu")
        raise FrameworkMissing(message) from error
    finally:
        for name, value in kept.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
    return keras


@contextmanager
def _precision(keras: Any) -> Iterator[str]:
    """Within it Keras calculates as precisely as it can, which its rules of promotion decide; yield its float type."""
    before, policy = keras.config.floatx(), keras.config.dtype_policy()
    wanted = "float64" if keras.backend.result_type("float64", "float64") == "float64" else "float32"
    keras.config.set_floatx(wanted)
    keras.config.set_dtype_policy(wanted)
    try:
        yield wanted
    finally:
        keras.config.set_floatx(before)
        keras.config.set_dtype_policy(policy)


class _Run:
    """The steps of one network."""

    def __init__(self, problem: Problem, keras: Any, dtype: str) -> None:
        self.keras, self.problem, self.dtype = keras, problem, dtype
        self.model, inputs, target = doubled(problem)
        self.inputs = [self._tensor(np.array(tensor.numpy())) for tensor in inputs]
        self.target = None if target is None else self._tensor(np.array(target.numpy()))
        self.loss = _loss(problem.loss, target, keras)
        self.network = Network(self.model, inputs, keras, self._tensor)
        self.weights = [
            (path, weight) for path, part in self.network.parts.items() for weight in part.weights
        ]
        self.variables = [weight.variable() for _path, weight in self.weights]
        made = problem.optimizer(list(self.model.parameters()), **problem.options)
        self.optimizer, self.known, notes = keras_optimizer(made, keras)
        group = made.param_groups[0]
        self.eps, self.betas, self.decays = group.get("eps"), group.get("betas"), group.get("weight_decay")
        self.optimizer.build(self.variables)
        message = _("Keras runs on {backend} here, where it calculates in {dtype}.")
        backend = message.format(backend=_BACKENDS.get(keras.backend.backend(), "?"), dtype=dtype)
        self.notes = [backend, *self.network.notes, *notes]

    def _tensor(self, array: Any) -> Any:
        return self.keras.ops.convert_to_tensor(
            array.astype(self.dtype) if array.dtype.kind == "f" else array
        )

    # --- steps

    def steps(self, count: int) -> Theirs:
        answers, others = self._seen()
        gradients, loss, probed = self._gradients(answers)
        seen = {place: Seen(value, probed[place]) for place, value in answers.items()}
        named = self._named(gradients)
        snapshots = [self._step(loss, gradients, 1)]
        answer_after, loss_after = self._forward()
        for number in range(2, count + 1):
            again, loss_again, _probed = self._gradients({})
            snapshots.append(self._step(loss_again, again, number))
        merged = self.network.merged
        return Theirs(
            "Keras",
            self.keras.__version__,
            {place: one for place, one in seen.items() if place in self.network.layers},
            [*(one for place, one in seen.items() if place not in self.network.layers), *map(Seen, others)],
            named,
            Seen(np.asarray(loss), np.asarray(1.0)),
            None if merged else answer_after,
            None if merged else loss_after,
            snapshots[:1] if merged else snapshots,
            self.notes,
            _TOLERANCE[self.dtype],
        )

    def _seen(self) -> tuple[dict[Place, Any], list[Any]]:
        """What each layer and op answers, and what else comes with it."""
        answers: dict[Place, Any] = {}
        others: list[Any] = []

        def keep(place: Place, value: Any) -> Any:
            first, *rest = value if isinstance(value, tuple | list) else (value,)
            answers[place] = self._array(first)
            others.extend(map(self._array, rest))
            return value

        self.network.run(self.inputs, keep)
        return {place: array for place, array in answers.items() if array.dtype.kind == "f"}, others

    def _forward(self) -> tuple[Any, float]:
        answer = self.network.run(self.inputs)
        return self._array(answer), float(self._array(self.loss(answer, self.target)))

    def _gradients(self, answers: Mapping[Place, Any]) -> tuple[list[Any], float, dict[Place, Any]]:
        """The gradients of all variables, the loss, and the gradients of what layers and ops answer.

        A zero is added to each of these, and the gradient of that zero is theirs.
        """
        keras = self.keras
        zeros = [keras.ops.convert_to_tensor(np.zeros_like(value, self.dtype)) for value in answers.values()]
        values = [keras.ops.copy(keras.ops.convert_to_tensor(v.value)) for v in self.variables]

        def loss(tensors: Sequence[Any]) -> Any:
            own, added = tensors[: len(values)], dict(zip(answers, tensors[len(values) :]))
            with keras.StatelessScope(state_mapping=list(zip(self.variables, own))):
                answer = self.network.run(self.inputs, lambda place, value: _plus(value, added.get(place)))
                return self.loss(answer, self.target)

        total, found = _GRADIENTS[keras.backend.backend()](loss, [*values, *zeros])
        arrays = [self._array(gradient) for gradient in found]
        probed = dict(zip(answers, arrays[len(values) :]))
        return arrays[: len(values)], float(self._array(total)), probed

    def _step(self, loss: float, gradients: Sequence[Any], number: int) -> Snapshot:
        if self.betas and self.eps:
            self.optimizer.epsilon = self.eps * (1 - self.betas[1] ** number) ** 0.5
        tensors = [self.keras.ops.convert_to_tensor(gradient.astype(self.dtype)) for gradient in gradients]
        self.optimizer.apply(tensors, self.variables)
        return Snapshot(loss, self._parameters(), self._memory())

    # --- from Keras' variables to our parameters

    def _parameters(self) -> list[Any]:
        """Our parameters; of two whose sum Keras has, each as if the other had stayed, or None if the sum decays."""
        own = [np.array(parameter.detach().numpy()) for parameter in self.model.parameters()]
        found = self._named([self._array(variable.value) for variable in self.variables], own)
        if not self.decays:
            return found
        merged = {
            name for path, weight in self.weights if len(weight.names) > 1 for name in _paths(path, weight)
        }
        return [
            None if name in merged else array
            for (name, _parameter), array in zip(self.model.named_parameters(), found)
        ]

    def _named(self, arrays: Sequence[Any], own: Sequence[Any] = ()) -> list[Any]:
        """Bring arrays in Keras' order and layout into ours.

        Args:
            arrays: one for each variable.
            own: our parameters, if these are variables: of a sum, the other one is taken away.
        """
        names = [name for name, _parameter in self.model.named_parameters()]
        found: dict[str, Any] = {}
        for (path, weight), array in zip(self.weights, arrays):
            together = _paths(path, weight)
            for name in together:
                others = [own[names.index(other)] for other in together if other != name] if own else []
                found[name] = weight.back(array) - sum(others)
        return [found[name] for name in names]

    def _memory(self) -> list[Mapping[str, Any]]:
        kept = [remembered(self.optimizer, self.known, place) for place in range(len(self.variables))]
        lr = float(self.problem.options["lr"])
        listed: list[dict[str, Any]] = [{} for _parameter in self.model.parameters()]
        for name in kept[0]:
            arrays = self._named([self._array(variables[name].value) for variables in kept])
            for memory, array in zip(listed, arrays):
                memory[name] = array
                if name == "velocity" and lr:
                    memory["momentum_buffer"] = -array / lr
        return [*listed]

    def _array(self, tensor: Any) -> Any:
        array = np.array(self.keras.ops.convert_to_numpy(tensor))
        return array.astype(float) if array.dtype.kind == "f" else array


def _paths(path: str, weight: Weight) -> list[str]:
    """The names of a variable's parameters in the whole network."""
    return [f"{path}.{name}" if path else name for name in weight.names]


def _plus(value: Any, added: Any) -> Any:
    """A value plus a zero; of several, the first one."""
    if added is None:
        return value
    if isinstance(value, tuple | list):
        return (value[0] + added, *value[1:])
    return value + added


# --- gradients by backend


def _tensorflow(loss: Callable[[Any], Any], tensors: Sequence[Any]) -> tuple[Any, Any]:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(tensors)
        total = loss(tensors)
    return total, tape.gradient(total, tensors, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def _torch(loss: Callable[[Any], Any], tensors: Sequence[Any]) -> tuple[Any, Any]:
    import torch

    leaves = [tensor.detach().clone().requires_grad_() for tensor in tensors]
    total = loss(leaves)
    return total.detach(), torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)


def _jax(loss: Callable[[Any], Any], tensors: Sequence[Any]) -> tuple[Any, Any]:
    import jax

    total, gradients = jax.value_and_grad(loss)(list(tensors))
    return total, gradients


_GRADIENTS = {"tensorflow": _tensorflow, "torch": _torch, "jax": _jax}


# --- losses


def _loss(own: Callable[..., Any], target: koubai.Tensor | None, keras: Any) -> Callable[[Any, Any], Any]:
    """Keras' loss of an answer and the target."""
    if isinstance(own, FunctionLayer) and not own.extra_repr():
        own = type(own).function
    losses = keras.losses
    known = {
        F.mse_loss: lambda: losses.MeanSquaredError(),
        F.l1_loss: lambda: losses.MeanAbsoluteError(),
        F.huber_loss: lambda: losses.Huber(),
        F.binary_cross_entropy_with_logits: lambda: losses.BinaryCrossentropy(from_logits=True),
        F.cross_entropy: lambda: (
            losses.CategoricalCrossentropy(from_logits=True)
            if target is not None and target.is_floating_point()
            else losses.SparseCategoricalCrossentropy(from_logits=True)
        ),
    }
    if target is not None and own is half_squared_error:
        return lambda answer, wanted: keras.ops.sum((answer - wanted) ** 2) / 2
    if target is None or own not in known:
        message = _("This loss is not compared with Keras; there are {names}.")
        names = ", ".join(function.__name__ for function in (*known, half_squared_error))
        raise NotTranslated(message.format(names=names))
    made = known[own]()
    return lambda answer, wanted: made(wanted, answer)
