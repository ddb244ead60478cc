"""Residual networks have the published shapes, sizes and states, and train compiled as they do eagerly."""

import numpy as np
import pytest

import koubai
from koubai import models, nn

from ..nn.agreement import check_layer, double


@pytest.fixture(autouse=True)
def _seed():
    koubai.manual_seed(0)


@pytest.mark.parametrize(
    ("make", "parameters"),
    [
        (models.resnet18, 11_689_512),
        (models.resnet34, 21_797_672),
        (models.resnet50, 25_557_032),
        (models.resnet20, 269_722),
    ],
)
def test_sizes_are_the_published_ones(make, parameters):
    assert sum(parameter.numel() for parameter in make().parameters()) == parameters


def test_states_have_torchvisions_names():
    names = list(models.resnet50(num_classes=5).state_dict())
    norm = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    block = [f"layer1.0.{kind}{n}.{key}" for n in (1, 2, 3) for kind in ("conv", "bn") for key in norm]
    block = [name for name in block if "conv" not in name or name.endswith("weight")]
    block += ["layer1.0.downsample.0.weight", *(f"layer1.0.downsample.1.{key}" for key in norm)]
    assert names[: 6 + len(block)] == ["conv1.weight", *(f"bn1.{key}" for key in norm), *block]
    assert names[-2:] == ["fc.weight", "fc.bias"]
    assert not any("downsample" in name for name in models.resnet20().state_dict())


@pytest.mark.parametrize("make", [models.resnet18, models.resnet50])
def test_images_become_scores(make):
    model = make(num_classes=7).eval()
    stem = model.maxpool(model.relu(model.bn1(model.conv1(koubai.zeros(1, 3, 64, 64)))))
    assert stem.shape == (1, 64, 16, 16)
    assert model.layer4(model.layer3(model.layer2(model.layer1(stem)))).shape[2:] == (2, 2)
    assert model(koubai.zeros(2, 3, 64, 64)).shape == (2, 7)


def test_small_images_keep_their_size_at_first():
    model = models.resnet20().eval()
    x = koubai.randn(2, 3, 32, 32)
    assert model.layer1(model.relu(model.bn1(model.conv1(x)))).shape == (2, 16, 32, 32)
    assert model(x).shape == (2, 10)


def test_a_block_starts_as_its_shortcut():
    model = models.ResNet(models.BasicBlock, (1, 1), 3, True, (4, 6), small_images=True).double()
    x = double(2, 4, 4, 4).relu()
    assert model.layer1(x).equal(x)
    padded = model.layer2(x)
    assert padded.shape == (2, 6, 2, 2)
    assert padded[:, 1:5].equal(x[:, :, ::2, ::2])
    assert not padded[:, [0, 5]].any()


@pytest.mark.parametrize("seed", [0, 1])
def test_gradients_and_replay_of_blocks(seed):
    koubai.manual_seed(seed)
    shortcut = nn.Sequential(nn.Conv2d(2, 4, 1, 2, bias=False), nn.BatchNorm2d(4))
    check_layer(models.BasicBlock(2, 4, 2, shortcut).double(), double(2, 2, 4, 4), order=1)
    check_layer(models.Bottleneck(4, 1).double(), double(2, 4, 3, 3), order=1)


def test_a_compiled_step_is_the_eager_one():
    x, y = koubai.randn(4, 3, 8, 8), koubai.tensor([0, 1, 2, 0])
    weights = []
    for compiled in (False, True):
        koubai.manual_seed(1)
        model = models.ResNet(models.BasicBlock, (1, 1), 3, widths=(4, 8), small_images=True)
        optimizer = koubai.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

        def step():
            optimizer.zero_grad()  # noqa: B023
            loss = nn.functional.cross_entropy(model(x), y)  # noqa: B023
            loss.backward()
            optimizer.step()  # noqa: B023
            return loss

        run = koubai.compile(step) if compiled else step
        for _ in range(3):
            run()
        weights.append([value.numpy() for value in model.state_dict().values()])
    for eager, native in zip(*weights, strict=True):
        np.testing.assert_allclose(native, eager, rtol=1e-3, atol=1e-4)
