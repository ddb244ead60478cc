"""Ops made of ops: composites with a gradient of their own, a user's `Function`, and `checkpoint`.

Most functions need nothing from here: what is written in ops has its gradient already. A gradient is declared where
the derived one would be wasteful or unsafe, or where the user knows better.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import update_wrapper
from typing import Any

from koubai import dtypes
from koubai.engine.backprop import local_gradients, zeros_for
from koubai.engine.modes import enable_grad, modes, no_grad
from koubai.engine.recipe import Recipe, Saved, Version
from koubai.engine.steps import write_down, writing_down
from koubai.engine.tensor import Tensor
from koubai.engine.trace import Program, flatten, trace, unflatten
from koubai.ops.movement import again, alias
from koubai.ops.op import DataDependentError, Symbol

__all__ = [
    "Function",
    "checkpoint",
    "composite",
]


def composite(gradient: Callable[..., Sequence[Tensor | None]]) -> Callable[[Callable[..., Any]], Composite]:
    """Declare the gradient of a function of tensors that is written in ops.

    Args:
        gradient: returns one gradient (or None) for each input. Its argument names say what it needs: `g`, `out`, an
            input's name, that name with `_like` (shape and dtype only), a residual, or an attribute.

    The function takes its tensors (or None) by position and everything else as keyword-only arguments. It returns its
    result, or `(result, residuals)` with a dict of named tensors that it keeps for its gradient.

    Example:
        >>> @composite(lambda g, out, dim: (g - out.exp() * g.sum(dim, keepdim=True),))
        ... def log_softmax(x, *, dim):
        ...     shifted = x - x.amax(dim, keepdim=True)
        ...     return shifted - shifted.exp().sum(dim, keepdim=True).log()
    """
    return lambda function: Composite(function, gradient)


class Composite:
    """A function of tensors with a declared gradient; see `composite`."""

    is_formula = True

    def __init__(self, function: Callable[..., Any], gradient: Callable[..., Any]) -> None:
        self.name = function.__name__
        self.function = function
        self.gradient = gradient
        self.needs = tuple(inspect.signature(gradient).parameters)
        parameters = inspect.signature(function).parameters.values()
        self.inputs = tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY)
        update_wrapper(self, function)

    def __call__(self, *inputs: Tensor | None, **attributes: Any) -> Tensor:
        """Compute the result, and note how its gradient is found."""
        if modes.steps is None:
            return self._run(inputs, attributes)
        with writing_down(None):  # it is one step, whatever ops it is made of
            result = self._run(inputs, attributes)
        write_down(self, inputs, attributes, (result,))
        return result

    def _run(self, inputs: tuple[Tensor | None, ...], attributes: dict[str, Any]) -> Tensor:
        inputs = (*inputs, *[None] * (len(self.inputs) - len(inputs)))
        edges = tuple(
            [tensor.edge if tensor is not None and modes.grad_enabled else None for tensor in inputs]
        )
        if not any(edges):
            return self._split(self.function(*inputs, **attributes))[0]
        with no_grad():
            result, residuals = self._split(self.function(*inputs, **attributes))
        recipe = Recipe(self, attributes, edges)
        recipe.inputs = tuple([t if t is None else Symbol(t.shape, t.dtype) for t in inputs])  # type: ignore[misc]
        recipe.outputs = (Symbol(result.shape, result.dtype),)
        for position, (name, tensor) in enumerate(zip(self.inputs, inputs)):
            if tensor is not None and (name in self.needs or residuals):
                recipe.save_input(position, tensor)
        for name, residual in residuals.items():
            recipe.saved[name] = Saved(residual.payload, Version(), 0)
        out = Tensor(result.payload)  # a cell of its own: the function may have returned one of its inputs
        out._recipe = recipe
        if "out" in self.needs:
            recipe.save_output(out)
        return out

    @staticmethod
    def _split(result: Any) -> tuple[Tensor, dict[str, Tensor]]:
        return result if isinstance(result, tuple) else (result, {})

    def pull_back(
        self, recipe: Recipe, gradients: Sequence[Tensor], positions: Sequence[int], create_graph: bool
    ) -> Sequence[Tensor | None]:
        """Apply the declared gradient; residuals are constants, so gradients of gradients are derived instead."""
        if create_graph and any(name in recipe.saved for name in self.needs):
            return self._derived(recipe, gradients, positions)
        arguments = {name: self._argument(recipe, name, gradients[0]) for name in self.needs}
        return self.gradient(**arguments)  # type: ignore[no-any-return]

    def _argument(self, recipe: Recipe, name: str, g: Tensor) -> Any:
        """Return what an argument name of the gradient stands for."""
        if name == "g":
            return g
        if name == "out":
            return recipe.output(0)
        if name in recipe.attributes:
            return recipe.attributes[name]
        if name in recipe.saved:
            return Tensor(recipe.saved[name].value)
        position = self.inputs.index(name.removesuffix("_like"))
        if name.endswith("_like") or recipe.inputs[position] is None:
            return recipe.inputs[position]
        return recipe.input(position)

    def _derived(
        self, recipe: Recipe, gradients: Sequence[Tensor], positions: Sequence[int]
    ) -> list[Tensor | None]:
        """Run the function again, recorded op by op, and sweep through that."""
        inputs = [None if symbol is None else recipe.input(at) for at, symbol in enumerate(recipe.inputs)]
        result, _ = self._split(self.function(*inputs, **recipe.attributes))
        wanted = [tensor for at in positions if (tensor := inputs[at]) is not None]
        found = local_gradients([result], wanted, gradients, create_graph=True)
        pulled: list[Tensor | None] = [None] * len(inputs)
        for position, gradient in zip(positions, found):
            pulled[position] = gradient
        return pulled


class Context:
    """What a `Function` keeps between its forward and its backward."""

    def __init__(self) -> None:
        self.needs_input_grad: tuple[bool, ...] = ()
        self.non_differentiable: tuple[Tensor, ...] = ()
        self.materialize_grads = True
        self._to_save: tuple[Tensor | None, ...] = ()
        self._unpack: Callable[[], tuple[Tensor | None, ...]] = tuple

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs or outputs for backward, guarded against in-place changes."""
        self._to_save = tensors

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """What `save_for_backward` kept."""
        return self._unpack()

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say that these outputs have no gradient."""
        self.non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Say whether backward gets zeros (the default) or None where no gradient arrived."""
        self.materialize_grads = value


class Function:
    """A user's own op with a gradient of its own, as `torch.autograd.Function`.

    Subclass it with static methods `forward(ctx, *args)` and `backward(ctx, *gradients)`, and call `apply`. `backward`
    returns one gradient for each argument of `forward`, None for those that are not tensors. If `setup_context(ctx,
    inputs, output)` is defined, `forward` takes no `ctx`.

    Example:
        >>> class Square(koubai.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x * x
        ...
        ...     @staticmethod
        ...     def backward(ctx, g):
        ...         (x,) = ctx.saved_tensors
        ...         return 2 * x * g
        >>> Square.apply(koubai.tensor(3.0))
        tensor(9.)
    """

    setup_context: Callable[..., None] | None = None

    @staticmethod
    def forward(*args: Any) -> Any:
        """Compute the result; to be written by the subclass."""
        raise NotImplementedError("a Function needs a static method forward(ctx, *args)")

    @staticmethod
    def backward(ctx: Context, *gradients: Any) -> Any:
        """Compute the gradient of each argument; to be written by the subclass."""
        raise NotImplementedError("a Function needs a static method backward(ctx, *gradients)")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run `forward` and note that `backward` gives its gradients."""
        if modes.tracer is not None and modes.tracer.derives_gradients:
            raise RuntimeError(
                f"{cls.__name__}: a Function inside the step of a scan would lose its own gradient"
            )
        context = Context()
        edges = tuple([a.edge if isinstance(a, Tensor) and modes.grad_enabled else None for a in args])
        context.needs_input_grad = tuple(edge is not None for edge in edges)
        with no_grad():
            result = cls._run_forward(context, args)
        if not any(edges):
            return result
        results = result if isinstance(result, tuple) else (result,)
        outputs = tuple(Tensor(r.payload) if isinstance(r, Tensor) else r for r in results)
        recipe = Recipe(_UserRule(cls, context), {}, edges)
        recipe.inputs = tuple([Symbol(a.shape, a.dtype) if isinstance(a, Tensor) else None for a in args])  # type: ignore[misc]
        recipe.outputs = tuple([Symbol(o.shape, o.dtype) for o in outputs])
        for index, (raw, output) in enumerate(zip(results, outputs)):
            unmarked = not any(raw is tensor for tensor in context.non_differentiable)
            if unmarked and dtypes.is_floating(output.dtype):
                output._recipe, output._index = recipe, index
        _keep_saved(recipe, context, results, outputs)
        return outputs if isinstance(result, tuple) else outputs[0]

    @classmethod
    def _run_forward(cls, context: Context, args: tuple[Any, ...]) -> Any:
        if cls.setup_context is None:
            return cls.forward(context, *args)
        result = cls.forward(*args)
        cls.setup_context(context, args, result)
        return result


def _keep_saved(recipe: Recipe, context: Context, results: Sequence[Any], outputs: Sequence[Tensor]) -> None:
    """Move what the forward saved into the recipe, outputs without a cycle."""
    keys: list[str | int | None] = []
    for number, tensor in enumerate(context._to_save):
        position = next((i for i, result in enumerate(results) if result is tensor), None)
        if tensor is None:
            keys.append(None)
        elif position is not None:
            outputs[position]._index = position
            recipe.save_output(outputs[position])
            keys.append(f"out{position}")
        else:
            recipe.saved[-1 - number] = Saved(tensor, tensor._version, tensor._version.count)
            keys.append(-1 - number)
    context._to_save = ()

    def unpack() -> tuple[Tensor | None, ...]:
        recipe.check_not_freed()
        return tuple(
            None
            if key is None
            else recipe.output(int(key[3:]))
            if isinstance(key, str)
            else recipe.input(key)
            for key in keys
        )

    context._unpack = unpack


class _UserRule:
    """The gradient of one call of a user's `Function`."""

    is_formula = False

    def __init__(self, function: type[Function], context: Context) -> None:
        self.name = function.__name__
        self.function = function
        self.context = context

    def pull_back(
        self, recipe: Recipe, gradients: Sequence[Tensor | None], positions: Sequence[int], create_graph: bool
    ) -> list[Tensor | None]:
        """Call the user's backward."""
        if self.context.materialize_grads:
            gradients = zeros_for(gradients, recipe.outputs)
        result = self.function.backward(self.context, *gradients)
        pulled = list(result) if isinstance(result, tuple) else [result]
        if len(pulled) != len(recipe.edges):
            raise RuntimeError(
                f"{self.name}.backward returned {len(pulled)} gradients, but forward took {len(recipe.edges)} "
                "arguments; return one for each, None for those that need none"
            )
        self._check_shapes(recipe, pulled)
        return pulled

    def _check_shapes(self, recipe: Recipe, pulled: Sequence[Tensor | None]) -> None:
        for position, (gradient, symbol) in enumerate(zip(pulled, recipe.inputs)):
            if gradient is not None and symbol is not None and gradient.shape != symbol.shape:
                raise RuntimeError(
                    f"{self.name}.backward returned a gradient of shape {list(gradient.shape)} for argument "
                    f"{position}, whose shape is {list(symbol.shape)}"
                )


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """Call `function(*args, **kwargs)` without keeping its intermediate results: backward computes them again.

    It trades time for memory (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost"). Random draws and
    buffers are the same both times. The function is first run on symbols, to see which tensors it reads and changes;
    one that looks at values cannot be, and is called plainly, with a warning.

    Args:
        function: any function of tensors, such as a module.
        args: its arguments; nested tuples, lists and dicts of tensors are found.
        use_reentrant: accepted for PyTorch's sake; there is one way here.
        preserve_rng_state: accepted for PyTorch's sake; it is always so here.
        kwargs: its keyword arguments.
    """
    del use_reentrant, preserve_rng_state
    if not modes.grad_enabled:
        return function(*args, **kwargs)
    try:
        program = trace(lambda args, kwargs: function(*args, **kwargs), args, kwargs)
    except DataDependentError as error:
        warnings.warn(f"checkpoint() keeps everything here: {error}", stacklevel=2)
        return function(*args, **kwargs)
    return _Recomputed(function, program, (args, kwargs)).run()


class _Recomputed:
    """The gradient of a checkpointed call: run it again, recorded this time, and sweep through that."""

    name = "checkpoint"
    is_formula = False

    def __init__(self, function: Callable[..., Any], program: Program, arguments: Any) -> None:
        self.function = function
        self.arguments: list[Tensor] = []
        self.structure = flatten(arguments, self.arguments)
        self.captured = [cell for cell in program.captured if cell.requires_grad]
        known = set(map(id, self.captured))
        self.cells = [cell for cell in program.writes if id(cell) not in known]
        with no_grad():  # read by an op, so that a program that is being traced has them as inputs
            self.states = [alias(cell).payload for cell in self.cells]

    def run(self) -> Any:
        """Call the function, keeping only what it starts from."""
        inputs = [*self.arguments, *self.captured]
        outputs: list[Tensor] = []
        with no_grad():
            structure = flatten(self._call(self.arguments), outputs)
        recipe = Recipe(self, {}, tuple([tensor.edge for tensor in inputs]))
        recipe.inputs = tuple([Symbol(tensor.shape, tensor.dtype) for tensor in inputs])
        recipe.outputs = tuple([Symbol(tensor.shape, tensor.dtype) for tensor in outputs])
        for position, tensor in enumerate(inputs):
            recipe.save_input(position, tensor)
        results = [Tensor(tensor.payload) for tensor in outputs]
        for index, tensor in enumerate(results):
            if dtypes.is_floating(tensor.dtype) and any(recipe.edges):
                tensor._recipe, tensor._index = recipe, index
        self.arguments = []  # the recipe has them, guarded against changes
        return unflatten(structure, iter(results))

    def _call(self, tensors: Sequence[Tensor]) -> Any:
        args, kwargs = unflatten(self.structure, iter(tensors))
        return self.function(*args, **kwargs)

    def pull_back(
        self, recipe: Recipe, gradients: Sequence[Tensor | None], positions: Sequence[int], create_graph: bool
    ) -> list[Tensor | None]:
        """Compute the call again from the same state, and return the gradients of its inputs."""
        inputs = [recipe.input(position) for position in range(len(recipe.inputs))]
        count = len(inputs) - len(self.captured)
        stand_ins = [_stand_in(tensor) for tensor in inputs[:count]] if not create_graph else inputs[:count]
        outputs: list[Tensor] = []
        with self._as_it_was(), enable_grad():
            flatten(self._call(stand_ins), outputs)
        return local_gradients(outputs, [*stand_ins, *self.captured], gradients, create_graph)

    @contextmanager
    def _as_it_was(self) -> Iterator[None]:
        """Put the generators and buffers that the call changes back to where they were, for a while."""
        now = [cell.payload for cell in self.cells]
        with no_grad():
            for cell, state in zip(self.cells, self.states):
                cell._become(Tensor(state), "checkpoint")
            yield
            for cell, state in zip(self.cells, now):
                cell._become(Tensor(state), "checkpoint")


def _stand_in(tensor: Tensor) -> Tensor:
    """Return the same values as a leaf, from which a compiler computes again what it has computed before."""
    with no_grad():
        same = again(tensor) if tensor._is_symbolic else tensor
    return Tensor(same.payload, requires_grad=tensor.requires_grad)
