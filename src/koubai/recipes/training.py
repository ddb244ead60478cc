"""Runs a recipe: its model trained on its data and then judged by samples it never saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import koubai
from koubai.data import DataLoader, TensorDataset
from koubai.doctor import Doctor
from koubai.recipes.choices import make_optimizer, make_schedule, resolved
from koubai.recipes.layers import write_layers
from koubai.recipes.outcome import Outcome
from koubai.recipes.recipe import Recipe
from koubai.recipes.settings import Settings
from koubai.train import Callback, EarlyStopping, OpenedStep, RunRecord, Trainer, replay


class Training:
    """A recipe with its settings. The same settings give the same bits.

    Args:
        recipe: what to train.
        settings: the recipe's settings; what they leave open is the optimizer's own.
        callbacks: hang on the events of the training, besides early stopping.

    Attributes:
        settings: what is trained with, nothing of the optimizer's left open.
        task: the data in parts, the loss and the judge.
        model: the model, with its first weights until `fit` was called.
        trainer: trains it.
    """

    def __init__(self, recipe: Recipe, settings: Settings, callbacks: Sequence[Callback] = ()) -> None:
        self.recipe = recipe
        self.settings = settings = resolved(settings)
        koubai.manual_seed(settings.seed)
        task = recipe.task(settings)
        self.task = task.trial() if settings.smoke else task
        self.model = recipe.model(settings, task.predictor)
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
            self.loader, self._batches(self.task.validation), self.settings.epochs, **recording
        )

    def replay(self, run: RunRecord, step: int) -> OpenedStep:
        """Open a step of a run of this recipe with these settings again (see `koubai.train.replay`).

        The training must be new: neither trained nor used to replay before.
        """
        return replay(run, step, self.trainer, self.loader, self._batches(self.task.validation))

    def judge(self) -> Outcome:
        """What the trained model does on the test part, beside a baseline and the target."""
        return replace(self.task.judge(self.model, self.task.test), target=self.settings.target)

    def describe(self, folder: Path) -> None:
        """Write what a run keeps beside its record: how to predict, and the model's summary."""
        self.task.predictor.save(folder)
        *inputs, _target = self.task.train.gather([0])
        write_layers(self.model, tuple(inputs), folder)

    def calibrate(self, folder: Path) -> None:
        """Write what a run keeps to predict again, where the trained model tells more of it, such as a threshold."""
        if self.task.calibrated is not None:
            self.task.calibrated(self.model).save(folder)

    def _loader(self) -> DataLoader:
        order = koubai.Generator().manual_seed(self.settings.seed)
        return DataLoader(
            self.task.train,
            self.settings.batch_size,
            shuffle=True,
            generator=order,
            augment=self.task.augment,
        )

    def _trainer(self, callbacks: Sequence[Callback]) -> Trainer:
        chosen, task = self.settings, self.task
        optimizer = make_optimizer(chosen, self.model)
        stopping = [EarlyStopping(patience=chosen.patience)] if chosen.patience else []
        watched: dict[str, Any] = {"doctor": Doctor(trial=True)} if chosen.smoke else {}
        measured = task.headline in ("loss", *task.metrics)
        return Trainer(
            self.model,
            task.loss,
            optimizer,
            metrics=list(task.metrics),
            lr_scheduler=make_schedule(chosen, optimizer, len(self.loader)),
            clip_norm=chosen.clip_norm,
            callbacks=[*stopping, *callbacks],
            restore_best=True,
            target=(task.headline, chosen.target) if measured and chosen.target is not None else None,
            **watched,
        )

    def _batches(self, part: TensorDataset | None) -> DataLoader | None:
        return None if part is None else DataLoader(part, batch_size=max(self.settings.batch_size, 256))
