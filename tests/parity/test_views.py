"""Views and writes in place: the same little programs, run by PyTorch and by Koubai, end in the same numbers.

A program is given the library and returns tensors; where PyTorch refuses it, Koubai must refuse it too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import koubai

torch = pytest.importorskip("torch")

Program = Callable[[Any], Any]
PROGRAMS: list[Program] = []
REFUSED: list[Program] = []


def program(function: Program) -> Program:
    PROGRAMS.append(function)
    return function


def refused(function: Program) -> Program:
    REFUSED.append(function)
    return function


def leaf(lib: Any, *shape: int) -> Any:
    return (lib.arange(int(np.prod(shape)), dtype=lib.float64) + 1).reshape(shape).clone().requires_grad_()


def as_arrays(result: Any) -> list[Any]:
    if result is None or isinstance(result, bool | tuple):
        return [result]
    if isinstance(result, list):
        return [array for item in result for array in as_arrays(item)]
    return [result.detach().numpy().copy()]


# --- values


@program
def write_into_base_then_read_view(lib):
    x = lib.zeros(2, 3)
    row, flat = x[1], x.reshape(-1)
    x.add_(1)
    x[1, 2] = 7
    return [row, flat]


@program
def write_through_view_of_view(lib):
    x = lib.zeros(3, 4)
    inner = x[1:].transpose(0, 1)[1:3]
    inner.fill_(5)
    inner[0, 0] = 9
    return [x, inner]


@program
def two_views_of_one_base(lib):
    x = lib.zeros(4)
    first, last = x[:3], x[1:]
    first.add_(1)
    last.mul_(10)
    first += 0.5
    return [x, first, last]


@program
def reshape_of_a_transposed_matrix_is_a_copy(lib):
    x = lib.zeros(2, 3)
    flat = x.t().reshape(-1)
    flat.fill_(3)
    rows = x.reshape(3, 2)
    rows[0] = 8
    return [x, flat]


@program
def reshape_of_a_slice_is_a_view_where_memory_allows(lib):
    x = lib.zeros(4, 3, 2)
    x[1:3].reshape(-1)[0] = 1  # rows lie together
    x[:, 1:].reshape(4, 4)[0, 0] = 2  # so do the last two dimensions
    x[:, :, 1:].reshape(-1)[0] = 3  # these do not
    x[::2].reshape(-1)[5] = 4
    x.permute(1, 2, 0).reshape(6, 4)[0, 1] = 5
    x.unsqueeze(1).squeeze().flatten(1)[3, 3] = 6
    return [x]


@program
def contiguity(lib):
    x = lib.zeros(4, 3, 2)
    views = [
        x,
        x[1],
        x[:, 1],
        x[..., :1],
        x.transpose(0, 1),
        x.permute(2, 0, 1).permute(1, 2, 0),
        x[:1].transpose(0, 1),
        x[:, :, None],
        lib.zeros(3, 1).expand(3, 2),
        lib.zeros(1, 3).expand(1, 3),
        x[::2, 0],
        x.unfold(0, 2, 1),
        x[2:2],
    ]
    return [view.is_contiguous() for view in views]


@program
def strides(lib):
    x = lib.zeros(4, 3, 2)
    views = [x, x[1:3, ::2], x.permute(2, 0, 1), x.reshape(6, 4), x[1].t(), x.unfold(1, 2, 1)]
    return [view.stride() for view in views]


@program
def contiguous_copies_only_what_is_not(lib):
    x = lib.zeros(2, 3)
    x.contiguous()[0, 0] = 1
    x.t().contiguous()[0, 0] = 2
    return [x]


@program
def slices_of_one_dimension(lib):
    x = lib.zeros(10)
    x[2:8][::2][1:] = 1
    x[-3:][-1] = 2
    x[5:3] = 9
    x[:100:4] += 3
    return [x]


@program
def splits_are_views(lib):
    x = lib.zeros(6)
    head, tail = x[:2], x.chunk(3)[2]
    head += 1
    tail -= 1
    return [x, x.unfold(0, 3, 3), x.view(2, 3).T]


@program
def diagonal_is_a_view(lib):
    x = lib.zeros(3, 4)
    x.diagonal().fill_(1)
    x.diagonal(1).copy_(lib.tensor([2.0, 3.0, 4.0]))
    x.diagonal(-1)[1] = 5
    x.t().diagonal(-3)[0] = 6
    return [x, x.diagonal(offset=2)]


@program
def diagonal_in_the_middle(lib):
    x = lib.zeros(2, 3, 2)
    x.diagonal(dim1=0, dim2=2)[1] = lib.tensor([7.0, 8.0])
    return [x]


@program
def unfold_is_a_view(lib):
    x = lib.zeros(7)
    x.unfold(0, 2, 3)[1] = 4
    windows = x.unfold(0, 3, 2)
    x[2] = 5
    return [x, windows]


@program
def expanded_views_follow_the_base(lib):
    x = lib.zeros(3, 1)
    wide = x.expand(3, 4)
    x[1] = 6
    x.expand(1, 3, 1)[0, 2, 0] = 2
    return [x, wide]


@program
def written_with_its_own_view(lib):
    x = lib.arange(6.0)
    x[1:4] = x[1:4].flip(0)
    x += x.flip(0)
    x[0] = x[5] * 2
    return [x]


@program
def value_is_taken_at_the_time_of_writing(lib):
    x, y = lib.zeros(3), lib.ones(3)
    x.copy_(y)
    y.fill_(9)
    x[0] = y[1]
    y.fill_(3)
    return [x, y]


@program
def integers_keep_their_type(lib):
    x = lib.arange(4)
    x[1] = 2.9
    x[2:] = lib.tensor([7.5, -1.5])
    x += 1
    x *= True
    return [x]


@program
def a_float_tensor_takes_doubles(lib):
    x = lib.zeros(3)
    x += lib.ones(3, dtype=lib.float64) / 3
    x[0] = lib.tensor(1 / 3, dtype=lib.float64)
    return [x]


@refused
def integers_take_no_fraction_in_place(lib):
    x = lib.arange(3)
    x += 0.5


@refused
def a_result_that_is_larger_does_not_fit(lib):
    x = lib.zeros(3)
    x += lib.zeros(2, 3)


@refused
def a_stretched_view_cannot_be_written(lib):
    x = lib.zeros(1)
    x.expand(3).add_(lib.arange(3.0))


@refused
def an_assigned_value_must_fit(lib):
    x = lib.zeros(3)
    x[1:] = lib.zeros(3)


# --- masks and positions


@program
def masks(lib):
    x = lib.arange(12.0).reshape(3, 4)
    x[x > 9] = 0
    x[:, lib.tensor([True, False, False, True])] = lib.tensor([[1.0], [2.0], [3.0]])
    x[1, x[1] < 3] = lib.tensor([8.0])
    return [x]


@program
def masks_that_read(lib):
    x = lib.arange(12.0).reshape(3, 4)
    x[x == 5] *= -1
    x[lib.tensor([True, False, True])] += 100
    x[x > 105] = lib.tensor([1.0, 2.0, 3.0, 4.0])
    return [x]


@program
def positions(lib):
    x = lib.zeros(3, 4)
    x[[0, 2], [1, 3]] = lib.tensor([5.0, 6.0])
    x[lib.tensor([[0], [1]]), lib.tensor([0, 2])] += 1
    x[..., [0, 0, 1]] += 1  # each place once
    x[-1, lib.tensor([-1, -2])] = 9
    return [x]


@program
def position_in_a_view_of_a_view(lib):
    x = lib.zeros(3, 4)
    x[1:].t()[[0, 1], [1, 0]] = lib.tensor([5.0, 6.0])
    return [x]


@program
def in_place_functions(lib):
    x = lib.zeros(3, 4)
    index = lib.tensor([2, 0])
    x.index_fill_(1, index, 3)
    x.index_add_(0, index, lib.ones(2, 4), alpha=2)
    x.index_copy_(1, index, lib.ones(3, 2) * 7)
    x.masked_fill_(x == 2, -1)
    x.scatter_(1, lib.tensor([[0], [1], [2]]), 4)
    x.scatter_add_(0, lib.tensor([[0, 0, 2, 2]]), lib.ones(1, 4))
    x.index_put_((index, index), lib.tensor(1.0), accumulate=True)
    x.tril_(2)
    return [x]


# --- gradients


@program
def gradient_through_a_written_slice(lib):
    x, w = leaf(lib, 3, 4), leaf(lib, 4)
    y = x * 2
    y[1] = w * 3
    y[:, 0] *= 5
    (y**2).sum().backward()
    return [x.grad, w.grad, y]


@program
def gradient_through_a_view_written_before(lib):
    x, w = leaf(lib, 4), leaf(lib, 2)
    y = x * 1
    part = y[1:3]
    part.mul_(w)
    part.add_(part.sum())
    y.mul_(2)
    return [*lib.autograd.grad((part * y[:2]).sum(), (x, w)), y, part]


@program
def gradient_of_a_view_of_a_leaf(lib):
    x = leaf(lib, 3, 4)
    (x[1:, ::2].t() ** 2).sum().backward()
    return [x.grad]


@program
def a_plain_tensor_becomes_part_of_the_graph(lib):
    x = lib.zeros(2, 3, dtype=lib.float64)
    w = leaf(lib, 3)
    row = x[0]
    row.copy_(w)
    x[1] = row * 2
    (x * x).sum().backward()
    return [w.grad, x, x.requires_grad, row.requires_grad]


@program
def copying_a_leaf_leads_back_to_it(lib):
    x = lib.zeros(3, dtype=lib.float64)
    w = leaf(lib, 3)
    x.copy_(w)
    x.mul_(w)
    x.sum().backward()
    return [w.grad]


@program
def in_place_product_with_what_was_plain(lib):
    x = lib.ones(3, dtype=lib.float64) * 2
    w = leaf(lib, 3)
    x.mul_(w)
    x.mul_(w)
    x.sum().backward()
    return [w.grad]


@program
def overwritten_parts_get_no_gradient(lib):
    x = leaf(lib, 4)
    y = x * 3
    y[1] = 0
    y[2:3].zero_()
    y.sum().backward()
    return [x.grad]


@program
def everything_overwritten(lib):
    x = leaf(lib, 3)
    y = x * 3
    y.zero_()
    y.sum().backward()
    return [x.grad, y.requires_grad]


@program
def masked_and_scattered_writes(lib):
    x, v = leaf(lib, 3, 4), leaf(lib, 2)
    y = x.sin()
    y[y > 0.5] = 0
    y[[0, 2], [1, 1]] = v
    y.masked_fill_(y < -0.9, 1)
    (y * y).sum().backward()
    return [x.grad, v.grad]


@program
def buffer_filled_step_by_step(lib):
    w, out = leaf(lib, 3), lib.zeros(4, 3, dtype=lib.float64)
    state = lib.ones(3, dtype=lib.float64)
    for t in range(4):
        state = state * w
        out[t] = state
    out.sum().backward()
    return [w.grad, out]


@program
def second_gradient_through_a_write(lib):
    x = leaf(lib, 3)
    y = x**3
    y[1:] *= x[:2]
    (first,) = lib.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = lib.autograd.grad((first**2).sum(), x)
    return [first, second]


@program
def under_no_grad_the_graph_stays(lib):
    x = leaf(lib, 3)
    y = x * 2
    with lib.no_grad():
        y.add_(5)
        x.mul_(10)
    y.sum().backward()
    return [x, y, x.grad]


@program
def a_view_read_under_no_grad_keeps_its_gradient(lib):
    x = leaf(lib, 3)
    y = x * 2
    part = y[:2]
    y.mul_(3)
    with lib.no_grad():
        part.clone()
    part.sum().backward()
    return [x.grad]


@program
def accumulated_gradients(lib):
    x = leaf(lib, 3)
    for _ in range(3):
        y = x.clone()
        y[0] = y[1]
        (y * y).sum().backward()
    return [x.grad]


@refused
def a_leaf_is_not_changed_in_place(lib):
    leaf(lib, 3).add_(1)


@refused
def nor_through_a_view(lib):
    leaf(lib, 3)[0].zero_()


@refused
def nor_by_assignment(lib):
    x = leaf(lib, 3)
    x[0] = 1


@refused
def nor_by_its_shape(lib):
    leaf(lib, 3).unsqueeze_(0)


@refused
def what_backward_needs_was_changed(lib):
    x = leaf(lib, 3)
    y = x * 1
    z = y * y
    y.add_(1)
    z.sum().backward()


@refused
def what_backward_needs_was_changed_through_a_view(lib):
    x = leaf(lib, 3)
    y = x * 1
    z = y.sin()
    y[0] = 1
    z.sum().backward()


@refused
def a_result_that_backward_needs_was_changed(lib):
    x = leaf(lib, 3)
    y = x.exp()
    y.add_(1)
    y.sum().backward()


@refused
def the_base_of_a_view_that_backward_needs_was_changed(lib):
    x = leaf(lib, 4)
    y = x * 1
    z = y[:2] * y[2:]
    y[0] = 1
    z.sum().backward()


@refused
def a_parameter_that_backward_needs_was_changed(lib):
    x, w = leaf(lib, 3), leaf(lib, 3)
    y = x * w
    with lib.no_grad():
        w.add_(1)
    y.sum().backward()


@refused
def a_detached_twin_of_what_backward_needs_was_changed(lib):
    x = leaf(lib, 3)
    y = x * 1
    z = y * y
    y.detach().zero_()
    z.sum().backward()


# --- detach and data


@program
def detached_tensors_share_the_values(lib):
    x = leaf(lib, 3)
    y = x * 2
    cut = y.detach()
    cut[0] = 100
    y.data.mul_(2)
    part = y[1:].detach()
    part.add_(1)
    with lib.no_grad():
        y.add_(0.5)
    (y * 3).sum().backward()
    return [y, cut, part, x.grad, cut.requires_grad, part.requires_grad]


@program
def a_detached_leaf_can_be_written(lib):
    x = leaf(lib, 3)
    x.detach()[1] = 5
    x.data[2] = 6
    x.data *= 2
    (x * x).sum().backward()
    return [x, x.grad]


@program
def a_detached_tensor_outlives_its_base(lib):
    x = leaf(lib, 3)
    y = x * 2
    cut = y.detach()
    with lib.no_grad():
        y.add_(1)
    del y
    other = cut.detach()
    cut.mul_(2)
    return [cut, other]


@program
def data_can_be_replaced(lib):
    x = leaf(lib, 3)
    x.data = lib.zeros(3, dtype=lib.float64)
    (x + 1).sum().backward()
    return [x, x.grad]


@program
def clone_is_apart(lib):
    x = leaf(lib, 3)
    y = x.clone()
    y[0] = 9
    (y * y).sum().backward()
    return [x, y, x.grad]


# --- other shapes in place


@program
def shapes_change_in_place(lib):
    x = lib.arange(6.0).reshape(2, 3).clone()
    part, flat = x[1], x.view(-1)
    x.t_()
    x.unsqueeze_(0)
    x[0, 0, 1] = 50
    part[2] = 7
    x.squeeze_().transpose_(0, 1).mul_(2)
    flat[0] = -1
    return [x, part, flat]


@program
def gradient_through_a_shape_changed_in_place(lib):
    x = leaf(lib, 2, 3)
    y = x * 2
    y.t_()
    y[0] *= 3
    y.unsqueeze_(-1)
    (y**2).sum().backward()
    return [x.grad, y]


# --- the tests


@pytest.mark.parametrize("function", PROGRAMS, ids=lambda f: f.__name__)
def test_ends_in_the_same_numbers(function: Program) -> None:
    for ours, theirs in zip(as_arrays(function(koubai)), as_arrays(function(torch)), strict=True):
        np.testing.assert_equal(ours, theirs)


@pytest.mark.parametrize("function", REFUSED, ids=lambda f: f.__name__)
def test_is_refused_by_both(function: Program) -> None:
    with pytest.raises(RuntimeError):
        function(torch)
    with pytest.raises(RuntimeError):
        function(koubai)


TRACEABLE = [function for function in PROGRAMS if function.__name__ != "masks_that_read"]


@pytest.mark.parametrize("function", TRACEABLE, ids=lambda f: f.__name__)
def test_is_traced_and_replayed_to_the_same_bits(function: Program) -> None:
    traced = koubai.trace(lambda: function(koubai))
    for replayed, eager in zip(as_arrays(traced()), as_arrays(function(koubai)), strict=True):
        np.testing.assert_array_equal(replayed, eager, strict=True)
