"""Random tensors, and the generators they come from.

A generator is a seed and a count of draws, kept in a tensor, so that a traced program reads and advances it like any
other state, and a resumed run goes on with exactly the numbers that an uninterrupted one would have had.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from koubai import dtypes
from koubai.engine.modes import modes, no_grad
from koubai.engine.tensor import Tensor
from koubai.functions.operands import method, one_shape
from koubai.functions.placing import on_device
from koubai.ops import random as ops

__all__ = [
    "Generator",
    "bernoulli",
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "multinomial",
    "normal",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
    "seed",
    "set_rng_state",
]


class Generator:
    """A source of random numbers: same seed, same numbers, on every machine.

    Example:
        >>> g = koubai.Generator().manual_seed(0)
        >>> koubai.rand(2, generator=g)
    """

    def __init__(self, device: Any = "cpu") -> None:
        self.device = device  # it draws on the CPU all the same
        self._state = Tensor(np.array([0, 0], np.int64))
        self.seed()

    def manual_seed(self, seed: int) -> Generator:
        """Start again from `seed`, and return the generator."""
        wrapped = (int(seed) + 2**63) % 2**64 - 2**63  # the same 64 bits as a signed number
        with no_grad():
            self._state._become(Tensor(np.array([wrapped, 0], np.int64)), "manual_seed")
        return self

    def seed(self) -> int:
        """Start again from a seed taken from the operating system, and return it."""
        seed = secrets.randbits(63)
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """Return the seed it started from."""
        return int(self._state.numpy()[0])

    def get_state(self) -> Tensor:
        """Return the state (seed and number of draws) as an int64 tensor of two elements."""
        return self._now()

    def set_state(self, state: Tensor) -> None:
        """Go on from a state that `get_state` returned.

        Raises:
            RuntimeError: if it is not such a state.
        """
        if state.shape != (2,) or state.dtype != dtypes.int64:
            raise RuntimeError(f"a generator's state is int64[2], got {state.dtype}{list(state.shape)}")
        with no_grad():
            self._state._become(state, "set_state")

    def draw(self) -> Tensor:
        """Return the state for one draw, and move on."""
        state = self._now()
        with no_grad():
            self._state._become(self._state + _one_draw(), "a random draw")
        return state

    def _now(self) -> Tensor:
        return Tensor(self._state.payload if modes.tracer is None else modes.tracer.lift(self._state))


def _one_draw() -> Tensor:
    return Tensor(np.array([0, 1], np.int64))


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator, which every random function uses that is given no other."""
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Seed the default generator from the operating system, and return the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """Return the seed of the default generator."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """Return the state of the default generator."""
    return default_generator.get_state()


def set_rng_state(state: Tensor) -> None:
    """Set the state of the default generator."""
    default_generator.set_state(state)


@contextmanager
def fork_rng() -> Iterator[None]:
    """Within it, draw as usual; afterwards the default generator is where it was before."""
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)


def _uniform(shape: tuple[int, ...], dtype: DTypeLike | None, generator: Generator | None) -> Tensor:
    chosen = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    if not dtypes.is_floating(chosen):
        raise RuntimeError(f"random numbers of type {chosen} are made by randint(), not rand() or randn()")
    if any(length < 0 for length in shape):
        raise RuntimeError(f"a shape has no negative lengths, got {list(shape)}")
    numbers: Tensor = ops.uniform((generator or default_generator).draw(), shape=shape, dtype=chosen)
    return numbers


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Return numbers spread evenly over [0, 1): `rand(2, 3)`.

    All random numbers are drawn on the CPU, so that they are the same on every device.
    """
    numbers = _uniform(one_shape(size), dtype, generator)
    return on_device(numbers, device).requires_grad_(requires_grad)


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Return standard normal numbers, mean 0 and variance 1: `randn(2, 3)` (Box and Muller 1958)."""
    shape = one_shape(size)
    radius = (-2 * (1 - _uniform(shape, dtype, generator)).log()).sqrt()
    angle = _uniform(shape, dtype, generator) * (2 * math.pi)
    return on_device(radius * angle.cos(), device).requires_grad_(requires_grad)


def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: DTypeLike = dtypes.int64,
    requires_grad: bool = False,
    device: Any = None,
) -> Tensor:
    """Return whole numbers from `low` (0 if left out) up to but not including `high`: `randint(10, (2, 3))`.

    Raises:
        RuntimeError: if the range is empty or wider than 2**53.
    """
    if size is None:
        low, high, size = 0, low, high
    if not low < high or high - low > 2**53:
        raise RuntimeError(f"randint() needs low < high and a range of at most 2**53, got {low} and {high}")
    spread = _uniform(one_shape((size,) if isinstance(size, int) else tuple(size)), dtypes.float64, generator)
    whole: Tensor = (spread * (high - low)).floor() + low
    return on_device(whole.to(dtypes.as_dtype(dtype)), device).requires_grad_(requires_grad)


def randperm(
    n: int, *, generator: Generator | None = None, dtype: DTypeLike = dtypes.int64, device: Any = None
) -> Tensor:
    """Return the numbers 0 to n - 1 in random order."""
    order: Tensor = ops.permutation((generator or default_generator).draw(), count=int(n))
    return on_device(order.to(dtypes.as_dtype(dtype)), device)


@method
def rand_like(
    input: Tensor,
    *,
    dtype: DTypeLike | None = None,
    generator: Generator | None = None,
    device: Any = None,
) -> Tensor:
    """Return `rand` of the shape and (unless given) dtype and device of `input`."""
    return rand(
        input.shape,
        dtype=dtype or input.dtype,
        generator=generator,
        device=input.device if device is None else device,
    )


@method
def randn_like(
    input: Tensor,
    *,
    dtype: DTypeLike | None = None,
    generator: Generator | None = None,
    device: Any = None,
) -> Tensor:
    """Return `randn` of the shape and (unless given) dtype and device of `input`."""
    return randn(
        input.shape,
        dtype=dtype or input.dtype,
        generator=generator,
        device=input.device if device is None else device,
    )


def randint_like(
    input: Tensor,
    low: int,
    high: int | None = None,
    *,
    dtype: DTypeLike | None = None,
    device: Any = None,
) -> Tensor:
    """Return `randint` of the shape and (unless given) dtype and device of `input`."""
    low, high = (0, low) if high is None else (low, high)
    return randint(
        low, high, input.shape, dtype=dtype or input.dtype, device=input.device if device is None else device
    )


@method
def bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None) -> Tensor:
    """Return 1 with the probability that each element of `input` (or `p`) says, else 0.

    Raises:
        RuntimeError: if `p` is no probability.
    """
    if p is not None and not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli() needs a probability between 0 and 1, got {p}")
    kind = input.dtype if dtypes.is_floating(input.dtype) else None
    draws = on_device(_uniform(input.shape, kind, generator), input.device)
    return (draws < (input.detach() if p is None else p)).to(input.dtype)


def normal(
    mean: Tensor | float = 0.0,
    std: Tensor | float = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: DTypeLike | None = None,
) -> Tensor:
    """Return normal numbers with the given mean and standard deviation, numbers or tensors."""
    like = next((value for value in (mean, std) if isinstance(value, Tensor)), None)
    if size is None:
        size = np.broadcast_shapes(*(v.shape for v in (mean, std) if isinstance(v, Tensor)))
    chosen = dtype or (like.dtype if like is not None else None)
    where = None if like is None else like.device
    return randn(size, generator=generator, dtype=chosen, device=where) * std + mean


@method
def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Draw `num_samples` indices from each row of weights, with or without putting them back.

    Without replacement it takes the largest of log(weight) + Gumbel noise (Vieira 2014).

    Raises:
        RuntimeError: if a row has fewer positive weights than are to be drawn without replacement.
    """
    rows = input.detach().reshape(-1, input.shape[-1])
    if bool((rows < 0).any()) or bool((rows.sum(-1) <= 0).any()):
        raise RuntimeError("multinomial() needs weights that are not negative and not all 0")
    if replacement:
        bounds = rows.cumsum(-1) / rows.sum(-1, keepdim=True)
        draws = rand(rows.shape[0], num_samples, dtype=rows.dtype, generator=generator, device=rows.device)
        picked = (draws[:, :, None] >= bounds[:, None, :]).sum(-1).clamp(max=rows.shape[-1] - 1)
    else:
        if bool(((rows > 0).sum(-1) < num_samples).any()):
            raise RuntimeError(
                f"multinomial() cannot draw {num_samples} from fewer positive weights without replacement"
            )
        gumbel = -(-(1 - rand_like(rows, generator=generator)).log()).log()
        picked = (rows.log() + gumbel).topk(num_samples, -1)[1]
    drawn: Tensor = picked.reshape(*input.shape[:-1], num_samples)
    return drawn


@method
def uniform_(input: Tensor, a: float = 0.0, b: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill the tensor with numbers spread evenly over [a, b)."""
    return input._become(rand_like(input, generator=generator) * (b - a) + a, "uniform_")


@method
def normal_(
    input: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fill the tensor with normal numbers."""
    return input._become(randn_like(input, generator=generator) * std + mean, "normal_")


@method
def bernoulli_(input: Tensor, p: float = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Fill the tensor with 1 with probability `p`, else 0."""
    return input._become(bernoulli(input, p, generator=generator), "bernoulli_")


@method
def random_(
    input: Tensor, low: int = 0, high: int | None = None, *, generator: Generator | None = None
) -> Tensor:
    """Fill the tensor with whole numbers from `low` up to but not including `high`."""
    low, high = (0, low) if high is None and low else (low, 2**24 if high is None else high)
    kind: dict[str, Any] = {"dtype": input.dtype, "device": input.device}
    return input._become(randint(low, high, input.shape, generator=generator, **kind), "random_")


@method
def exponential_(input: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill the tensor with exponentially distributed numbers of rate `lambd`."""
    draws = rand_like(input, generator=generator)
    return input._become((1 - draws).log() / -lambd, "exponential_")
