"""One epoch of the recipe image-resnet is PyTorch's from equal weights: same batches, schedule and statistics."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from koubai.data.cifar import read_cifar10
from koubai.recipes import RECIPES, Training, image_resnet

from ..recipes.pictures import cifar_archive

torch = pytest.importorskip("torch")


class Block(torch.nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = torch.nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(outputs)
        self.conv2 = torch.nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = torch.nn.BatchNorm2d(outputs)
        self.stride, self.more = stride, outputs - inputs

    def forward(self, x: Any) -> Any:
        around = x[:, :, :: self.stride, :: self.stride]
        around = torch.nn.functional.pad(around, (0, 0, 0, 0, self.more // 2, self.more - self.more // 2))
        x = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(x)) + around)


class ResNet20(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = torch.nn.Conv2d(3, 16, 3, 1, 1, bias=False), torch.nn.BatchNorm2d(16)
        inputs = 16
        for number, width in enumerate((16, 32, 64), 1):
            first = Block(inputs, width, 1 if number == 1 else 2)
            self.add_module(
                f"layer{number}", torch.nn.Sequential(first, Block(width, width, 1), Block(width, width, 1))
            )
            inputs = width
        self.fc = torch.nn.Linear(64, 10)

    def forward(self, x: Any) -> Any:
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))


def test_one_epoch_is_that_of_pytorch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = read_cifar10(cifar_archive(tmp_path / "cifar.tar.gz"))
    monkeypatch.setattr(image_resnet, "cifar10", lambda: data)
    recipe = RECIPES["image-resnet"]
    ours = Training(recipe, recipe.settings(epochs=1, batch_size=30, lr=0.02))
    theirs = ResNet20()
    theirs.load_state_dict(
        {name: torch.tensor(value.numpy()) for name, value in ours.model.state_dict().items()}
    )
    batches = [[torch.tensor(part.numpy()) for part in batch] for batch in ours.loader]
    ours.loader.set_epoch(0)
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.02, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.02, total_steps=len(batches))
    losses = []
    for x, y in batches:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(theirs(x), y)
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item() * len(y))
    history = ours.fit()
    assert history["loss"][0] == pytest.approx(sum(losses) / len(ours.task.train), rel=1e-4)
    for name, value in ours.model.state_dict().items():
        wanted = theirs.state_dict()[name].numpy()
        np.testing.assert_allclose(
            value.numpy(), wanted, rtol=2e-3, atol=2e-3 * max(np.abs(wanted).max(), 1e-3)
        )
