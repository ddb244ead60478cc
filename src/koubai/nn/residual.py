"""`Residual`: a layer with a connection around it, so that gradients reach the layers below undamped."""

from __future__ import annotations

from koubai.engine.tensor import Tensor
from koubai.nn.module import Module

__all__ = ["Residual"]


class Residual(Module):
    """y = module(x) + shortcut(x) (He et al., 2016). The layer learns what to add to its input.

    Args:
        module: what is added to.
        shortcut: brings the input to the output's shape where `module` changes it, such as a 1×1 convolution
            with the same stride; by default the input itself.

    Shape:
        input as `module` takes it, output as `module` and `shortcut` both return it.

    Raises:
        RuntimeError: the two shapes differ; then a shortcut is missing.

    Example:
        >>> block = nn.Residual(nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)))
    """

    shortcut: Module | None

    def __init__(self, module: Module, shortcut: Module | None = None) -> None:
        super().__init__()
        self.module = module
        self.add_module("shortcut", shortcut)

    def forward(self, input: Tensor) -> Tensor:
        """Run the layer and add the input to its output."""
        output: Tensor = self.module(input)
        around: Tensor = input if self.shortcut is None else self.shortcut(input)
        if output.shape != around.shape:
            raise RuntimeError(
                f"Residual: the layer made {tuple(output.shape)} and the connection around it "
                f"{tuple(around.shape)}; give a shortcut that makes the same shape, such as Linear "
                "or Conv2d(…, 1, stride)"
            )
        return output + around
