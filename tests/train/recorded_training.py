"""A training with everything that has state, as a process: `recorded_training.py FOLDER [resume]`.

Tests kill, interrupt and resume it. It prints "ready" when training begins.
"""

import sys

import koubai
from koubai import nn, optim
from koubai.data import DataLoader, TensorDataset
from koubai.train import Callback, EarlyStopping, RunRecord, SwitchOptimizer, Trainer

EPOCHS = 12


class Ready(Callback):
    """Says that training has begun."""

    def on_step_start(self, trainer: Trainer) -> None:
        """Say so."""
        if not getattr(self, "said", False):
            print("ready", flush=True)
        self.said = True


def model() -> nn.Module:
    """A classifier with batch norm (running statistics) and dropout (random numbers)."""
    return nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))


def data(samples: int, seed: int) -> TensorDataset:
    """Noisy points in three classes."""
    generator = koubai.Generator().manual_seed(seed)
    y = koubai.arange(samples) % 3
    return TensorDataset(koubai.randn(samples, 4, generator=generator) + y.reshape(-1, 1), y)


def train(folder: str, resume: bool = False) -> Trainer:
    """Train in a run record, from the start or from where it was left."""
    run = RunRecord.open(folder) if resume else RunRecord.create(folder, {"epochs": EPOCHS}, seed=1)
    koubai.manual_seed(99 if resume else 1)  # a resumed run must not depend on how the process was seeded
    net = model()
    adam = optim.Adam(net.parameters(), lr=0.02)
    trainer = Trainer(
        net,
        nn.CrossEntropyLoss(),
        adam,
        metrics=["accuracy", "roc_auc"],
        lr_scheduler=optim.lr_scheduler.CosineAnnealingLR(adam, EPOCHS),
        accumulate=2,
        clip_norm=1.0,
        restore_best=True,
        callbacks=[
            Ready(),
            EarlyStopping(patience=EPOCHS),
            SwitchOptimizer(at=8, make=lambda parameters: optim.SGD(parameters, lr=0.01, momentum=0.9)),
        ],
    )
    loader = DataLoader(data(150, 2), batch_size=10, shuffle=True)
    trainer.fit(
        loader, data(60, 3), EPOCHS, run=run, resume=resume, checkpoint_steps=3, checkpoint_seconds=None
    )
    return trainer


if __name__ == "__main__":
    train(sys.argv[1], resume=sys.argv[2:] == ["resume"])
