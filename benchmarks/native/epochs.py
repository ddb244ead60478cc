"""Whole epochs as contestants: Koubai's Trainer, and the loop that a user of PyTorch writes.

One step here is one epoch: shuffling, making batches, training on each. The Trainer also keeps the accuracy, checks
the data and the loss, and shows progress; the loop does none of it.
"""

from __future__ import annotations

from typing import Any

from rich.console import Console

import koubai
from koubai.cli.progress import ProgressView
from koubai.data import DataLoader, TensorDataset
from koubai.train import Trainer
from native.contestant import Array
from native.koubai_step import set_threads
from native.peers_torch import torch_module
from native.workloads import Workload

BATCH = 64
WARM_UP = 3 * BATCH + BATCH // 2  # samples: full batches and, as at the end of MNIST, half a one


class TrainerEpoch:
    """Trains with `koubai.train.Trainer`.

    Attributes:
        trainer: its `history` tells the accuracy.
    """

    steps_per_call = 1

    def __init__(self, workload: Workload, images: Array, labels: Array, threads: int) -> None:
        set_threads(threads)
        koubai.manual_seed(0)
        model = workload.model(koubai)
        optimizer = workload.make_optimizer(koubai, model)
        progress = ProgressView(Console(stderr=True))
        loss = koubai.nn.CrossEntropyLoss()
        self.trainer = Trainer(model, loss, optimizer, metrics=["accuracy"], callbacks=[progress])
        self.loader = DataLoader(TensorDataset(images, labels), batch_size=BATCH, shuffle=True)
        warm_up = TensorDataset(images[:WARM_UP], labels[:WARM_UP])
        self.trainer.fit(DataLoader(warm_up, batch_size=BATCH))

    def run(self, steps: int) -> float:
        """Train so many epochs and return the last one's mean loss."""
        for _ in range(steps):
            history = self.trainer.fit(self.loader)
        return float(history["loss"][-1])


class TorchEpoch:
    """Trains with PyTorch's loop over a `DataLoader`."""

    steps_per_call = 1

    def __init__(self, workload: Workload, images: Array, labels: Array, threads: int) -> None:
        torch = self.torch = torch_module()
        from torch.utils import data

        torch.manual_seed(0)
        self.threads = threads
        self.model = workload.model(torch)
        self.optimizer = workload.make_optimizer(torch, self.model)
        self.criterion = torch.nn.CrossEntropyLoss()
        x, y = torch.tensor(images), torch.tensor(labels)
        self.loader = data.DataLoader(data.TensorDataset(x, y), batch_size=BATCH, shuffle=True)
        self._train(data.DataLoader(data.TensorDataset(x[:WARM_UP], y[:WARM_UP]), batch_size=BATCH))

    def run(self, steps: int) -> float:
        """Train so many epochs and return the loss of the last batch."""
        for _ in range(steps):
            loss = self._train(self.loader)
        return float(loss.item())

    def _train(self, loader: Any) -> Any:
        self.torch.set_num_threads(self.threads)
        for x, y in loader:
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(x), y)
            loss.backward()
            self.optimizer.step()
        return loss
