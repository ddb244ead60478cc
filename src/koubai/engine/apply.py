"""Running an op on tensors: compute it or record it while tracing, and leave the recipe on its results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from koubai import dtypes
from koubai.arrays import Array, library_of
from koubai.engine.modes import modes, users_line
from koubai.engine.recipe import Recipe, View
from koubai.engine.steps import write_down
from koubai.engine.tensor import Tensor
from koubai.ops.op import Op, ShapeError, Symbol, describe


def apply(op: Op, inputs: tuple[Tensor, ...], attributes: dict[str, Any]) -> Any:
    """Run `op` (or record it, while tracing) and note the recipe on its results."""
    tracer = modes.tracer
    if tracer is None:
        payloads = _compute(op, inputs, attributes)
    else:
        payloads = tracer.record(op, inputs, attributes)
    outputs = tuple([Tensor(payload) for payload in payloads])
    if modes.anomaly and tracer is None:
        refuse_nonfinite(op.name, inputs, outputs, users_line())
    if op.gradients and modes.grad_enabled:
        _leave_recipe(op, inputs, attributes, outputs)
    if op.assign is not None:
        make_view(outputs[0], inputs[0], op, attributes, modes.grad_enabled)
    if modes.steps is not None:
        write_down(op, inputs, attributes, outputs)
    return outputs[0] if len(outputs) == 1 else outputs


def _compute(op: Op, inputs: tuple[Tensor, ...], attributes: dict[str, Any]) -> tuple[Array, ...]:
    """Run the op on the inputs' arrays; when that fails, let the op's shape rule say why."""
    arrays = tuple([tensor.payload for tensor in inputs])
    try:
        return _run_quietly(op, arrays, attributes)
    except MemoryError as error:
        error.add_note(f"in {op.name} of {describe(inputs)}")
        raise
    except (ValueError, TypeError, IndexError) as error:
        symbols = [Symbol(array.shape, array.dtype) for array in arrays]
        try:
            op.infer(*symbols, **attributes)
        except (RuntimeError, ValueError, TypeError, IndexError) as reason:
            raise type(reason)(f"{op.name}: {reason}") from None
        if type(error) is IndexError:  # an index that is data
            raise
        raise ShapeError(f"{op.name} does not accept {describe(symbols)}: {error}") from error


@np.errstate(all="ignore")  # as a decorator it costs half as much
def _run_quietly(op: Op, arrays: tuple[Array, ...], attributes: dict[str, Any]) -> tuple[Array, ...]:
    """Run the op without NumPy's warnings about NaN and infinities, which are values like others here."""
    return op.run(arrays, attributes)


def _leave_recipe(
    op: Op, inputs: tuple[Tensor, ...], attributes: dict[str, Any], outputs: tuple[Tensor, ...]
) -> None:
    """Note on `outputs` how they were made, with what the gradients of the inputs that want one will need."""
    saving = op.saving(tuple([tensor.requires_grad for tensor in inputs]))
    if saving is None:
        return
    edges = tuple([tensor.edge if flows else None for tensor, flows in zip(inputs, saving.differentiated)])
    recipe = Recipe(op, attributes, edges)
    recipe.inputs = tuple([_outline(tensor._payload) for tensor in inputs])
    recipe.outputs = tuple([_outline(tensor._payload) for tensor in outputs])
    for index, tensor in enumerate(outputs):
        if dtypes.is_floating(tensor.dtype):
            tensor._recipe, tensor._index = recipe, index
        if saving.outputs:
            tensor._index = index
            recipe.save_output(tensor)
    for position in saving.inputs:
        recipe.save_input(position, inputs[position])


def _outline(payload: Any) -> Symbol:
    """Return the shape and dtype of a payload; a symbol has nothing else."""
    return payload if payload.__class__ is Symbol else Symbol(payload.shape, payload.dtype)


def make_view(view: Tensor, base: Tensor, op: Op, attributes: dict[str, Any], tracked: bool) -> None:
    """Tie `view` to the cell of `base`."""
    view._version, view._seen = base._version, base._version.count
    view._view = View(base, op, attributes, tracked, base._view)


def refuse_nonfinite(
    name: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor | None], where: str
) -> None:
    """Raise FloatingPointError if an output is NaN or inf although every input is finite."""

    def finite(tensor: Tensor | None) -> bool:
        if tensor is None or not dtypes.is_floating(tensor.dtype):
            return True
        values: Array = tensor._payload
        return bool(library_of((values,)).namespace.isfinite(values).all())

    if all(map(finite, outputs)) or not all(map(finite, inputs)):
        return
    raise FloatingPointError(
        f"{name} produced the first NaN or inf, from finite inputs {describe(inputs)}{where}"
    )


Tensor.apply = staticmethod(apply)
