"""Every module agrees with PyTorch's on PyTorch's own samples, in training and evaluation mode.

State goes over by name; then outputs, gradients of inputs and parameters, gradients of gradients, and buffers
after the forward are compared, and the layer is traced and replayed bit for bit.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn.attention import SDPBackend, sdpa_kernel  # noqa: E402

import koubai  # noqa: E402
from koubai import nn  # noqa: E402
from koubai.ops.op import DataDependentError  # noqa: E402

from .opinfo import Mismatch, Refused, Tally, Translator  # noqa: E402

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_modules import ModuleInfo, ModuleInput, module_db

TOLERANCE = {"rtol": 1e-9, "atol": 1e-12}
NAMES = [info.module_cls.__name__ for info in module_db]
LEFT_OUT = {
    "FractionalMaxPool2d": "windows at random places",
    "FractionalMaxPool3d": "windows at random places",
}
PRESENT = [info for info in module_db if hasattr(nn, info.module_cls.__name__)]


def close(ours: Any, theirs: Any, what: str) -> None:
    """Raise Mismatch if two tensors (or Nones, or nested tuples of them) differ."""
    if isinstance(theirs, (tuple, list)):
        if len(ours) != len(theirs):
            raise Mismatch(f"{what}: {len(ours)} of them, PyTorch has {len(theirs)}")
        for index, (one, other) in enumerate(zip(ours, theirs)):
            close(one, other, f"{what}[{index}]")
        return
    if ours is None or theirs is None:
        present = ours if theirs is None else theirs
        if present is not None and np.any(
            array(present) != 0
        ):  # PyTorch may give None where Koubai gives zeros
            raise Mismatch(f"{what}: koubai has {ours}, PyTorch {theirs}")
        return
    one, other = array(ours), array(theirs)
    if one.shape != other.shape or one.dtype != other.dtype:
        raise Mismatch(f"{what}: {one.dtype}{one.shape}, PyTorch has {other.dtype}{other.shape}")
    if what.startswith("gradient"):  # 0 · NaN in PyTorch, for elements that the output does not depend on
        other = np.where(np.isnan(other) & (one == 0), 0, other)
    np.testing.assert_allclose(one, other, **TOLERANCE, err_msg=what)


def array(tensor: Any) -> np.ndarray[Any, Any]:
    return np.asarray(tensor.detach().numpy(force=True))


def tensors(value: Any) -> list[Any]:
    """All tensors in nested tuples, lists and dicts."""
    if isinstance(value, (torch.Tensor, koubai.Tensor)):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, (tuple, list)) else ()
    return [tensor for item in items for tensor in tensors(item)]


def call(module: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Call a module; CTC's gradient is defined in PyTorch only together with the log_softmax before it."""
    if type(module).__name__ == "CTCLoss":
        args = (args[0].log_softmax(-1), *args[1:])
    return module(*args, **kwargs)


class Pair:
    """One sample: a module of each library with the same state, and its arguments for both."""

    def __init__(self, info: ModuleInfo, sample: ModuleInput, training: bool) -> None:
        made, given = sample.constructor_input, sample.forward_input
        self.theirs = info.module_cls(*made.args, **made.kwargs).double().train(training)
        translate = Translator()
        kind = getattr(nn, info.module_cls.__name__)
        args, kwargs = translate((counterpart(made.args), counterpart(made.kwargs)))
        self.ours = kind(*args, **kwargs).double().train(training)
        self.their_arguments = fresh((given.args, given.kwargs))
        self.arguments = translate(self.their_arguments)
        self.inputs = translate.differentiable()
        self._copy_state()

    def _copy_state(self) -> None:
        state = {name: tensor.numpy() for name, tensor in self.theirs.state_dict().items()}
        if list(self.ours.state_dict()) != list(state):
            raise Mismatch(f"state_dict has {list(self.ours.state_dict())}, PyTorch's {list(state)}")
        self.ours.load_state_dict(state)

    def leaves(self) -> tuple[list[Any], list[Any]]:
        """Everything to differentiate by: inputs, then parameters, of koubai and of PyTorch."""
        ours, theirs = list(self.ours.named_parameters()), list(self.theirs.named_parameters())
        if [name for name, _ in ours] != [name for name, _ in theirs]:
            raise Mismatch(
                f"parameters {[name for name, _ in ours]}, PyTorch has {[name for name, _ in theirs]}"
            )
        return (
            [mine for _, mine in self.inputs] + [parameter for _, parameter in ours],
            [their for their, _ in self.inputs] + [parameter for _, parameter in theirs],
        )

    def check(self, second: bool) -> None:
        """Compare values, gradients, buffers; then trace."""
        their_output = call(self.theirs, *self.their_arguments)
        self.check_trace()  # before the eager call: a program changes buffers like the call it stands for
        output = call(self.ours, *self.arguments)
        close(tensors(output), tensors(their_output), "output")
        close(list(self.ours.buffers()), list(self.theirs.buffers()), "buffers")
        self.check_gradients(tensors(output), tensors(their_output), second)

    def check_gradients(self, outputs: Sequence[Any], their_outputs: Sequence[Any], second: bool) -> None:
        """Compare gradients, and gradients of gradients if `second`."""
        leaves, their_leaves = self.leaves()
        pairs = [pair for pair in zip(outputs, their_outputs) if pair[1].requires_grad]
        if not pairs or not leaves:
            return
        seeds = [torch.randn_like(their) for _, their in pairs]
        # a gradient that is constant has no recipe here, and one that leads to zeros in PyTorch
        ours = [(out, koubai.from_numpy(s.numpy())) for (out, _), s in zip(pairs, seeds) if out.requires_grad]
        found = differentiate(koubai.grad, [out for out, _ in ours], leaves, [s for _, s in ours], second)
        try:
            theirs = [their for _, their in pairs]
            their_found = differentiate(torch.autograd.grad, theirs, their_leaves, seeds, second)
        except RuntimeError as error:
            if "derivative for" not in str(error):
                raise
            return  # PyTorch has no second gradient for it
        close(found, their_found, "gradient")
        if second:
            both = [pair for pair in zip(found, their_found) if pair[0] is not None and pair[1] is not None]
            self.check_gradients([one for one, _ in both], [other for _, other in both], second=False)

    def check_trace(self) -> None:
        """Trace the layer and compare a replay with an eager call, bit for bit; leave buffers alone."""
        state = {name: tensor.clone() for name, tensor in self.ours.state_dict().items()}
        try:
            program = koubai.trace(
                lambda args, kwargs: tensors(call(self.ours, args, kwargs)), *self.arguments
            )
        except DataDependentError:  # lengths given as tensors decide about shapes
            return
        replayed = program(*self.arguments)
        self.ours.load_state_dict(state)
        eager = tensors(call(self.ours, *self.arguments))
        self.ours.load_state_dict(state)
        for index, (one, other) in enumerate(zip(replayed, eager, strict=True)):
            if not np.array_equal(array(one), array(other), equal_nan=one.is_floating_point()):
                raise Mismatch(f"output {index} of the traced layer differs from the eager one")


def differentiate(
    grad: Any, outputs: Sequence[Any], leaves: Sequence[Any], seeds: Sequence[Any], create_graph: bool
) -> Sequence[Any]:
    if not outputs:
        return [None] * len(leaves)
    return grad(outputs, leaves, seeds, create_graph=create_graph, allow_unused=True)  # type: ignore[no-any-return]


def counterpart(value: Any) -> Any:
    """The same arguments with Koubai's own for PyTorch's functions, such as gelu, and Transformer layers."""
    if isinstance(value, dict):
        return {key: counterpart(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(map(counterpart, value))
    if isinstance(value, torch.nn.TransformerEncoderLayer):
        return encoder_layer(value)
    return getattr(nn.functional, value.__name__) if inspect.isroutine(value) else value


def encoder_layer(layer: Any) -> nn.TransformerEncoderLayer:
    return nn.TransformerEncoderLayer(
        layer.linear1.in_features,
        layer.self_attn.num_heads,
        layer.linear1.out_features,
        layer.dropout.p,
        counterpart(layer.activation),
        layer.norm1.eps,
        layer.self_attn.batch_first,
        layer.norm_first,
        layer.linear1.bias is not None,
    )


def fresh(value: Any) -> Any:
    """The same arguments with tensors of their own, that nothing else has led to."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, dict):
        return {key: fresh(item) for key, item in value.items()}
    return type(value)(map(fresh, value)) if isinstance(value, (tuple, list)) else value


def examine(info: ModuleInfo, training: bool, tally: Tally) -> None:
    """Run every sample of a module in one mode and count what happens."""
    torch.manual_seed(0)
    samples = info.module_inputs_func(
        info, device="cpu", dtype=torch.float64, requires_grad=True, training=training
    )
    for index, sample in enumerate(samples):
        try:
            with sdpa_kernel(SDPBackend.MATH):  # the one that PyTorch can differentiate twice
                Pair(info, sample, training).check(second=index < 3 and info.supports_gradgrad)
        except Refused as reason:
            tally.skips[str(reason)] += 1
        except Exception as error:
            made = sample.constructor_input
            tally.failures.append(f"sample {index} {made.args} {made.kwargs} {sample.desc}: {error!r}"[:800])
        else:
            tally.passed += 1


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("info", PRESENT, ids=lambda info: info.module_cls.__name__)
def test_module(info: ModuleInfo, training: bool, record_property: Any) -> None:
    tally = Tally()
    examine(info, training, tally)
    record_property("samples", tally.as_property())
    if tally.failures:
        shown = "\n".join(tally.failures[:5])
        pytest.fail(f"{len(tally.failures)} samples failed ({tally.passed} passed):\n{shown}", pytrace=False)


def test_only_known_modules_are_absent(record_property: Any) -> None:
    absent = {name for name in NAMES if not hasattr(nn, name)}
    lazy = {name for name in absent if name.startswith("Lazy")}
    skips = {"modules whose sizes are found at the first call (Lazy…)": len(lazy)}
    skips |= {f"{name}: {reason}": 1 for name, reason in LEFT_OUT.items() if name in absent}
    record_property("samples", {"passed": 0, "failed": 0, "skipped": skips})
    assert absent - lazy <= set(LEFT_OUT)
