"""What answers for new rows of a table: how cells become inputs, and what the outputs mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import koubai
from koubai import nn
from koubai.data import MixedColumns, TensorDataset
from koubai.i18n import _
from koubai.recipes.classes import in_words
from koubai.recipes.exhibit import Table
from koubai.recipes.predictor import AnswerOptions, Predictor
from koubai.recipes.rows import read_rows

Inputs = tuple[NDArray[Any], ...]  # numbers and marks (N, width), codes (N, columns of words)

_BATCH = 4096  # rows per forward pass


class TabularPredictor(Predictor):
    """Answers for rows of a table.

    Attributes:
        columns: how cells become the model's inputs.
        order: the names of the columns as they stand in the training file.
        class_names: of the classes; empty for a regression.
        mean, std: of a regression's training targets.
    """

    columns: MixedColumns
    order: tuple[str, ...]
    class_names: tuple[str, ...]
    mean: float = 0.0
    std: float = 1.0

    @property
    def headline(self) -> str:
        """The metric a result is about."""
        return "accuracy" if self.class_names else "r2"

    def answer(self, model: nn.Module, source: str, options: AnswerOptions) -> tuple[Table]:
        """The likeliest classes or the value for each row; words never seen are taken as unknown, and told."""
        table = read_rows(source, self.order)
        outputs = self.outputs(model, self.columns.encode(table))
        rows: tuple[tuple[int | str, ...], ...] = tuple(
            (number, *self._told(row)) for number, row in enumerate(outputs, 1)
        )
        strange = self.columns.unknown(table)
        words = "; ".join(f"{name}: {', '.join(map(repr, own[:5]))}" for name, own in strange.items())
        note = _("Not known from training, so taken as missing: {words}.").format(words=words)
        return (Table(rows=rows, note=note if strange else ""),)

    def _told(self, answer: NDArray[Any]) -> list[str]:
        if not self.class_names:
            return [f"{value:.6g}" for value in answer]
        return in_words(self.class_names, answer)

    def outputs(self, model: nn.Module, inputs: Inputs) -> NDArray[Any]:
        """Probabilities (N, classes), or values (N, 1) in the target's own unit."""
        model.eval()
        with koubai.no_grad():
            parts = [
                self._finished(model(*(koubai.from_numpy(array[start : start + _BATCH]) for array in inputs)))
                for start in range(0, len(inputs[0]), _BATCH)
            ]
        return np.concatenate(parts)

    def _finished(self, output: Any) -> NDArray[Any]:
        if self.class_names:
            return np.asarray(nn.functional.softmax(output, dim=1).numpy())
        return np.asarray(output.numpy(), np.float64) * self.std + self.mean

    def targets(self, part: TensorDataset) -> NDArray[Any]:
        """Classes (N,), or values (N, 1) in their own unit."""
        truth = np.asarray(part.tensors[-1].numpy())
        return truth if self.class_names else truth.astype(np.float64) * self.std + self.mean
