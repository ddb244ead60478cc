"""Every op that PyTorch has samples for, and Koubai has, gives PyTorch's values and gradients on all of them.

Gradients are also compared with numerical differentiation, and each sample is traced and replayed bit for bit.
"""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from koubai.ops.op import DataDependentError  # noqa: E402

from .checks import check_gradients, check_numerically, check_trace, check_values  # noqa: E402
from .expected import ANY_POSITION, DATA_DEPENDENT, LOOSE, NOT_NUMERICALLY, NUMERICALLY_ONLY, RANDOM, REQUIRED  # noqa: E402
from .opinfo import Mismatch, OpInfo, Refused, Run, Tally, Variant, exists, op_db, variants  # noqa: E402

FORWARD_DTYPES = (torch.float32, torch.int64, torch.bool)
PRESENT = [op for op in op_db if exists(op)]


def examine(op: OpInfo, variant: Variant, dtype: Any, tally: Tally) -> None:
    """Run every sample of `op` at `dtype` in one variant and count what happens."""
    differentiable = dtype == torch.float64 and op.supports_autograd
    if variant.in_place:
        differentiable = differentiable and op.supports_inplace_autograd
    torch.manual_seed(0)
    for index, sample in enumerate(op.sample_inputs("cpu", dtype, requires_grad=differentiable)):
        if variant.in_place and sample.broadcasts_input:
            continue  # the result would not fit
        try:
            examine_sample(op, Run.of(variant, sample), differentiable, index)
        except Refused as reason:
            tally.skips[str(reason)] += 1
        except Exception as error:
            if is_excused(op, error):
                tally.untraced += 1
            else:
                failure = f"{variant.name}, {dtype}, sample {index} {sample.summary()}: {error!r}"
                tally.failures.append(failure[:600])
        else:
            tally.passed += 1


def examine_sample(op: OpInfo, run: Run, differentiable: bool, index: int) -> None:
    """Compare one sample: values, gradients, second gradients and numerical ones for the first two; then traced."""
    if run.variant.koubai is None:
        raise Mismatch(f"there is no such {run.variant.name} in koubai")
    random = op.name in RANDOM or run.sample.kwargs.get("dropout_p", 0) > 0
    ours, theirs = check_values(run, not random, op.name in ANY_POSITION)
    if ours is None:
        return
    few = index < 2 and differentiable and not random
    if differentiable and not random and op.name not in NUMERICALLY_ONLY:
        check_gradients(run, ours, theirs, few and op.supports_gradgrad, LOOSE.get(op.name))
    if few and run.variant.name == "function" and op.formatted_name not in NOT_NUMERICALLY:
        check_numerically(run)
    if run.variant.name != "method":
        check_trace(run, ours)


def is_excused(op: OpInfo, error: Exception) -> bool:
    """Tell whether an op could not be traced that cannot be, because its result depends on data."""
    return isinstance(error, DataDependentError) and op.name in DATA_DEPENDENT


@pytest.mark.parametrize("op", PRESENT, ids=lambda op: op.formatted_name)
def test_op(op: OpInfo, record_property: Any) -> None:
    tally = Tally()
    dtypes = [dtype for dtype in FORWARD_DTYPES if op.supports_dtype(dtype, "cpu")]
    wide = op.supports_dtype(torch.float64, "cpu")
    for variant in variants(op):
        if wide:
            examine(op, variant, torch.float64, tally)
        for dtype in dtypes:
            examine(op, variant, dtype, tally)
    record_property("samples", tally.as_property())
    if tally.failures:
        shown = "\n".join(tally.failures[:5])
        pytest.fail(f"{len(tally.failures)} samples failed ({tally.passed} passed):\n{shown}", pytrace=False)


def test_required_ops_are_there() -> None:
    missing = REQUIRED - {op.name for op in PRESENT}
    assert not missing, f"koubai lacks {' '.join(sorted(missing))}"
