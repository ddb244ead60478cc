"""Tensors print as PyTorch's do."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import koubai  # noqa: E402

GENERATOR = np.random.default_rng(0)
ARRAYS = {
    "number": np.array(1.5, np.float32),
    "whole number": np.array(3.0, np.float32),
    "vector": np.array([1.0, 2.5, -3.25], np.float32),
    "whole": np.array([1.0, -2.0, 30.0], np.float32),
    "zeros": np.zeros((2, 3), np.float32),
    "matrix": GENERATOR.normal(size=(3, 4)).astype(np.float32),
    "cube": GENERATOR.normal(size=(2, 3, 4)),
    "long": GENERATOR.normal(size=40).astype(np.float32),
    "many": np.arange(2000),
    "large": GENERATOR.normal(size=(50, 60)).astype(np.float32),
    "wide range": np.array([1e-6, 1.0, 1e4], np.float32),
    "small": np.array([1e-5, 2e-5], np.float32),
    "special": np.array([np.nan, np.inf, -np.inf, 1.0], np.float32),
    "special fractions": np.array([np.nan, np.inf, -np.inf, 1.5], np.float32),
    "only special": np.array([np.nan, np.inf], np.float32),
    "integers": np.array([[1, -200], [30, 4]]),
    "int32": np.array([1, 2], np.int32),
    "uint8": np.array([1, 255], np.uint8),
    "bool": np.array([[True, False], [False, False]]),
    "half": np.array([1.5, 2.25], np.float16),
    "double": np.array([[0.1], [0.2]]),
    "empty": np.zeros(0, np.float32),
    "empty matrix": np.zeros((0, 3), np.float32),
    "empty integers": np.zeros(0, np.int64),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_values(name: str) -> None:
    expected = repr(torch.from_numpy(ARRAYS[name])).replace("torch.", "koubai.")
    assert repr(koubai.from_numpy(ARRAYS[name])) == expected


def test_requires_grad() -> None:
    assert repr(koubai.ones(2, requires_grad=True)) == repr(torch.ones(2, requires_grad=True))
    ours = repr(koubai.ones(2, 3, requires_grad=True) * 2)
    theirs = repr(torch.ones(2, 3, requires_grad=True) * 2)
    assert ours == theirs.replace("MulBackward0", "mul")


@pytest.mark.parametrize("spec", ["", ".2f", "5.1e"])
def test_format(spec: str) -> None:
    assert format(koubai.tensor(2.5), spec) == format(torch.tensor(2.5), spec)
    assert f"{koubai.tensor([1.0, 2.0])}" == f"{torch.tensor([1.0, 2.0])}"
