"""What the modules of a network answer while it runs: Koubai's modules or PyTorch's, whose hooks are alike."""

from __future__ import annotations

from collections import Counter
from typing import Any, Self

__all__ = ["Outputs"]


class Outputs:
    """Within it, the answers of all modules are kept.

    Args:
        model: the network.

    Attributes:
        found: the answers (of several, the first) by the module's path and how often it had been called before.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.found: dict[tuple[str, int], Any] = {}

    def __enter__(self) -> Self:
        calls: Counter[str] = Counter()
        self._handles = [
            module.register_forward_hook(self._keeper(path, calls))
            for path, module in self.model.named_modules()
        ]
        return self

    def _keeper(self, path: str, calls: Counter[str]) -> Any:
        def keep(_module: Any, _inputs: Any, output: Any) -> None:
            first = output[0] if isinstance(output, tuple | list) else output
            self.found[path, calls[path]] = first
            calls[path] += 1

        return keep

    def __exit__(self, *_error: object) -> None:
        for handle in self._handles:
            handle.remove()
