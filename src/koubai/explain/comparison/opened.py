"""What PyTorch computes within one function, step by step in PyTorch, so that the steps can be compared as well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["opened", "results"]


def results(torch: Any) -> Any:
    """Return a context within which the results of PyTorch's functions are kept, in `.found`.

    What `opened` knows is computed step by step there.
    """

    class Results(torch.overrides.TorchFunctionMode):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.found: list[Any] = []
            self.steps = opened(torch)

        def __torch_function__(
            self, function: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
        ) -> Any:
            if function in self.steps:
                with self:
                    result = self.steps[function](*args, **(kwargs or {}))
                if result is not None:
                    return result
            result = function(*args, **(kwargs or {}))
            found = result if isinstance(result, tuple | list) else (result,)
            self.found += [x for x in found if isinstance(x, torch.Tensor) and x.grad_fn is not None]
            return result

    return Results()


def opened(torch: Any) -> dict[Any, Any]:
    """Return PyTorch's functions that hide their steps, each with the same in single steps.

    The second one returns None for arguments that it does not know.
    """
    linear = torch.nn.functional.linear

    def lstm_cell(x: Any, state: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
        z = linear(x, w_ih, b_ih) + linear(state[0], w_hh, b_hh)  # (N, 4H)
        i, f, g, o = z.chunk(4, -1)
        c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c

    def cross_entropy(scores: Any, target: Any, *args: Any, **kwargs: Any) -> Any:
        if (
            args
            or any(kwargs.get(name, usual) != usual for name, usual in _USUAL.items())
            or scores.ndim != 2
        ):
            return None
        log_p = scores.log_softmax(1)  # (N, classes)
        if target.is_floating_point():
            return -(target * log_p).sum() / len(scores)
        return -log_p.gather(1, target[:, None]).mean()

    return {torch.lstm_cell: lstm_cell, torch.nn.functional.cross_entropy: cross_entropy}


_USUAL = {
    "weight": None,
    "size_average": None,
    "ignore_index": -100,
    "reduce": None,
    "reduction": "mean",
    "label_smoothing": 0.0,
}
