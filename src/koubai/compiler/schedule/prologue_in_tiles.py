"""Factors of Winograd's convolutions that are computed when a tile is transformed, and never stored.

A tile's elements are needed several times, because tiles overlap. So this is for what is made of much less than it
is, such as the gradient of a pooling, which is made of one element of four and of which one that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

from koubai import dtypes
from koubai.compiler.language.buffer import Buffer
from koubai.compiler.language.expression import Expression, apply, constant, load, made, walk
from koubai.compiler.language.index import Axis
from koubai.compiler.language.kernel import Contraction, Kernel, Loops, by_buffer, loads
from koubai.compiler.language.places import flat_index
from koubai.compiler.llvm.maps import cost
from koubai.compiler.llvm.winograd import is_winograd
from koubai.compiler.llvm.winograd_shape import convolution_of, weight_gradient_of
from koubai.compiler.llvm.winograd_weights import is_winograd_weights
from koubai.compiler.runtime.target import Target
from koubai.compiler.schedule.prologue import is_overwritten, is_plain, turn_of

SMALLER = 2  # times as many bytes as what it is made of a factor must have
CHEAP = 8  # instructions for an element

_Side = tuple[Axis, tuple[Axis, ...]]  # the channels of a factor, and the loops that end where tiles do


def with_prologues_in_tiles(
    kernels: Sequence[Kernel], kept: set[Buffer], target: Target, threads: int
) -> list[Kernel]:
    """Let Winograd's convolutions and their weight gradients compute factors that nobody else needs.

    Args:
        kernels: in an order in which they can run.
        kept: buffers that are needed after the last kernel.
        target: the processor.
        threads: how many run the step.
    """
    touching = by_buffer((kernel, kernel.reads | kernel.writes) for kernel in kernels)
    current: dict[Kernel, Kernel] = {}  # what has taken the place of a kernel
    gone: set[Kernel] = set()
    for maker in kernels:
        if is_plain(maker) and _is_little(maker) and not maker.writes & kept:
            users = [kernel for kernel in touching[maker.stores[0].buffer] if kernel is not maker]
            if not users or any(is_overwritten(maker, user, kernels) for user in users):
                continue
            changed = [_transforming(maker, current.get(user, user), target, threads) for user in users]
            instead = {user: new for user, new in zip(users, changed) if new is not None}
            if len(instead) == len(users):
                current.update(instead)
                gone.add(maker)
    return [current.get(kernel, kernel) for kernel in kernels if kernel not in gone]


def _is_little(maker: Loops) -> bool:
    """Whether what a kernel reads is much smaller than what it writes, and not much is done to it."""
    (store,) = maker.stores
    if SMALLER * sum(buffer.bytes for buffer in maker.reads) > store.buffer.bytes:
        return False
    parts = list(walk([store.value]))
    work = sum(cost(e.detail[0]) for e in parts if e.kind == "apply")
    return work <= CHEAP and all(e.kind != "draw" for e in parts)


def _transforming(maker: Loops, user: Kernel, target: Target, threads: int) -> Contraction | None:
    """Return a convolution or weight gradient that computes a factor; None if it cannot, or needs that elsewhere."""
    buffer = maker.stores[0].buffer
    if not isinstance(user, Contraction):
        return None
    left, right = (
        (side and _computed(maker, factor, *side)) if factor.detail is buffer else factor
        for factor, side in zip(user.factors, _sides(user, target, threads))
    )
    if left is None or right is None:
        return None
    changed = replace(user, left=left, right=right)
    return None if buffer in changed.reads | changed.writes else changed


def _sides(kernel: Contraction, target: Target, threads: int) -> tuple[_Side | None, _Side | None]:
    """Return what is known of each factor of which tiles are transformed."""
    if all(is_winograd(kernel, target, n) for n in {1, threads}) and (shape := convolution_of(kernel)):
        return (shape.c, shape.grid.images), None
    if not all(is_winograd_weights(kernel, target, n) for n in {1, threads}):
        return None, None
    gradient = weight_gradient_of(kernel)
    assert gradient is not None
    images = *gradient.parts, *gradient.grid.images
    return (gradient.c, images), (gradient.o, images)


def _computed(maker: Loops, read: Expression, channels: Axis, images: tuple[Axis, ...]) -> Expression | None:
    """Return what the elements of a factor and those around them are made of; None if it cannot be told.

    Args:
        maker: writes it.
        read: the load of an element.
        channels: the loop along the lanes.
        images: the loops that end where a tile does.
    """
    (store,) = maker.stores
    turn = turn_of(maker, read)
    if turn is None:
        return None
    value = store.value.replace(turn)
    places = [flat_index(e) for e in loads([value])]
    if any(channels in place.divided or place.factor(channels) not in (0, 1) for place in places):
        return None
    ending = {*images, channels}
    beyond = [(place, loop) for loop, place in turn.items() if not place.axes <= ending]
    guards = [Expression("inside", dtypes.bool_, (), (place,), (0, loop.size, 1)) for place, loop in beyond]
    return made(read, _guarded(value, reduce(_both, guards), constant(store.buffer.border or 0, value.dtype)))


def _guarded(value: Expression, guard: Expression, border: Expression) -> Expression:
    """Return a value where a condition holds, and a border where it does not: there nothing is read."""
    change = {e: load(e.detail, e.indices, reduce(_both, e.parts, guard)) for e in loads([value])}
    value = value.substitute(change)
    if value.kind == "apply" and value.detail[0] == "where" and value.parts[2] is border:
        return apply("where", (_both(guard, value.parts[0]), value.parts[1], border), value.dtype)
    return apply("where", (guard, value, border), value.dtype)


def _both(one: Expression, other: Expression) -> Expression:
    """Return whether two conditions hold."""
    return apply("bitwise_and", (one, other), dtypes.bool_)
