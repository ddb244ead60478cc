"""The gradient of a convolution's input where windows move by more than one element, which is a transposed convolution.

Neighbours in such an image are met by different elements of the kernel: with a stride of 2, the even ones by every
second element, and the odd ones by the others. Each of these sets is a small kernel of its own, and all of them
together are one convolution with the stride 1, whose channels are then laid beside each other as neighbours. Zeros
between the elements of what is convolved would come to the same, at `stride` times the multiplications along each
dimension. W. Shi et al., "Is the deconvolution layer the same as a convolutional layer?", 2016.
"""

from __future__ import annotations

import math

from koubai.ops.graph import Graph
from koubai.ops.movement import flip, permute, place, reshape
from koubai.ops.op import Shape, Symbol
from koubai.ops.window import Window


def is_interleaved(window: Window, groups: int) -> bool:
    """Whether the gradient of a convolution's input is best computed this way."""
    steps = zip(window.stride, window.dilation)
    return groups == 1 and max(window.stride) > 1 and all(s == 1 or d == 1 for s, d in steps)


class Interleaved:
    """How a convolution's input, from its first padding on, is made of several convolutions.

    Args:
        window: of the convolution.

    Attributes:
        stride: of the convolution.
        sets: how many sets of kernel elements there are along each dimension.
        taps: how many elements each of them has.
        window: of the convolution that does them all.
    """

    def __init__(self, window: Window) -> None:
        self.stride = window.stride
        self.sets = tuple(map(min, window.kernel, window.stride))
        self.taps = tuple(-(-k // s) for k, s in zip(window.kernel, window.stride))
        rank = window.rank
        self.window = Window(self.taps, (1,) * rank, ((0, 0),) * rank, window.dilation)

    @property
    def padding(self) -> Shape:
        """How many zeros stand on either side of what is convolved."""
        return tuple(d * (taps - 1) for taps, d in zip(self.taps, self.window.dilation))

    def weight(self, graph: Graph, weight: Symbol) -> Symbol:
        """Return a weight (O, C, *kernel) as (*taps, O, sets · C), each set with its elements mirrored."""
        outputs, channels, *kernel = weight.shape
        rank = len(kernel)
        whole = tuple(taps * sets for taps, sets in zip(self.taps, self.sets))
        if whole != tuple(kernel):
            spans = tuple((0, n, 1) for n in weight.shape)
            weight = graph.one(place, [weight], shape=(outputs, channels, *whole), spans=spans, fill=0)
        both = tuple(n for pair in zip(self.taps, self.sets) for n in pair)
        split = graph.one(reshape, [weight], shape=(outputs, channels, *both))
        taps, sets = range(2, 2 + 2 * rank, 2), range(3, 3 + 2 * rank, 2)
        mirrored = graph.one(flip, [split], dims=tuple(taps))
        turned = graph.one(permute, [mirrored], dims=(*taps, 0, *sets, 1))  # (*taps, O, *sets, C)
        return graph.one(reshape, [turned], shape=(*self.taps, outputs, math.prod(self.sets) * channels))

    def image(self, graph: Graph, found: Symbol) -> Symbol:
        """Return what was convolved, (N, *counts, sets · C), as an image (N, *counts · stride, C)."""
        images, *counts, several = found.shape
        rank, channels = len(counts), several // math.prod(self.sets)
        apart = graph.one(reshape, [found], shape=(images, *counts, *self.sets, channels))
        if self.sets != self.stride:  # elements that no window meets
            spans = tuple((0, n, 1) for n in apart.shape)
            room = (images, *counts, *self.stride, channels)
            apart = graph.one(place, [apart], shape=room, spans=spans, fill=0)
        pairs = (dim for n in range(1, 1 + rank) for dim in (n, n + rank))
        laid = graph.one(permute, [apart], dims=(0, *pairs, 2 * rank + 1))
        lengths = tuple(n * step for n, step in zip(counts, self.stride))
        return graph.one(reshape, [laid], shape=(images, *lengths, channels))
