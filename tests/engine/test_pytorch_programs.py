"""What programs written for PyTorch use besides the functions themselves: aliases, switches, old constructors."""

from __future__ import annotations

import pytest

import koubai


def test_axis_and_keepdims_mean_dim_and_keepdim() -> None:
    x = koubai.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert x.sum(axis=0, keepdims=True).tolist() == [[4.0, 6.0]]
    assert koubai.cat([x, x], axis=1).shape == (2, 4)
    assert koubai.max(x, axis=1).values.tolist() == [2.0, 4.0]
    assert x.cumsum_(axis=1).tolist() == [[1.0, 3.0], [3.0, 7.0]]


def test_axis_beside_dim_is_refused() -> None:
    with pytest.raises(TypeError, match="both axis and dim"):
        koubai.ones(2).sum(dim=0, axis=0)
