"""PyTorch's own test samples (OpInfo), run on PyTorch and on Koubai, and compared.

A sample's arguments are converted one by one; a helper that PyTorch wrote for an op runs unchanged, with the name
`torch` standing for `koubai` in it. What Koubai leaves out on purpose raises `Refused`, with the reason.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

import numpy as np
import torch

import koubai
import koubai.nn.functional

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db
    from torch.testing._internal.opinfo.core import OpInfo, SampleInput

DTYPES = {
    torch.bool: koubai.bool,
    torch.uint8: koubai.uint8,
    torch.int8: koubai.int8,
    torch.int16: koubai.int16,
    torch.int32: koubai.int32,
    torch.int64: koubai.int64,
    torch.float16: koubai.float16,
    torch.float32: koubai.float32,
    torch.float64: koubai.float64,
}
TOLERANCES = {koubai.float64: (1e-9, 1e-12), koubai.float32: (5e-5, 1e-6), koubai.float16: (1e-2, 1e-3)}
ERRORS = (RuntimeError, TypeError, ValueError, IndexError)
IGNORED_ARGUMENTS = ("device", "layout", "memory_format", "pin_memory")


class Refused(Exception):
    """A sample that uses a feature Koubai leaves out on purpose."""


class Mismatch(Exception):
    """Koubai and PyTorch (or eager and traced, or analytic and numerical) differ."""


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


# --- from torch to koubai


class Translator:
    """Converts arguments; the same torch tensor becomes the same koubai tensor every time."""

    def __init__(self) -> None:
        self.pairs: dict[int, tuple[torch.Tensor, koubai.Tensor]] = {}

    def __call__(self, value: Any) -> Any:
        """Return Koubai's counterpart of `value`.

        Raises:
            Refused: if it has none.
        """
        if isinstance(value, torch.Tensor):
            if id(value) not in self.pairs:
                self.pairs[id(value)] = (value, tensor_of(value))
            return self.pairs[id(value)][1]
        if isinstance(value, torch.dtype):
            return dtype_of(value)
        if isinstance(value, dict):
            return {key: self(item) for key, item in value.items() if key not in IGNORED_ARGUMENTS}
        if isinstance(value, list | tuple):
            return (list if isinstance(value, list) else tuple)(map(self, value))
        if isinstance(value, slice):
            return slice(self(value.start), self(value.stop), self(value.step))
        if isinstance(value, torch.device):
            return "cpu"
        if isinstance(value, torch.nn.PairwiseDistance):
            return koubai.nn.PairwiseDistance(value.norm, value.eps, value.keepdim)
        if isinstance(value, torch.Generator | torch.layout | complex | torch.nn.Module):
            raise Refused(f"{type(value).__name__} as an argument")
        if callable(value) and getattr(value, "__module__", "").startswith("torch.nn"):
            return counterpart(value, f"nn.functional.{value.__name__}")
        return value

    def differentiable(self) -> list[tuple[torch.Tensor, koubai.Tensor]]:
        """Return the pairs of tensors that require gradients."""
        return [pair for pair in self.pairs.values() if pair[0].requires_grad]


def dtype_of(dtype: torch.dtype) -> Any:
    """Return Koubai's dtype."""
    if dtype not in DTYPES:
        raise Refused("complex numbers" if dtype.is_complex else f"element type {dtype}")
    return DTYPES[dtype]


def tensor_of(value: torch.Tensor) -> koubai.Tensor:
    """Return a tensor with a copy of the values of `value`."""
    dtype_of(value.dtype)
    if value.layout != torch.strided:
        raise Refused("sparse tensors")
    made = koubai.from_numpy(value.detach().numpy(force=True).copy())
    return made.requires_grad_() if value.requires_grad else made


def find(name: str) -> Any:
    """Return koubai's function, or Tensor method, called `name` (dotted); None if there is none."""
    for root in (koubai, koubai.Tensor):
        found: Any = root
        for part in name.split("."):
            found = getattr(found, part, None)
        if callable(found) or isinstance(found, property):
            return found
    return None


def counterpart(function: Any, name: str) -> Callable[..., Any] | None:
    """Return what stands in for a torch function: the koubai function `name`, or PyTorch's helper run on koubai."""
    if isinstance(function, FunctionType) and function.__module__.startswith("torch.testing"):
        names = {**function.__globals__, "torch": koubai}
        return FunctionType(function.__code__, names, name, function.__defaults__, function.__closure__)
    found: Callable[..., Any] | None = find(name)
    return found


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
    """Give the ways to call `op`: as a function, as a method, in place."""
    yield Variant("function", op.op, counterpart(op.op, op.name))
    for kind, function in (("method", op.method_variant), ("in place", op.inplace_variant)):
        if function is not None and not op.is_factory_function:
            name = getattr(function, "__name__", op.name)
            own = counterpart(function, name) if name == "<lambda>" else getattr(koubai.Tensor, name, None)
            yield Variant(kind, function, own, in_place=kind == "in place")


# --- running and comparing


def leaves(value: Any, kind: type) -> list[Any]:
    """Return the tensors in nested tuples, lists and dicts, in order."""
    if isinstance(value, kind):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [leaf for item in value for leaf in leaves(item, kind)] if isinstance(value, list | tuple) else []


def compare(ours: Any, theirs: Any, what: str, values: bool = True) -> None:
    """Compare results: structure, shapes, dtypes and (unless they are random) values.

    Raises:
        Mismatch: naming the first difference.
    """
    if isinstance(theirs, torch.Tensor):
        if not isinstance(ours, koubai.Tensor):
            raise Mismatch(f"{what} is {type(ours).__name__}, not a tensor")
        compare_tensors(ours, theirs.detach(), what, values)
    elif isinstance(theirs, list | tuple):
        if not isinstance(ours, list | tuple) or len(ours) != len(theirs):
            raise Mismatch(f"{what} is {ours}, not {theirs}")
        if hasattr(theirs, "_fields") and theirs._fields != getattr(ours, "_fields", None):
            raise Mismatch(f"{what} has not the names {theirs._fields}")
        for index, (mine, other) in enumerate(zip(ours, theirs)):
            compare(mine, other, f"{what} {index}", values)
    elif isinstance(theirs, float):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    elif values and ours != theirs:
        raise Mismatch(f"{what} is {ours!r}, not {theirs!r}")


def compare_tensors(ours: koubai.Tensor, theirs: torch.Tensor, what: str, values: bool = True) -> None:
    """Compare two tensors in shape, dtype and value, by the tolerance of their dtype."""
    if ours.shape != tuple(theirs.shape) or ours.dtype != dtype_of(theirs.dtype):
        raise Mismatch(f"{what} is {ours.dtype}{list(ours.shape)}, not {theirs.dtype}{list(theirs.shape)}")
    if values:
        compare_arrays(ours.detach().numpy(), theirs.resolve_conj().numpy(), what)


def compare_arrays(mine: Any, other: Any, what: str) -> None:
    """Compare two arrays of one dtype, to the tolerance of that dtype relative to their largest element."""
    relative, absolute = TOLERANCES.get(mine.dtype, (0, 0))
    finite = np.abs(other[np.isfinite(other)]) if other.dtype.kind == "f" else np.zeros(0)
    scale = max(1.0, float(finite.max())) if finite.size else 1.0
    close = np.isclose(mine, other, rtol=relative, atol=absolute * scale, equal_nan=True)
    if not close.all():
        at = tuple(int(i) for i in np.argwhere(~close)[0])
        raise Mismatch(
            f"{what}{list(at)} is {mine[at]}, not {other[at]} ({(~close).sum()} of {close.size} differ)"
        )


def random_like(values: Any, seed: int = 0) -> Any:
    """Return normal numbers of the shape and dtype of an array."""
    return np.random.default_rng(seed).standard_normal(values.shape).astype(values.dtype)


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


def replace(value: Any, swap: dict[int, Any]) -> Any:
    """Return nested `value` with the tensors exchanged that `swap` names by id."""
    if isinstance(value, koubai.Tensor):
        return swap.get(id(value), value)
    if isinstance(value, list | tuple):
        return type(value)(replace(item, swap) for item in value)
    if isinstance(value, dict):
        return {key: replace(item, swap) for key, item in value.items()}
    if isinstance(value, slice):
        return slice(*(replace(item, swap) for item in (value.start, value.stop, value.step)))
    return value


# --- the checks on one sample


def check_values(run: Run, values: bool, any_position: bool = False) -> tuple[Any, Any]:
    """Compare the results and return both.

    With `any_position`, positions of which there are several equally good ones may differ, and only the values that
    stand there are compared.
    """
    try:
        theirs = run.on_torch()
    except ERRORS:
        check_refusal(run)
        return None, None
    if any(leaf.layout != torch.strided for leaf in leaves(theirs, torch.Tensor)):
        raise Refused("sparse tensors")
    for leaf in leaves(theirs, torch.Tensor):
        dtype_of(leaf.dtype)
    ours = run.on_koubai()
    free = any_position and not run.sample.kwargs.get("stable") and has_equal_elements(run.sample.input)
    compare(ours, theirs, "result", values and not free)
    if free and isinstance(theirs, tuple):
        compare(ours[0], theirs[0], "result", values)
    return ours, theirs


def has_equal_elements(tensor: torch.Tensor) -> bool:
    """Tell whether any two elements are equal (or NaN)."""
    return len(tensor.unique()) < tensor.numel() or bool(tensor.isnan().any())


def check_refusal(run: Run) -> None:
    """Check that Koubai raises too, where PyTorch does (an integer tensor that would have to hold a fraction)."""
    try:
        run.on_koubai()
    except ERRORS:
        return
    raise Refused("PyTorch raises on the sample, Koubai computes it")


def check_gradients(run: Run, ours: Any, theirs: Any, second: bool, order: str = "gradient") -> None:
    """Compare the gradients of every differentiable input, for a random gradient of every result; then once more
    the gradients of those, if `second`, except where PyTorch's are NaN (such as those of a norm at 0)."""
    pairs = run.translate.differentiable()
    tops = [
        (o, t) for o, t in zip(leaves(ours, koubai.Tensor), leaves(theirs, torch.Tensor)) if t.requires_grad
    ]
    if not pairs or not tops:
        return
    arrays = [random_like(own.detach().numpy(), seed) for seed, (own, _) in enumerate(tops)]
    try:
        other = torch.autograd.grad(
            [top for _, top in tops],
            [leaf for leaf, _ in pairs],
            [torch.from_numpy(array) for array in arrays],
            create_graph=second,
            allow_unused=True,
        )
    except NotImplementedError:
        return  # PyTorch has no gradient for the op
    if not all(own.requires_grad for own, _ in tops):
        raise Mismatch("a result requires no gradient, but PyTorch's does")
    mine = koubai.grad(
        [own for own, _ in tops],
        [own for _, own in pairs],
        [koubai.from_numpy(array) for array in arrays],
        create_graph=second,
        allow_unused=True,
    )
    both = [(m, o) for m, o in zip(mine, other) if o is not None or m is not None]
    for index, (m, o) in enumerate(both):
        shape = o if o is not None else m
        first = np.zeros(shape.shape) if m is None else m.detach().numpy()
        other_first = np.zeros(shape.shape) if o is None else o.detach().numpy(force=True)
        if order != "gradient":
            first = np.where(np.isnan(other_first), np.nan, first)
        compare_arrays(first, other_first, f"{order} {index}")
    if second:
        again = [
            (m, o) for m, o in both if o is not None and m is not None and o.requires_grad and m.requires_grad
        ]
        ours, theirs = [m for m, _ in again], [o for _, o in again]
        check_gradients(run, ours, theirs, second=False, order="second gradient")


def check_trace(run: Run, ours: Any) -> None:
    """Trace the sample with its gradients, replay it, and compare the bits with eager.

    Raises:
        DataDependentError: if the op asks for values, or its result's shape depends on them.
    """
    tensors = run.own_tensors()
    tops = [own for own in leaves(ours, koubai.Tensor) if own.requires_grad]
    arrays = [koubai.from_numpy(random_like(own.detach().numpy(), 7)) for own in tops]

    def step(*tensors: koubai.Tensor) -> Any:
        outputs = leaves(run.on_koubai(*tensors), koubai.Tensor)
        tops = [own for own in outputs if own.requires_grad]
        wanted = [own for own in tensors if own.requires_grad]
        if not tops or not wanted:
            return outputs
        found = koubai.grad(tops, wanted, arrays, allow_unused=True)
        return outputs, [gradient for gradient in found if gradient is not None]

    eager = leaves(step(*tensors), koubai.Tensor)
    program = koubai.trace(step, *tensors)
    replayed = leaves(program(*tensors), koubai.Tensor)
    for index, (first, second) in enumerate(zip(eager, replayed, strict=True)):
        a, b = first.detach().numpy(), second.detach().numpy()
        if a.dtype != b.dtype or a.shape != b.shape or a.tobytes() != b.tobytes():
            raise Mismatch(f"traced result {index} is not bit-equal: {b} instead of {a}")


def check_numerically(run: Run, step: float = 1e-6) -> None:
    """Compare the gradient along a random direction with the difference quotient along it."""
    pairs = run.translate.differentiable()
    own = [tensor for _, tensor in pairs]
    tops = [top for top in leaves(run.on_koubai(), koubai.Tensor) if top.requires_grad]
    if not own or not tops or any(top.dtype != koubai.float64 for top in tops):
        return
    weights = [random_like(top.detach().numpy(), seed) for seed, top in enumerate(tops)]
    found = koubai.grad(tops, own, [koubai.from_numpy(w) for w in weights], allow_unused=True)
    directions = [random_like(tensor.detach().numpy(), 100 + seed) for seed, tensor in enumerate(own)]
    analytic = sum(float((g.numpy() * d).sum()) for g, d in zip(found, directions) if g is not None)

    def along(t: float) -> float:
        moved = {
            id(old): koubai.from_numpy(np.asarray(old.detach().numpy() + t * d)).requires_grad_()
            for old, d in zip(own, directions)
        }
        outputs = leaves(run.on_koubai(*[moved.get(id(x), x) for x in run.own_tensors()]), koubai.Tensor)
        outputs = [top for top in outputs if top.requires_grad]
        return sum(float((top.detach().numpy() * w).sum()) for top, w in zip(outputs, weights))

    numerical = (along(step) - along(-step)) / (2 * step)
    if not np.isclose(analytic, numerical, rtol=1e-4, atol=1e-5, equal_nan=True):
        raise Mismatch(f"slope along a direction is {analytic}, numerically {numerical}")


__all__ = [
    "Mismatch",
    "OpInfo",
    "Refused",
    "Run",
    "Tally",
    "Variant",
    "check_gradients",
    "check_numerically",
    "check_trace",
    "check_values",
    "exists",
    "op_db",
    "variants",
]
