"""Runs a recipe: its data split and scaled, its model trained and then judged by samples it never saw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import koubai
from koubai import nn
from koubai.data import DataLoader, LabelledData, Scaler, Standardize, TensorDataset
from koubai.engine.tensor import Tensor
from koubai.recipes.choices import make_optimizer, make_schedule, resolved
from koubai.recipes.judge import HEADLINES, judged
from koubai.recipes.layers import write_layers
from koubai.recipes.outcome import Outcome
from koubai.recipes.predictor import Predictor
from koubai.recipes.recipe import Recipe
from koubai.recipes.settings import Settings
from koubai.train import Callback, EarlyStopping, OpenedStep, RunRecord, Trainer, replay

_VALIDATION = 0.1  # the share of the training samples that is held out to watch the training
_LOSSES: dict[str, Callable[..., Tensor]] = {
    "classification": nn.CrossEntropyLoss(),
    "regression": nn.MSELoss(),
}


class Training:
    """A recipe with its settings. The same settings give the same bits.

    Args:
        recipe: what to train.
        settings: the recipe's settings; what they leave open is the optimizer's own.
        callbacks: hang on the events of the training, besides early stopping.

    Attributes:
        settings: what is trained with, nothing of the optimizer's left open.
        data: the split and scaled data.
        model: the model, with its first weights until `fit` was called.
        trainer: trains it.
    """

    def __init__(self, recipe: Recipe, settings: Settings, callbacks: Sequence[Callback] = ()) -> None:
        self.recipe = recipe
        self.settings = settings = resolved(settings)
        koubai.manual_seed(settings.seed)
        self.data, self.target_scaler = _prepared(recipe, settings)
        self.model = recipe.model(settings, self.data.input_shape, self.data.outputs)
        self.headline = HEADLINES[self.data.task]
        self.loader = self._loader()
        self.trainer = self._trainer(callbacks)

    def fit(self, **recording: Any) -> dict[str, list[Any]]:
        """Train.

        Args:
            **recording: `run`, `resume` and the like, as for `Trainer.fit`.

        Returns:
            the history.
        """
        return self.trainer.fit(
            self.loader, self._batches(self.data.validation), self.settings.epochs, **recording
        )

    def replay(self, run: RunRecord, step: int) -> OpenedStep:
        """Open a step of a run of this recipe with these settings again (see `koubai.train.replay`).

        The training must be new: neither trained nor used to replay before.
        """
        return replay(run, step, self.trainer, self.loader, self._batches(self.data.validation))

    def judge(self) -> Outcome:
        """What the trained model does on the test part, beside the trivial answer and the target."""
        return judged(self.model, self.predictor, self.data, self.target_scaler, self.settings.target)

    def describe(self, folder: Path) -> None:
        """Write what a run keeps beside its record: how to predict, and the model's summary."""
        self.predictor.save(folder)
        write_layers(self.model, self.data.input_shape, folder)

    @cached_property
    def predictor(self) -> Predictor:
        """What a run keeps in order to answer for new data."""
        return Predictor.of(self.data, self.target_scaler)

    def _loader(self) -> DataLoader:
        augment = self.recipe.augment and self.recipe.augment(self.settings, self.data)
        order = koubai.Generator().manual_seed(self.settings.seed)
        return DataLoader(
            self.data.train, self.settings.batch_size, shuffle=True, generator=order, augment=augment
        )

    def _trainer(self, callbacks: Sequence[Callback]) -> Trainer:
        chosen = self.settings
        optimizer = make_optimizer(chosen, self.model)
        stopping = [EarlyStopping(patience=chosen.patience)] if chosen.patience else []
        return Trainer(
            self.model,
            self.recipe.loss or _LOSSES[self.data.task],
            optimizer,
            metrics=[self.headline],
            lr_scheduler=make_schedule(chosen, optimizer, len(self.loader)),
            clip_norm=chosen.clip_norm,
            callbacks=[*stopping, *callbacks],
            restore_best=True,
            target=None if chosen.target is None else (self.headline, chosen.target),
        )

    def _batches(self, part: TensorDataset | None) -> DataLoader | None:
        return None if part is None else DataLoader(part, batch_size=max(self.settings.batch_size, 256))


def _prepared(recipe: Recipe, settings: Settings) -> tuple[LabelledData, Scaler | None]:
    """The recipe's data, split and scaled, and the scaler of a regression's targets."""
    data = recipe.data(settings)
    if data.validation is None:
        data = data.with_validation(_VALIDATION, settings.seed)
    if recipe.scaler is None or data.scaler is not None:
        return data, None
    data = data.scaled(recipe.scaler())
    return _with_scaled_targets(data) if data.task == "regression" else (data, None)


def _with_scaled_targets(data: LabelledData) -> tuple[LabelledData, Scaler]:
    """Targets with mean 0 and standard deviation 1, so that the usual learning rates suit them."""
    scaler = Standardize().fit(data.train.tensors[1])
    scaled: dict[str, Any] = {
        name: TensorDataset(inputs, scaler.transform(targets))
        for name, part in (("train", data.train), ("validation", data.validation), ("test", data.test))
        if part is not None
        for inputs, targets in [part.tensors]
    }
    return replace(data, **scaled), scaler
