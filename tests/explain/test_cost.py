"""What gradients cost: forward passes are counted, and both ways find the same gradients."""

import pytest

from koubai.explain import gradient_costs


@pytest.mark.parametrize(("width", "parameters"), [(2, 19), (4, 45), (8, 121)])
def test_numerical_differentiation_needs_two_passes_for_every_parameter(width, parameters):
    (cost,) = gradient_costs([width])
    assert cost.parameters == parameters
    assert cost.passes == 2 * parameters
    assert cost.swept == 1
    assert cost.difference < 1e-8
    assert cost.numerical > 0
    assert cost.backpropagation > 0
