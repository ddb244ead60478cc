"""`Tensor`: a cell that holds an array (or, while tracing, a symbol), the recipe that made it, and its gradient.

Arrays are never changed in place. An in-place method computes a new array and rebinds the cell, which raises the
cell's version; a write through a view becomes a new value of the view's base.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Self

from koubai import dtypes
from koubai.arrays import NUMPY, Array, library_of
from koubai.devices import fetch
from koubai.engine.constructors import PLAIN, array_of
from koubai.engine.modes import modes, set_grad_enabled, users_line
from koubai.engine.recipe import Edge, Hook, HookHandle, Recipe, Version, View
from koubai.engine.resident import Resident
from koubai.engine.size import Size
from koubai.ops.movement import alias, cast, expand
from koubai.ops.op import DataDependentError, Op, ShapeError, Symbol

__all__ = [
    "Tensor",
]


class Tensor:
    """An n-dimensional array that knows how it was made.

    Make one with `koubai.tensor`, `koubai.zeros`, `koubai.randn` and so on; `Tensor(2, 3)` and `Tensor([2, 3])` work as
    in PyTorch, and an array becomes the tensor's own as it is. Names, arguments and results of its methods are
    `torch.Tensor`'s.

    Attributes:
        grad: the gradient that `backward()` added up here, or None.
    """

    __slots__ = (
        "__weakref__",
        "_accumulation_hooks",
        "_grad",
        "_hooks",
        "_index",
        "_payload",
        "_recipe",
        "_requires_grad",
        "_retains_grad",
        "_seen",
        "_version",
        "_view",
    )
    __array_priority__ = 1000  # array + tensor asks the tensor

    def __init__(self, payload: Array | Symbol = (), requires_grad: bool = False, *lengths: int) -> None:
        if payload.__class__ in PLAIN:  # Tensor(2, 3) and Tensor([2, 3]) in PyTorch's sense
            given = (payload, requires_grad, *lengths)
            payload, requires_grad = array_of(tuple([x for x in given if x is not False])), False
        self._payload = payload
        self._requires_grad = False
        self._recipe: Recipe | None = None
        self._index = 0
        self._version = Version()
        self._seen = 0  # the version that the payload is of
        self._view: View | None = None
        self._hooks: list[Hook] | None = None
        self._accumulation_hooks: list[Hook] | None = None
        self._retains_grad = False
        self._grad: Tensor | None = None
        if requires_grad:
            self.requires_grad = True

    # --- what it is -------------------------------------------------------------------------------------------

    @property
    def payload(self) -> Array | Symbol:
        """The array, or while tracing the symbol. Arrays must not be written to."""
        if self._seen != self._version.count:
            self._refresh()
        payload = self._payload
        if payload.__class__ is Resident:
            payload = self._payload = payload.array
            if self._view is None:
                self._version.newest = payload
        return payload

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` has added up, or None."""
        if modes.tracer is not None:
            modes.tracer.read_grad(self)
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if modes.tracer is not None:
            modes.tracer.remember_grad(self)
        self._grad = value

    @property
    def recipe(self) -> Recipe | None:
        """How the tensor was made, or None for a leaf."""
        if self._seen != self._version.count:
            self._refresh()
        return self._recipe

    @property
    def grad_fn(self) -> Recipe | None:
        """The recipe, under PyTorch's name."""
        return self.recipe

    @property
    def shape(self) -> Size:
        """The lengths of the dimensions."""
        return Size(self._payload.shape)

    @property
    def dtype(self) -> dtypes.DType:
        """The element type."""
        return self._payload.dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self._payload.shape)

    @property
    def is_leaf(self) -> bool:
        """Whether no recipe made it: parameters, data, results under `no_grad`."""
        return self.recipe is None

    @property
    def requires_grad(self) -> bool:
        """Whether gradients are computed for it; may be set on leaves of floating type."""
        return self._requires_grad or self.recipe is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value and not dtypes.is_floating(self.dtype):
            raise RuntimeError(f"only floating-point tensors can require gradients, this one is {self.dtype}")
        if not value and self.recipe is not None:
            raise RuntimeError("only a leaf can stop requiring gradients; use detach() on a computed tensor")
        self._requires_grad = value

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set `requires_grad` and return the tensor."""
        self.requires_grad = requires_grad
        return self

    @property
    def _is_symbolic(self) -> bool:
        return isinstance(self._payload, Symbol)

    @property
    def edge(self) -> Edge | None:
        """Where this tensor's gradient goes, or None if it needs none."""
        if self.recipe is not None:
            return Edge(self.recipe, self._index)
        return Edge(self, 0) if self._requires_grad else None

    apply: ClassVar[Callable[[Op, tuple[Tensor, ...], dict[str, Any]], Any]]  # set by koubai.apply

    # --- cells: views and in-place changes --------------------------------------------------------------------

    def _refresh(self) -> None:
        """Take the value again, since the cell has changed: a view from its base, which must do so first."""
        stale = [self]
        while (view := stale[-1]._view) is not None and view.found_base()._seen != self._version.count:
            stale.append(view.base)
        for tensor in reversed(stale):
            tensor._take_again()

    def _take_again(self) -> None:
        if modes.tracer is not None:
            modes.tracer.remember(self)
        if self._view is None:
            self._payload = self._version.newest
        else:
            with set_grad_enabled(self._view.tracked):
                fresh = Tensor.apply(self._view.op, (self._view.found_base(),), self._view.attributes)
            self._payload, self._recipe, self._index = fresh._payload, fresh._recipe, fresh._index
        self._seen = self._version.count

    def _snapshot(self) -> Tensor:
        """Return the present value as a cell of its own, which later in-place changes do not touch."""
        if not modes.grad_enabled:
            return self
        copy = Tensor(self.payload if modes.tracer is None else modes.tracer.lift(self))
        copy._recipe, copy._index = self._recipe, self._index
        return copy

    def _become(self, value: Tensor, by: str) -> Self:
        """Rebind this cell to `value`, as the in-place op named `by`.

        Raises:
            RuntimeError: if the shape or kind of type differs, or a leaf that requires gradients would be changed
                while ops are recorded.
        """
        value = _fit(value, self, by)
        if self._view is not None:
            self._write_through(self._view, value, by)
            return self
        self._refuse_leaf(by)
        if modes.tracer is not None:
            modes.tracer.remember(self)
        if modes.grad_enabled:
            self._recipe, self._index = value.recipe, value._index
        self._rebind(value.payload if modes.tracer is None else modes.tracer.lift(value), by)
        return self

    def _refuse_leaf(self, by: str) -> None:
        """Raise RuntimeError if an in-place op would cut off a leaf from its gradient."""
        if self._requires_grad and self._recipe is None and modes.grad_enabled:
            raise RuntimeError(
                f"{by} would change a leaf tensor ({self.dtype}{list(self.shape)}) that requires gradients; wrap the "
                "change in `with koubai.no_grad():`, or use the out-of-place form"
            )

    def _rebind(self, payload: Array | Symbol, by: str) -> None:
        """Store a new value in this cell, which its views and what is detached from it will see."""
        version = self._version
        self._payload = version.newest = payload
        version.count += 1
        version.last = by
        self._seen = version.count

    def _write_through(self, view: View, value: Tensor, by: str) -> None:
        if view.op.assign is None:
            raise RuntimeError(f"{by} cannot write through {view.op.name}; clone() the view first")
        base = view.found_base()
        with set_grad_enabled(view.tracked and modes.grad_enabled):
            base._become(view.op.assign(base, value, **view.attributes), by)

    def _become_view(self, of: Callable[[Tensor], Tensor], by: str) -> Self:
        """Become the view `of(what this tensor was)`, as `unsqueeze_` does.

        Raises:
            RuntimeError: for a leaf that requires gradients, while ops are recorded.
        """
        self._refuse_leaf(by)
        if modes.tracer is not None:
            modes.tracer.remember(self)
        before = Tensor(self.payload)
        before._take_over(self)
        self._take_over(of(before))
        return self

    def _take_over(self, other: Tensor) -> None:
        """Become what `other` is: the same value, view and recipe, in the same cell."""
        for name in ("_payload", "_recipe", "_index", "_version", "_seen", "_view"):
            setattr(self, name, getattr(other, name))

    # --- gradients -----------------------------------------------------------------------------------------

    def retain_grad(self) -> None:
        """Keep the gradient of this computed tensor in `.grad` too, as leaves do."""
        recipe = self.recipe
        if recipe is None or self._retains_grad:
            return
        self._retains_grad = True
        target = weakref.ref(self)

        def keep(gradient: Tensor) -> None:
            tensor = target()
            if tensor is not None:
                tensor.grad = gradient if tensor.grad is None else tensor.grad + gradient

        self.register_hook(keep)

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was called on this computed tensor."""
        return self._retains_grad

    def register_hook(self, hook: Hook) -> HookHandle:
        """Call `hook(gradient)` whenever the gradient of this tensor is computed; it may return another one.

        Returns:
            a handle whose `remove()` takes the hook away.
        """
        if not self.requires_grad:
            raise RuntimeError("cannot hang a hook on a tensor that does not require gradients")
        recipe = self.recipe
        if recipe is None:
            self._hooks = hooks = self._hooks if self._hooks is not None else []
        else:
            recipe.hooks = recipe.hooks if recipe.hooks is not None else {}
            hooks = recipe.hooks.setdefault(self._index, [])
        hooks.append(hook)
        return HookHandle(hooks, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> HookHandle:
        """Call `hook(tensor)` whenever backward has added to the `.grad` of this leaf.

        Returns:
            a handle whose `remove()` takes the hook away.

        Raises:
            RuntimeError: for a tensor that is no leaf, or does not require gradients.

        Example:
            >>> weight.register_post_accumulate_grad_hook(lambda weight: optimizer_of[weight].step())
        """
        if not self._requires_grad or self.recipe is not None:
            raise RuntimeError("gradients are accumulated only in leaves that require them, and this is none")
        if self._accumulation_hooks is None:
            self._accumulation_hooks = []
        self._accumulation_hooks.append(hook)
        return HookHandle(self._accumulation_hooks, hook)

    # --- values -----------------------------------------------------------------------------------------------

    def _values(self, what: str) -> Array:
        """Return the array, for `what`, which needs the values.

        Raises:
            DataDependentError: while tracing.
        """
        payload = self.payload
        if isinstance(payload, Symbol):
            raise DataDependentError(
                f"{what} needs the values of a tensor ({payload}) that has none yet: the function is being traced"
                f"{users_line()}; keep the decision in ops, such as koubai.where"
            )
        return payload

    def numpy(self, *, force: bool = False) -> Any:
        """Return the values as a NumPy array that cannot be written to (the engine shares it).

        Args:
            force: also of a tensor that requires gradients, or lives on another device, as a copy then.

        Raises:
            RuntimeError: if the tensor requires gradients, unless `force` is given.
            TypeError: if it does not live on the CPU, unless `force` is given.
        """
        if self.requires_grad and not force:
            raise RuntimeError("numpy() of a tensor that requires gradients: use detach().numpy()")
        array = self._values("numpy()")
        if library_of((array,)) is not NUMPY:
            if not force:
                raise TypeError(
                    f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to "
                    "host memory first."
                )
            array = fetch(array)
        array = array.view()
        array.flags.writeable = False
        return array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        array = self.numpy()
        return array if dtype is None else array.astype(dtype)

    def item(self) -> Any:
        """Return the only element as a Python number.

        Raises:
            RuntimeError: if there is not exactly one element.
        """
        array = self._values("item()")
        if array.size != 1:
            raise RuntimeError(
                f"item() needs a tensor with one element, this one has shape {list(self.shape)}"
            )
        return array.item()

    def tolist(self) -> Any:
        """Return the values as nested lists."""
        return self._values("tolist()").tolist()

    def __bool__(self) -> bool:
        array = self._values("a condition")
        if array.size != 1:
            raise RuntimeError(
                f"the truth of a tensor with shape {list(self.shape)} is ambiguous; use any() or all()"
            )
        return bool(array)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if dtypes.is_floating(self.dtype):
            raise TypeError(f"only integer tensors of one element can be an index, this one is {self.dtype}")
        return int(self.item())

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.shape:
            raise TypeError("iteration over a 0-d tensor")
        return iter([self[i] for i in range(self.shape[0])])

    __hash__ = object.__hash__

    def __format__(self, spec: str) -> str:
        plain = not spec and (self.shape or self._is_symbolic)
        return repr(self) if plain else format(self.item(), spec)

    if TYPE_CHECKING:
        # The methods and operators are koubai's functions, attached in koubai.functions.
        T: Tensor
        mT: Tensor
        H: Tensor
        data: Tensor
        device: Any
        backward: Callable[..., None]
        numel: Callable[[], int]
        nelement: Callable[[], int]
        dim: Callable[[], int]
        size: Callable[..., Any]
        stride: Callable[..., Any]
        max: Callable[..., Any]
        min: Callable[..., Any]
        is_floating_point: Callable[[], bool]
        is_contiguous: Callable[..., bool]

        def __getattr__(self, name: str) -> Callable[..., Tensor]: ...
        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __floordiv__(self, other: Any) -> Tensor: ...
        def __rfloordiv__(self, other: Any) -> Tensor: ...
        def __mod__(self, other: Any) -> Tensor: ...
        def __rmod__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __rpow__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __rmatmul__(self, other: Any) -> Tensor: ...
        def __and__(self, other: Any) -> Tensor: ...
        def __rand__(self, other: Any) -> Tensor: ...
        def __or__(self, other: Any) -> Tensor: ...
        def __ror__(self, other: Any) -> Tensor: ...
        def __xor__(self, other: Any) -> Tensor: ...
        def __rxor__(self, other: Any) -> Tensor: ...
        def __lshift__(self, other: Any) -> Tensor: ...
        def __rshift__(self, other: Any) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __pos__(self) -> Tensor: ...
        def __abs__(self) -> Tensor: ...
        def __invert__(self) -> Tensor: ...
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...
        def __eq__(self, other: Any) -> Tensor: ...  # type: ignore[override]
        def __ne__(self, other: Any) -> Tensor: ...  # type: ignore[override]
        def __getitem__(self, index: Any) -> Tensor: ...
        def __setitem__(self, index: Any, value: Any) -> None: ...


def _fit(value: Tensor, cell: Tensor, by: str) -> Tensor:
    """Return `value` in the shape and dtype of `cell`, which it is about to replace, and on its device."""
    as_it_is = value.dtype == cell.dtype
    if not as_it_is and dtypes.category(value.dtype) > dtypes.category(cell.dtype):
        raise RuntimeError(
            f"{by}: a result of type {value.dtype} cannot be stored in a tensor of type {cell.dtype}"
        )
    if type(value._payload) is not type(cell._payload) and value.device != cell.device:
        value = value.to(cell.device)
    if not as_it_is:
        value = cast(value, dtype=cell.dtype)
    if value._payload.shape != cell._payload.shape:
        try:
            value = expand(value, shape=cell.shape)
        except ShapeError:
            raise RuntimeError(
                f"{by}: a result of shape {list(value.shape)} cannot be stored in a tensor of shape {list(cell.shape)}"
            ) from None
    if value._requires_grad and value.recipe is None and modes.grad_enabled:
        value = alias(value)  # the cell must lead back to this leaf
    return value
