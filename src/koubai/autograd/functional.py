"""Derivatives of functions as `torch.autograd.functional` has them: Jacobians, Hessians, and products with them.

`create_graph` makes the result differentiable again; `strict` refuses an input that the result does not depend on,
whose derivative is otherwise 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from koubai.engine.backprop import grad
from koubai.engine.modes import enable_grad
from koubai.engine.tensor import Tensor
from koubai.functions.creation import eye, ones_like, zeros_like
from koubai.functions.joining import stack

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

TensorFunction = Callable[..., Any]
Tensors = Tensor | tuple[Tensor, ...]


def jacobian(func: TensorFunction, inputs: Tensors, create_graph: bool = False, strict: bool = False) -> Any:
    """Return the derivatives of every element of the result by every element of the inputs.

    Args:
        func: takes the inputs and returns a tensor or a tuple of them.
        inputs: a tensor, or a tuple of them.
        create_graph: keep the graph of the derivatives.
        strict: refuse an input that a result does not depend on.

    Returns:
        a tensor of shape (*result's, *input's); for several results a tuple, for several inputs each a tuple.

    Example:
        >>> koubai.autograd.functional.jacobian(lambda x: x**2, koubai.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    outputs, points = _run(func, inputs, create_graph)
    blocks = [_derivatives(output, points, create_graph, strict) for output in _many(outputs)]
    return _like(outputs, [_like(inputs, block) for block in blocks])


def hessian(func: TensorFunction, inputs: Tensors, create_graph: bool = False, strict: bool = False) -> Any:
    """Return the second derivatives of a function whose result is one number; arguments as for `jacobian`."""
    return jacobian(_gradient(func, inputs, strict), inputs, create_graph, strict)


def vjp(
    func: TensorFunction, inputs: Tensors, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return the result, and the product of `v` (of the result's shape; 1 for a single number) with the Jacobian."""
    outputs, points = _run(func, inputs, create_graph)
    product = _pull(_many(outputs), points, _vector(v, outputs), create_graph, strict)
    return _finished(outputs, create_graph), _like(inputs, product)


def jvp(
    func: TensorFunction, inputs: Tensors, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return the result, and the product of the Jacobian with `v` (of the inputs' shape; 1 for a single number).

    The product with a vector from the left is linear in that vector; its derivative by it is the one from the right.
    """
    outputs, points = _run(func, inputs, create_graph)
    left = [zeros_like(output).requires_grad_() for output in _many(outputs)]
    pulled = _pull(_many(outputs), points, left, True, strict)
    product = _pull(pulled, left, _vector(v, inputs), create_graph, strict=False)
    return _finished(outputs, create_graph), _like(outputs, product)


def vhp(
    func: TensorFunction, inputs: Tensors, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return the result, a single number, and the product of `v` (of the inputs' shape) with the Hessian."""
    outputs, _ = _run(func, inputs, create_graph)
    _, product = vjp(_gradient(func, inputs, strict), inputs, v, create_graph, strict)
    return _finished(outputs, create_graph), product


hvp = vhp  # Hessians are symmetric


def _gradient(func: TensorFunction, inputs: Tensors, strict: bool) -> TensorFunction:
    """Return the function that gives the gradient of `func`, of one element, itself differentiable."""

    def gradient(*points: Tensor) -> Any:
        outputs = _many(func(*points))
        return _like(inputs, _pull(outputs, points, _vector(None, outputs), True, strict))

    return gradient


def _run(func: TensorFunction, inputs: Tensors, create_graph: bool) -> tuple[Any, tuple[Tensor, ...]]:
    """Return the function's result, and the points at which it was taken, which require gradients."""
    points = tuple(
        tensor.clone() if create_graph and tensor.requires_grad else tensor.detach().clone().requires_grad_()
        for tensor in _many(inputs)
    )
    with enable_grad():
        return func(*points), points


def _pull(
    outputs: Sequence[Tensor],
    inputs: Sequence[Tensor],
    gradients: Sequence[Tensor],
    create_graph: bool,
    strict: bool,
) -> tuple[Any, ...]:
    """Return the gradients of the inputs, zeros where there is no connection unless `strict`."""
    pairs = [(output, g) for output, g in zip(outputs, gradients) if strict or output.requires_grad]
    if not pairs:
        return tuple(zeros_like(tensor) for tensor in inputs)
    connected, arriving = zip(*pairs)
    return grad(connected, inputs, arriving, True, create_graph, materialize_grads=not strict)


def _derivatives(output: Tensor, points: Sequence[Tensor], create_graph: bool, strict: bool) -> list[Tensor]:
    """Return the derivatives of every element of the output, one tensor for each input."""
    if output.numel() == 0:
        return [point.new_zeros((*output.shape, *point.shape)) for point in points]
    units = eye(output.numel(), dtype=output.dtype).reshape(-1, *output.shape)
    rows = [_pull([output], points, [unit], create_graph, strict) for unit in units]
    return [stack(column).reshape(*output.shape, *point.shape) for column, point in zip(zip(*rows), points)]


def _vector(v: Any, like: Any) -> Sequence[Tensor]:
    """Return the vectors, by default 1 for a single number.

    Raises:
        RuntimeError: if none is given and there are more elements.
    """
    if v is not None:
        return _many(v)
    shapes = [tensor.shape for tensor in _many(like)]
    if len(shapes) > 1 or _many(like)[0].numel() != 1:
        raise RuntimeError(f"v may only be left out for a single number, not for {[list(s) for s in shapes]}")
    return [ones_like(tensor) for tensor in _many(like)]


def _many(tensors: Any) -> tuple[Tensor, ...]:
    return tuple(tensors) if isinstance(tensors, tuple | list) else (tensors,)


def _like(given: Any, results: Sequence[Any]) -> Any:
    """Return several results as a tuple if `given` is several, else the only one."""
    return tuple(results) if isinstance(given, tuple | list) else results[0]


def _finished(outputs: Any, create_graph: bool) -> Any:
    return outputs if create_graph else _like(outputs, [tensor.detach() for tensor in _many(outputs)])
