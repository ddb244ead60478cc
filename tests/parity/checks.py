"""What is checked on one sample: values, gradients, second gradients, numerical ones, and the traced replay."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import koubai

from .comparison import Mismatch, compare, compare_arrays, leaves, random_like
from .opinfo import Run
from .translation import Refused, dtype_of

ERRORS = (RuntimeError, TypeError, ValueError, IndexError)


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
    ours = run_unless_refused(run)
    free = any_position and not run.sample.kwargs.get("stable") and has_equal_elements(run.sample.input)
    compare(ours, theirs, "result", values and not free)
    if free and isinstance(theirs, tuple):
        compare(ours[0], theirs[0], "result", values)
    return ours, theirs


def run_unless_refused(run: Run) -> Any:
    """Call Koubai.

    Raises:
        Refused: if a loss refuses to broadcast its target, as it should.
    """
    try:
        return run.on_koubai()
    except ValueError as error:
        if "they are not broadcast" in str(error):
            raise Refused("a loss would broadcast its target") from error
        raise


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


def check_gradients(run: Run, ours: Any, theirs: Any, twice: bool, relative: float | None = None) -> None:
    """Compare the gradients of every differentiable input, for a random gradient of every result; with `twice`, also
    the gradients of these, except where PyTorch's are NaN (such as those of a norm at 0)."""
    pairs = gradients(run, leaves(ours, koubai.Tensor), leaves(theirs, torch.Tensor), create_graph=twice)
    for index, (mine, other) in enumerate(pairs):
        compare_arrays(array_of(mine, other), array_of(other, mine), f"gradient {index}", relative)
    if twice:
        again = [(m, o) for m, o in pairs if m is not None and o is not None]
        second = gradients(
            run, [m for m, _ in again], [o for _, o in again], create_graph=False, constants=True
        )
        for index, (mine, other) in enumerate(second):
            expected = array_of(other, mine)
            found = np.where(np.isnan(expected), np.nan, array_of(mine, other))
            compare_arrays(found, expected, f"second gradient {index}", relative)


def gradients(
    run: Run, ours: list[Any], theirs: list[Any], create_graph: bool, constants: bool = False
) -> list[tuple[Any, Any]]:
    """Return Koubai's and PyTorch's gradient (or None) of each input that requires one, where either has one.

    With `constants`, a result of ours may depend on no input; its gradient is 0.
    """
    tops = [(mine, other) for mine, other in zip(ours, theirs) if other.requires_grad]
    inputs = run.translate.differentiable()
    if not tops or not inputs:
        return []
    arrays = [random_like(mine.detach().numpy(), seed) for seed, (mine, _) in enumerate(tops)]
    options = {"create_graph": create_graph, "allow_unused": True}
    try:
        other = torch.autograd.grad(
            [top for _, top in tops], [u for u, _ in inputs], [torch.from_numpy(a) for a in arrays], **options
        )
    except RuntimeError as error:
        if "not implemented" in str(error):
            return []  # PyTorch has no gradient for the op
        raise
    recorded = [(top, koubai.from_numpy(a)) for (top, _), a in zip(tops, arrays) if top.requires_grad]
    if len(recorded) < len(tops) and not constants:
        raise Mismatch("a result requires no gradient, but PyTorch's does")
    mine: Any = [None] * len(inputs)
    if recorded:
        mine = koubai.grad(
            [top for top, _ in recorded], [x for _, x in inputs], [a for _, a in recorded], **options
        )
    return [(m, o) for m, o in zip(mine, other) if m is not None or o is not None]


def array_of(gradient: Any, like: Any) -> Any:
    """Return a gradient as an array; None is zeros of the shape that the other library's gradient has."""
    return np.zeros(tuple(like.shape)) if gradient is None else gradient.detach().numpy(force=True)


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
