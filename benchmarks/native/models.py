"""The networks, written once: with the names of Koubai and of PyTorch being the same, so is the program.

Each function takes the framework, the module `koubai` or `torch`, and returns a network of it.
"""

from __future__ import annotations

from typing import Any

Framework = Any  # the module koubai or torch
Model = Any
Tensor = Any


def mlp(
    framework: Framework, inputs: int = 784, width: int = 128, depth: int = 1, classes: int = 10
) -> Model:
    """`depth` hidden layers of `width` rectified units."""
    nn = framework.nn
    layers = []
    for size in [inputs, *[width] * (depth - 1)]:
        layers += [nn.Linear(size, width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, classes))


def cnn(framework: Framework) -> Model:
    """Two convolutions with pooling, two linear layers, for images of 1 x 28 x 28."""
    nn = framework.nn
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),  # (N, 32, 14, 14)
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),  # (N, 64, 7, 7)
        *(nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10)),
    )


def resnet20(framework: Framework) -> Model:
    """The residual network for images of 3 x 32 x 32; where channels double, the shortcut is padded with zeros.

    He et al., "Deep residual learning for image recognition" (2016), section 4.2, option A.
    """
    nn, relu = framework.nn, framework.nn.functional.relu

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.stride, self.missing = stride, (outputs - inputs) // 2
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(outputs)

        def forward(self, x: Tensor) -> Tensor:
            y = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
            return relu(y + self.shortcut(x))

        def shortcut(self, x: Tensor) -> Tensor:
            if self.stride == 1:
                return x
            every_other = x[:, :, :: self.stride, :: self.stride]
            return nn.functional.pad(every_other, (0, 0, 0, 0, self.missing, self.missing))

    return nn.Sequential(
        *(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
        *(Block(16, 16, 1), Block(16, 16, 1), Block(16, 16, 1)),  # (N, 16, 32, 32)
        *(Block(16, 32, 2), Block(32, 32, 1), Block(32, 32, 1)),  # (N, 32, 16, 16)
        *(Block(32, 64, 2), Block(64, 64, 1), Block(64, 64, 1)),  # (N, 64, 8, 8)
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)),
    )


def resnet18(framework: Framework) -> Model:
    """The residual network for ImageNet; where channels double, the shortcut is a convolution.

    He et al. (2016), table 1.
    """
    nn, relu = framework.nn, framework.nn.functional.relu

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(outputs)
            projection = [nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)]
            self.downsample = nn.Sequential(*projection * (stride > 1))

        def forward(self, x: Tensor) -> Tensor:
            y = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
            return relu(y + self.downsample(x))

    return nn.Sequential(
        *(nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU()),  # (N, 64, 112, 112)
        *(nn.MaxPool2d(3, 2, 1), Block(64, 64, 1), Block(64, 64, 1)),  # (N, 64, 56, 56)
        *(Block(64, 128, 2), Block(128, 128, 1)),
        *(Block(128, 256, 2), Block(256, 256, 1)),
        *(Block(256, 512, 2), Block(512, 512, 1)),  # (N, 512, 7, 7)
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000)),
    )


# factor of the channels inside, channels, blocks, stride of the first of them
MOBILE_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def mobilenet_v2(framework: Framework) -> Model:
    """Convolutions of single channels between such of single pixels, for ImageNet.

    Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks" (2018), table 2.
    """
    nn = framework.nn

    def normalized(inputs: int, outputs: int, size: int = 1, stride: int = 1, groups: int = 1) -> list[Any]:
        layer = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
        return [layer, nn.BatchNorm2d(outputs)]

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, inputs: int, outputs: int, stride: int, factor: int) -> None:
            super().__init__()
            inside = factor * inputs
            wide = [*normalized(inputs, inside), nn.ReLU6()] if factor > 1 else []
            deep = [*normalized(inside, inside, 3, stride, groups=inside), nn.ReLU6()]
            self.body = nn.Sequential(*wide, *deep, *normalized(inside, outputs))
            self.adds = stride == 1 and inputs == outputs

        def forward(self, x: Tensor) -> Tensor:
            y = self.body(x)
            return x + y if self.adds else y

    blocks, inputs = [], 32
    for factor, outputs, count, stride in MOBILE_STAGES:
        for number in range(count):
            blocks.append(Block(inputs, outputs, 1 if number else stride, factor))
            inputs = outputs
    return nn.Sequential(
        *(*normalized(3, 32, 3, 2), nn.ReLU6()),  # (N, 32, 112, 112)
        *blocks,  # (N, 320, 7, 7)
        *(*normalized(320, 1280), nn.ReLU6()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 1000)),
    )


def char_lstm(framework: Framework, hidden: int = 128, vocabulary: int = 65) -> Model:
    """Predicts the next character from an LSTM's state; scores of all positions come as rows (N T, vocabulary)."""
    nn = framework.nn

    class CharLSTM(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(vocabulary, 64)
            self.lstm = nn.LSTM(64, hidden, batch_first=True)
            self.head = nn.Linear(hidden, vocabulary)

        def forward(self, tokens: Tensor) -> Tensor:
            states, _ = self.lstm(self.embedding(tokens))
            return self.head(states).reshape(-1, vocabulary)

    return CharLSTM()


class Attention:
    """Marks the layers whose two products of activations `flops` counts beside those of their linear layers."""


def gpt(
    framework: Framework,
    width: int = 128,
    heads: int = 4,
    layers: int = 4,
    length: int = 64,
    vocabulary: int = 65,
) -> Model:
    """A small GPT: causal self-attention and GELU, normalised before; scores come as rows (N T, vocabulary)."""
    nn = framework.nn

    class SelfAttention(nn.Module, Attention):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.qkv = nn.Linear(width, 3 * width)
            self.out = nn.Linear(width, width)

        def forward(self, x: Tensor) -> Tensor:
            n, t, _ = x.shape
            q, k, v = (
                part.reshape(n, t, heads, width // heads).transpose(1, 2)  # (N, heads, T, width / heads)
                for part in self.qkv(x).split(width, dim=2)
            )
            mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.out(mixed.transpose(1, 2).reshape(n, t, width))

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.attention = nn.LayerNorm(width), SelfAttention()
            self.norm2 = nn.LayerNorm(width)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x: Tensor) -> Tensor:
            x = x + self.attention(self.norm1(x))
            return x + self.mlp(self.norm2(x))

    class GPT(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
            self.blocks = nn.Sequential(*(Block() for _ in range(layers)))
            self.norm = nn.LayerNorm(width)
            self.head = nn.Linear(width, vocabulary, bias=False)

        def forward(self, tokens: Tensor) -> Tensor:
            x = self.tokens(tokens) + self.positions(framework.arange(length))
            return self.head(self.norm(self.blocks(x))).reshape(-1, vocabulary)

    return GPT()
