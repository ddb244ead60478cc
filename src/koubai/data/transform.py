"""Random changes to a batch of inputs, which give a network more to learn from than there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from koubai.engine.random import Generator


class Transform:
    """The base of augmentations: called with inputs, or with a whole batch whose first item are the inputs.

    The same generator state gives the same change. Subclasses define `change`.
    """

    def __call__(self, batch: Any, generator: Generator | None = None) -> Any:
        """Change inputs at random.

        Args:
            batch: the inputs, or a tuple or list (inputs, targets, ...), whose targets stay as they are.
            generator: where the chance comes from; the default generator if None.
        """
        if self.is_batch(batch):
            return [self.change(batch[0], generator), *batch[1:]]
        return self.change(batch, generator)

    def is_batch(self, values: Any) -> bool:
        """Whether `values` are (inputs, targets, ...) and not inputs alone."""
        return isinstance(values, tuple | list)

    def change(self, inputs: Any, generator: Generator | None) -> Any:
        """The changed inputs; those given stay as they are."""
        raise NotImplementedError(f"{type(self).__name__} has to define change(inputs, generator)")

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({options})"


class Compose:
    """Several transforms, one after the other.

    Args:
        transforms: each is called with the batch and the generator.

    Example:
        >>> augment = Compose([RandomHorizontalFlip(), RandomCrop(28, padding=2), Cutout(8)])
        >>> loader = DataLoader(train, batch_size=64, shuffle=True, augment=augment)
    """

    def __init__(self, transforms: Sequence[Any]) -> None:
        self.transforms = list(transforms)

    def __call__(self, batch: Any, generator: Generator | None = None) -> Any:
        """Change the batch by each transform in turn."""
        for transform in self.transforms:
            batch = transform(batch, generator)
        return batch

    def __repr__(self) -> str:
        return f"Compose({self.transforms!r})"


def probability(p: float) -> float:
    """Return p if it is a probability.

    Raises:
        ValueError: if it is not.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"p has to be a probability between 0 and 1, but it is {p}")
    return p
