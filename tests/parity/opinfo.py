"""PyTorch's database of ops and their test samples (OpInfo), and how each sample is run on PyTorch and on Koubai."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from types import FunctionType
from typing import Any

import torch

import koubai

from .comparison import Mismatch
from .translation import Refused, Translator, counterpart, find, replace

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db
    from torch.testing._internal.opinfo.core import OpInfo, SampleInput

# Before each sample, PyTorch seeds all devices, and where one is missing it notes the whole call stack instead.
for missing in (torch.cuda, torch.xpu, torch.mtia):
    if not missing.is_available():
        missing.manual_seed_all = lambda seed: None

__all__ = [
    "Mismatch",
    "OpInfo",
    "Refused",
    "Run",
    "Tally",
    "Translator",
    "Variant",
    "exists",
    "op_db",
    "variants",
]


@dataclass
class Tally:
    """How many samples of one op passed, failed and were skipped."""

    passed: int = 0
    untraced: int = 0
    failures: list[str] = field(default_factory=list)
    skips: Counter[str] = field(default_factory=Counter)

    def as_property(self) -> dict[str, Any]:
        """Return it as plain data, which pytest can carry between processes."""
        return {
            "passed": self.passed,
            "untraced": self.untraced,
            "failed": len(self.failures),
            "skipped": dict(self.skips),
        }


def exists(op: OpInfo) -> bool:
    """Tell whether Koubai has the op, as a function or a method."""
    return find(op.name) is not None or find(f"{op.name}_") is not None


@dataclass
class Variant:
    """One way to call an op: torch's, and Koubai's."""

    name: str
    torch: Callable[..., Any]
    koubai: Callable[..., Any] | None
    in_place: bool = False


def variants(op: OpInfo) -> Iterator[Variant]:
    """Give the ways to call `op`: as a function, as a method (where that is another one), in place."""
    plain = counterpart(op.op, op.name)
    yield Variant("function", op.op, plain)
    for kind, function in (("method", op.method_variant), ("in place", op.inplace_variant)):
        if function is not None and not op.is_factory_function:
            name = getattr(function, "__name__", op.name)
            helper = isinstance(function, partial) or name == "<lambda>"
            own = counterpart(function, op.name) if helper else getattr(koubai.Tensor, name, None)
            if own is not plain or own is None:
                yield Variant(kind, function, own, in_place=kind == "in place")


@dataclass
class Run:
    """A sample in both worlds, ready to be called in one variant."""

    variant: Variant
    sample: SampleInput
    translate: Translator
    arguments: tuple[Any, ...]
    options: dict[str, Any]

    @classmethod
    def of(cls, variant: Variant, sample: SampleInput) -> Run:
        """Convert the sample's arguments."""
        if sample.kwargs.get("out") is not None:
            raise Refused("out=")
        translate = Translator()
        arguments = translate((sample.input, *sample.args))
        return cls(variant, sample, translate, arguments, translate(sample.kwargs))

    def on_torch(self) -> Any:
        """Call PyTorch."""
        first = self.sample.input.clone() if self.variant.in_place else self.sample.input
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = self.variant.torch(first, *self.sample.args, **self.sample.kwargs)
        return self._outputs(result, torch)

    def on_koubai(self, *tensors: koubai.Tensor) -> Any:
        """Call Koubai, with `tensors` in the place of the converted ones."""
        own = [pair[1] for pair in self.translate.pairs.values()]
        arguments, options = self.arguments, self.options
        if tensors:
            swap = {id(old): new for old, new in zip(own, tensors)}
            arguments, options = replace(arguments, swap), replace(options, swap)
        first, *rest = arguments
        first = first.clone() if self.variant.in_place else first
        if hasattr(koubai, "manual_seed"):
            koubai.manual_seed(0)
        assert self.variant.koubai is not None
        return self._outputs(self.variant.koubai(first, *rest, **options), koubai)

    def _outputs(self, result: Any, library: Any) -> Any:
        process = self.sample.output_process_fn_grad
        if library is koubai and isinstance(process, FunctionType):
            process = counterpart(process, process.__name__) or process
        return process(result)

    def own_tensors(self) -> list[koubai.Tensor]:
        """Return the converted tensors."""
        return [pair[1] for pair in self.translate.pairs.values()]
