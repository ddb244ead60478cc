"""All objects and switches that a compiled step rests on, to see whether any was exchanged since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from koubai.nn.module import Module
from koubai.nn.parameter import Parameter
from koubai.train.update import ClipGradients

if TYPE_CHECKING:
    from koubai.train.trainer import Trainer

__all__ = ["makeup_of", "same"]

_SETTINGS = {int, float, bool, str, type(None)}


def makeup_of(trainer: Trainer) -> list[Any]:
    """Return what a step is made of: loss, optimizer, clipping, layers, parameters and their switches."""
    groups = getattr(trainer.optimizer, "param_groups", ())
    clips = [callback for callback in trainer.callbacks if isinstance(callback, ClipGradients)]
    return [
        trainer.loss,
        trainer.optimizer,
        *(limit for clip in clips for limit in (clip.norm, clip.value)),
        *(parameter for group in groups for parameter in group["params"]),
        *_of_module(trainer.model),
        *(_of_module(trainer.loss) if isinstance(trainer.loss, Module) else ()),
    ]


def same(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Whether these are the very same objects; texts may be equal."""
    return len(one) == len(other) and all(
        a is b or (a.__class__ is str and a == b) for a, b in zip(one, other)
    )


def _of_module(root: Module) -> Iterator[Any]:
    for module in root.modules():
        yield module
        for name, value in vars(module).items():
            if name != "training" and (value.__class__ in _SETTINGS or callable(value)):
                yield value
        for shelf in vars(module._hooks).values():
            yield from shelf.values()
        for parameter in module._parameters.values():
            yield from _of_parameter(parameter)
        yield from module._buffers.values()


def _of_parameter(parameter: Parameter | None) -> Iterator[Any]:
    yield parameter
    if parameter is not None:
        yield parameter.requires_grad
        yield from parameter._hooks or ()
        yield from parameter._accumulation_hooks or ()
