"""LBFGS: steps along the gradient bent by an estimate of the inverse Hessian, made of the last few steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import koubai
from koubai.engine.tensor import Tensor
from koubai.optim.line_search import Point, strong_wolfe
from koubai.optim.optimizer import Optimizer, Params

__all__ = ["LBFGS"]


class LBFGS(Optimizer):
    """The method of Broyden, Fletcher, Goldfarb and Shanno, with limited memory.

    It is for smooth losses computed on the whole data set. One `step` makes up to `max_iter` iterations, each
    of which computes the loss again through the closure. All parameters are one vector here, so there can be
    only one parameter group, and memory is needed for `history_size` times twice their number. The values of
    the loss decide what comes next, so a step cannot be traced.

    Nocedal and Wright, "Numerical optimization" (2006), algorithm 7.5, with the tolerances and the order of
    PyTorch.

    Args:
        params: what to train: tensors, or (name, tensor) pairs.
        lr: the length of a step, relative to the bent gradient, at least 0.
        max_iter: the most iterations in a step.
        max_eval: the most computations of the loss in a step, by default 1.25 `max_iter`.
        tolerance_grad: stop when no element of the gradient is larger.
        tolerance_change: stop when neither loss nor any parameter changes by more.
        history_size: how many past iterations the estimate is made of.
        line_search_fn: None for steps of fixed length, or "strong_wolfe".

    Raises:
        ValueError: for a value outside its range, or more than one parameter group.

    Example:
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = loss_function(model(inputs), targets)
        ...     loss.backward()
        ...     return loss
        >>> optimizer.step(closure)
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: Literal["strong_wolfe"] | None = None,
    ) -> None:
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        super().__init__(params, locals())

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Set the parameters; a second group is refused."""
        super().add_param_group(param_group)
        if len(self.param_groups) > 1:
            self.param_groups.pop()
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    def _advance(self, closure: Callable[[], Any] | None) -> Any:
        if closure is None:
            raise TypeError("LBFGS.step needs a closure that computes the gradients and returns the loss")
        return _Descent(self, closure).run()


class _Descent:
    """One step of LBFGS: its iterations, between the state before and after."""

    def __init__(self, optimizer: LBFGS, closure: Callable[[], Any]) -> None:
        (group,) = optimizer.param_groups
        self.options = group
        self.lr = float(group["lr"])
        self.parameters: list[Tensor] = group["params"]
        # As in PyTorch, the state of all belongs to the first parameter.
        self.state: dict[str, Any] = optimizer.state[self.parameters[0]]
        self.optimizer = optimizer
        self.closure = closure
        self.evaluations = 0
        self.returned: Any = None

    def run(self) -> Any:
        """Iterate until something says stop; return the loss as it was at the beginning."""
        state = self.state
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        loss, gradient = self._evaluate()
        first_loss = self.returned
        self.optimizer._note_missing_gradients()
        if self._is_flat(gradient):
            return first_loss
        for iteration in range(1, self.options["max_iter"] + 1):
            state["n_iter"] += 1
            direction = self._direction(gradient)
            state.update(d=direction, prev_flat_grad=gradient, prev_loss=loss)
            first = state["n_iter"] == 1
            state["t"] = self.lr * (min(1.0, 1.0 / gradient.abs().sum().item()) if first else 1.0)
            slope = _dot(gradient, direction)
            if slope > -self.options["tolerance_change"]:
                break
            last = iteration == self.options["max_iter"]
            loss, gradient = self._move(Point(0.0, loss, gradient, slope), direction, last)
            if last or self._is_done(loss, gradient, direction):
                break
        return first_loss

    def _direction(self, gradient: Tensor) -> Tensor:
        """Note the last step in the history and return the direction of the next one."""
        state = self.state
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
            return -gradient
        change, moved = gradient - state["prev_flat_grad"], state["d"] * state["t"]
        curvature = _dot(change, moved)
        if curvature > 1e-10:
            for history, entry in (("old_dirs", change), ("old_stps", moved), ("ro", 1 / curvature)):
                state[history] = [*state[history], entry][-self.options["history_size"] :]
            state["H_diag"] = curvature / _dot(change, change)
        return _bent(-gradient, state["old_dirs"], state["old_stps"], state["ro"], state["H_diag"])

    def _move(self, start: Point, direction: Tensor, last: bool) -> tuple[float, Tensor]:
        """Go along the direction; return loss and gradient at the new place."""
        state, origin = self.state, [parameter.clone() for parameter in self.parameters]

        def evaluate(t: float) -> Point:
            self._place(origin, t, direction)
            loss, gradient = self._evaluate()
            return Point(t, loss, gradient, _dot(gradient, direction))

        if self.options["line_search_fn"] is None:
            self._place(origin, state["t"], direction)
            # With a fixed length nobody looks at the loss after the last iteration.
            return (start.loss, start.gradient) if last else self._evaluate()
        size = direction.abs().max().item()
        limit = self.options["max_eval"] - self.evaluations
        point, _ = strong_wolfe(evaluate, start, state["t"], size, max_ls=limit)
        state["t"] = point.t
        self._place(origin, point.t, direction)
        return point.loss, point.gradient

    def _place(self, origin: list[Tensor], t: float, direction: Tensor) -> None:
        """Set the parameters to `origin + t direction`."""
        pieces = direction.split([parameter.numel() for parameter in self.parameters])
        for parameter, beginning, piece in zip(self.parameters, origin, pieces):
            parameter.copy_(beginning + t * piece.reshape(parameter.shape))

    def _evaluate(self) -> tuple[float, Tensor]:
        """Return the loss, and the gradient of all parameters as one vector."""
        with koubai.enable_grad():
            self.returned = self.closure()
        self.evaluations += 1
        self.state["func_evals"] += 1
        gradients = [koubai.zeros_like(p) if p.grad is None else p.grad for p in self.parameters]
        return float(self.returned), koubai.cat([gradient.reshape(-1) for gradient in gradients])

    def _is_flat(self, gradient: Tensor) -> bool:
        return bool(gradient.abs().max().item() <= self.options["tolerance_grad"])

    def _is_done(self, loss: float, gradient: Tensor, direction: Tensor) -> bool:
        """Whether the allowance is used up, the gradient is flat, or nothing changes any more."""
        tolerance = self.options["tolerance_change"]
        return bool(
            self.evaluations >= self.options["max_eval"]
            or self._is_flat(gradient)
            or abs(self.state["t"]) * direction.abs().max().item() <= tolerance
            or abs(loss - self.state["prev_loss"]) < tolerance
        )


def _dot(a: Tensor, b: Tensor) -> float:
    return float((a @ b).item())


def _bent(
    q: Tensor, changes: list[Tensor], moves: list[Tensor], weights: list[float], scale: float
) -> Tensor:
    """Multiply q by the estimated inverse Hessian: the two loops of Nocedal and Wright's algorithm 7.4."""
    shares = []
    for change, moved, weight in zip(reversed(changes), reversed(moves), reversed(weights)):
        shares.append(weight * _dot(moved, q))
        q = q - shares[-1] * change
    q = scale * q
    for change, moved, weight, share in zip(changes, moves, weights, reversed(shares)):
        q = q + (share - weight * _dot(change, q)) * moved
    return q
