"""A data set ready for training: parts for training, validation and test, and what their numbers mean."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from koubai.data.dataset import TensorDataset
from koubai.data.normalize import Scaler, Standardize
from koubai.data.schema import Schema, Task
from koubai.data.split import random_indices, stratified_indices
from koubai.engine.random import Generator


@dataclass(frozen=True)
class LabelledData:
    """Inputs and targets, in parts.

    Each part is a `TensorDataset(inputs, targets)`. Inputs are float32; targets are class numbers (N,),
    int64, or for a regression numbers (N, 1), float32.

    Attributes:
        name: of the data set.
        task: "classification" or "regression".
        train: what the network learns from.
        test: what it is judged by at the end, and never sees before.
        validation: what it is watched with during training, or None.
        class_names: the name of each class number; empty for a regression.
        feature_names: the name of each input column; empty for images.
        scaler: what `scaled` applied to the inputs, or None.
        schema: how the cells of a CSV file became these numbers, or None.

    Example:
        >>> data = koubai.data.digits().with_validation(0.1).scaled()
        >>> data.input_shape, data.outputs
        ((1, 8, 8), 10)
    """

    name: str
    task: Task
    train: TensorDataset
    test: TensorDataset
    validation: TensorDataset | None = None
    class_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    scaler: Scaler | None = None
    schema: Schema | None = None

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input, without the batch dimension."""
        return tuple(self.train.tensors[0].shape[1:])

    @property
    def outputs(self) -> int:
        """How many numbers a network has to give: one per class, or one per predicted value."""
        return len(self.class_names) or int(self.train.tensors[1].shape[1])

    def with_validation(self, fraction: float = 0.1, seed: int = 0) -> LabelledData:
        """Take a random part of the training samples for validation; classes keep their shares.

        Args:
            fraction: the share of the training samples.
            seed: decides which samples; the same seed takes the same ones.

        Raises:
            ValueError: when there is a validation part already, or one of the two parts would be empty.
        """
        if self.validation is not None:
            raise ValueError(f"the data set {self.name!r} has a validation part already")
        try:
            train, validation = cut(self.train, fraction, seed)
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from error
        return replace(self, train=train, validation=validation)

    def scaled(self, scaler: Scaler | None = None) -> LabelledData:
        """Bring all inputs to a common scale that is fitted on the training part alone.

        Args:
            scaler: `Standardize()` (mean 0, standard deviation 1 per column or channel) if None.

        Raises:
            ValueError: when the inputs are scaled already.
        """
        if self.scaler is not None:
            raise ValueError(f"the inputs of {self.name!r} are scaled already, by {self.scaler}")
        fitted = (scaler or Standardize()).fit(self.train.tensors[0])
        validation = None if self.validation is None else _scaled(self.validation, fitted)
        return replace(
            self,
            train=_scaled(self.train, fitted),
            validation=validation,
            test=_scaled(self.test, fitted),
            scaler=fitted,
        )

    def __repr__(self) -> str:
        sizes = [f"{len(part)} {name}" for name, part in self._parts() if part is not None]
        kind = f"{len(self.class_names)} classes" if self.class_names else "regression"
        return f"LabelledData({self.name!r}: {', '.join(sizes)}; inputs {self.input_shape}; {kind})"

    def _parts(self) -> list[tuple[str, TensorDataset | None]]:
        return [("train", self.train), ("validation", self.validation), ("test", self.test)]


def cut(data: TensorDataset, fraction: float, seed: int) -> tuple[TensorDataset, TensorDataset]:
    """Cut a random part off a data set; classes (targets of whole numbers) keep their shares.

    Returns:
        What is left, and the part.

    Raises:
        ValueError: when the fraction is not between 0 and 1, or one of the two would be empty.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"the fraction to split off has to be between 0 and 1, but it is {fraction}")
    rest, part = part_indices(data.tensors[-1].numpy(), fraction, seed)
    return TensorDataset(*data.gather(rest)), TensorDataset(*data.gather(part))


def part_indices(targets: Any, fraction: float, seed: int) -> list[Any]:
    """The samples that are left, and those of the part, when it is cut off."""
    generator = Generator().manual_seed(seed)
    split = random_indices if np.asarray(targets).dtype.kind == "f" else stratified_indices
    return split(targets, [1 - fraction, fraction], generator)


def _scaled(part: TensorDataset, scaler: Scaler) -> TensorDataset:
    inputs, *others = part.tensors
    return TensorDataset(scaler.transform(inputs), *others)
