"""What answers for new rows and pictures: how inputs are scaled, and what the outputs mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

import koubai
from koubai import nn
from koubai.data import LabelledData, Scaler, Schema, TensorDataset, scaler_from_state
from koubai.data.schema import Column
from koubai.recipes.classes import in_words
from koubai.recipes.exhibit import Table
from koubai.recipes.explainable import places
from koubai.recipes.labelled.inputs import read_inputs
from koubai.recipes.predictor import AnswerOptions, Predictor

_BATCH = 256  # samples per forward pass


class LabelledPredictor(Predictor):
    """Everything between a user's input and the model, and between the model's output and an answer.

    Attributes:
        task: "classification" or "regression".
        shape: of one input, without the batch dimension.
        outputs: how many numbers the model gives.
        class_names: the name of each class.
        columns: how the cells of a table become inputs, or None for pictures.
        scaler: state of the scaler of the inputs, or None.
        target_scaler: state of the scaler of a regression's targets, or None.
        low: smallest value of the training inputs before scaling.
        high: largest value.
        dark: whether most training values lie near the smallest one, as in white writing on black.
    """

    continues: ClassVar[bool] = False

    task: str
    shape: tuple[int, ...]
    outputs: int
    class_names: tuple[str, ...]
    columns: Schema | None
    scaler: dict[str, Any] | None
    target_scaler: dict[str, Any] | None
    low: float
    high: float
    dark: bool

    @classmethod
    def of(cls, data: LabelledData, target_scaler: Scaler | None = None) -> LabelledPredictor:
        """Take what is needed from the training's data and the scaler of a regression's targets."""
        inputs = raw_inputs(data, data.train)
        low, high = float(inputs.min()), float(inputs.max())
        return cls(
            task=data.task,
            shape=data.input_shape,
            outputs=data.outputs,
            class_names=data.class_names,
            columns=data.schema or _plain_columns(data),
            scaler=data.scaler.state_dict() if data.scaler else None,
            target_scaler=target_scaler.state_dict() if target_scaler else None,
            low=low,
            high=high,
            dark=float(inputs.mean()) < (low + high) / 2,
        )

    def outputs_of(self, model: nn.Module, inputs: NDArray[Any]) -> NDArray[Any]:
        """Run the model, in batches, on inputs (N, *shape) as they come from the user.

        Returns:
            probabilities (N, classes), or values (N, outputs) in the targets' own unit.
        """
        scaled = self._scaled(inputs)
        model.eval()
        with koubai.no_grad():
            parts = [self._finished(model, scaled[i : i + _BATCH]) for i in range(0, len(scaled), _BATCH)]
        return np.concatenate(parts)

    def _finished(self, model: nn.Module, batch: NDArray[Any]) -> NDArray[Any]:
        output = model(koubai.tensor(batch, dtype=koubai.float32))
        if self.task == "classification":
            return np.asarray(nn.functional.softmax(output, dim=1).numpy())
        values = np.asarray(output.numpy())
        return (
            scaler_from_state(self.target_scaler).inverse_transform(values) if self.target_scaler else values
        )

    @property
    def output_names(self) -> tuple[str, ...]:
        """The classes; of a regression none."""
        return self.class_names

    @property
    def baseline(self) -> float | NDArray[Any]:
        """For pictures on a dark ground the ground; else 0, the mean of the training inputs where they are scaled."""
        if not (is_picture(self.shape) and self.dark):
            return 0.0
        return np.asarray(self._scaled(np.full((1, *self.shape), self.low))[0])

    def model_inputs(self, source: str) -> NDArray[Any]:
        """What the user hands in, scaled as the training inputs (N, *shape)."""
        return self._scaled(read_inputs(source, self)).astype(np.float32)

    def as_given(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """The model's inputs before scaling (N, *shape)."""
        return scaler_from_state(self.scaler).inverse_transform(inputs) if self.scaler else inputs

    def part_names(self, inputs: NDArray[Any]) -> Sequence[Sequence[str]]:
        """The columns' names for each row; none for pictures."""
        if is_picture(self.shape):
            return ()
        return [self.columns.feature_names if self.columns else places(self.shape)] * len(inputs)

    def _scaled(self, inputs: NDArray[Any]) -> NDArray[Any]:
        return scaler_from_state(self.scaler).transform(inputs) if self.scaler else inputs

    def answer(self, model: nn.Module, source: str, options: AnswerOptions) -> tuple[Table]:
        """One row for each input: its number, then values, or the likeliest classes."""
        answers = self.outputs_of(model, read_inputs(source, self))
        return (Table(rows=tuple((number, *self._told(row)) for number, row in enumerate(answers, 1))),)

    def _told(self, answer: NDArray[Any]) -> list[str]:
        if self.task == "regression":
            return [f"{value:.6g}" for value in answer]
        return in_words(self.class_names, answer)


def is_picture(shape: tuple[int, ...]) -> bool:
    """Whether inputs of this shape can be shown as pictures: (1, H, W) or (3, H, W) with both sides above 3."""
    return len(shape) == 3 and shape[0] in (1, 3) and min(shape[1:]) > 3


def raw_inputs(data: LabelledData, part: TensorDataset) -> NDArray[Any]:
    """The inputs of a part as they were before scaling (N, *shape)."""
    inputs = np.asarray(part.tensors[0].numpy())
    return data.scaler.inverse_transform(inputs) if data.scaler else inputs


def _plain_columns(data: LabelledData) -> Schema | None:
    """Columns of numbers, by the names of the features."""
    names = tuple(Column(name) for name in data.feature_names)
    return Schema(names, Column("", data.class_names or None), data.task) if names else None
