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


def trained_by_pytorch(ours: Training, dtype: Any) -> tuple[ResNet20, float]:
    """The same epoch in PyTorch, and its mean loss."""
    theirs = ResNet20().to(dtype)
    weights = {name: torch.tensor(value.numpy()) for name, value in ours.model.state_dict().items()}
    theirs.load_state_dict(weights)
    batches = [[torch.tensor(part.numpy()) for part in batch] for batch in ours.loader]
    ours.loader.set_epoch(0)
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.02, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.02, total_steps=len(batches))
    losses = []
    for x, y in batches:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(theirs(x.to(dtype)), y)
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item() * len(y))
    return theirs, sum(losses) / len(ours.task.train)


@pytest.mark.usefixtures("undoctored")
def test_one_epoch_is_that_of_pytorch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are as near to those of float64 as PyTorch's own in float32: through 20 layers both drift a little."""
    data = read_cifar10(cifar_archive(tmp_path / "cifar.tar.gz"))
    monkeypatch.setattr(image_resnet, "cifar10", lambda: data)
    recipe = RECIPES["image-resnet"]
    ours = Training(recipe, recipe.settings(epochs=1, batch_size=30, lr=0.02))
    (exact, loss), (single, _) = (trained_by_pytorch(ours, dtype) for dtype in (torch.float64, torch.float32))
    history = ours.fit()
    assert history["loss"][0] == pytest.approx(loss, rel=1e-4)
    for name, value in ours.model.state_dict().items():
        wanted = exact.state_dict()[name].numpy()
        drift, theirs = (
            np.linalg.norm(got - wanted) for got in (value.numpy(), single.state_dict()[name].numpy())
        )
        assert drift <= 10 * theirs + 1e-6 * np.linalg.norm(wanted), name
