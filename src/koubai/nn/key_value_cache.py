"""`KeyValueCache`: what attention has computed for the positions before, so that generation computes only the next."""

from __future__ import annotations

from typing import Any

import koubai
from koubai.engine.modes import modes
from koubai.engine.tensor import Tensor

__all__ = ["KeyValueCache"]


class KeyValueCache:
    """The keys and values of one attention for all positions so far, with room for `max_len`.

    A layer called with a cache takes its input as the next positions, and lets each look at itself and all before. The
    shapes do not change as the cache fills, so a compiled step of generation is compiled once.

    Args:
        samples: N.
        heads: heads of the attention.
        max_len: positions there is room for.
        head_dim: features of a head, D.
        dtype: of the keys and values.
        device: where they live.

    Attributes:
        keys: (N, heads, max_len, D).
        values: likewise.
        length: how many positions there are, an integer tensor ().

    Example:
        >>> caches = encoder.new_cache(samples=1, max_len=100)
        >>> with koubai.no_grad():
        ...     for token in tokens:  # (1, 1, E) each, batch first
        ...         output = encoder(token, cache=caches)
    """

    def __init__(
        self, samples: int, heads: int, max_len: int, head_dim: int, dtype: Any = None, device: Any = None
    ) -> None:
        self.keys = koubai.zeros(samples, heads, max_len, head_dim, dtype=dtype, device=device)
        self.values = koubai.zeros_like(self.keys)
        self.length = koubai.zeros((), dtype=koubai.int64, device=device)

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Add the next positions.

        Args:
            keys: (N, heads, L, D).
            values: likewise.

        Returns:
            all keys and values, and where the new positions may look, bool (L, max_len).

        Raises:
            RuntimeError: if sizes differ from the cache's, or gradients are recorded, which do not flow through it.
            IndexError: if there is no room.
        """
        if modes.grad_enabled and (keys.requires_grad or values.requires_grad):
            raise RuntimeError(
                "KeyValueCache: gradients do not flow through it; generate under koubai.no_grad()"
            )
        samples, heads, room, features = self.keys.shape
        if keys.shape != (samples, heads, keys.shape[2], features):
            raise RuntimeError(
                f"KeyValueCache: made for (N, heads, L, D) {[samples, heads, f'up to {room}', features]}, got "
                f"{list(keys.shape)}"
            )
        positions = self.length + koubai.arange(keys.shape[2], device=keys.device)  # (L,)
        self.keys.index_copy_(2, positions, keys)
        self.values.index_copy_(2, positions, values)
        self.length.add_(keys.shape[2])
        return self.keys, self.values, koubai.arange(room, device=keys.device) <= positions.unsqueeze(1)

    def reorder(self, samples: Tensor) -> None:
        """Let sample n go on from what sample `samples[n]` was, (N,): beam search keeps the best beginnings."""
        for stored in (self.keys, self.values):
            stored.copy_(stored.index_select(0, samples))

    def reset(self) -> None:
        """Forget all positions."""
        self.length.zero_()
