"""Views and writes in place: what is shared, what flows back, and what is refused, in PyTorch's way."""

from __future__ import annotations

import gc
import weakref

import pytest

import koubai


def weights(*values):
    return koubai.tensor(list(values), dtype=koubai.float64, requires_grad=True)


# --- what is shared


def test_a_view_sees_what_is_written_into_its_base():
    x = koubai.zeros(2, 3)
    column, flat = x[:, 1], x.view(-1)
    x[0] = koubai.tensor([1.0, 2.0, 3.0])
    x.mul_(10)
    assert column.tolist() == [20.0, 0.0]
    assert flat.tolist() == [10.0, 20.0, 30.0, 0.0, 0.0, 0.0]


def test_the_base_sees_what_is_written_through_views_of_views():
    x = koubai.zeros(2, 3, 2)
    x[1].t()[0, 1:].add_(5)
    x.permute(2, 0, 1)[1].unsqueeze(0)[..., 2] = 7
    x.diagonal(dim1=0, dim2=2).fill_(1)
    assert x.tolist() == [[[1, 0], [1, 0], [1, 7]], [[0, 1], [5, 1], [5, 1]]]


def test_reshape_is_a_view_only_where_memory_allows():
    x = koubai.zeros(2, 3)
    x.reshape(3, 2)[0, 0] = 1
    x.t().reshape(-1)[0] = 9
    x.t().contiguous()[0, 0] = 9
    assert x.tolist() == [[1, 0, 0], [0, 0, 0]]
    assert x.is_contiguous()
    assert not x.t().is_contiguous()
    assert x.t().stride() == (1, 3)
    with pytest.raises(RuntimeError, match="reshape"):
        x.t().view(6)


def test_a_clone_is_apart_and_a_detached_tensor_is_not():
    x = koubai.zeros(3)
    copy, same = x.clone(), x.detach()
    same[0] = 1
    x.data[1] = 2
    copy.fill_(9)
    x.add_(0.5)
    assert x.tolist() == same.tolist() == [1.5, 2.5, 0.5]


def test_detaching_keeps_no_graph_alive():
    x = weights(1.0, 2.0)
    y = (x * 2)[:1]
    graph, cut = weakref.ref(y), y.detach()
    del y
    gc.collect()
    assert graph() is None
    assert cut.tolist() == [2.0]


def test_a_long_chain_of_views_follows_its_base():
    x = koubai.zeros(4)
    view = x
    for _ in range(3000):
        view = view.view(2, 2) if view.ndim == 1 else view.view(4)
    x.add_(1)
    assert view.sum().item() == 4.0


def test_views_made_before_a_shape_changed_in_place():
    x = koubai.arange(4.0).reshape(2, 2).clone()
    row = x[1]
    x.t_().unsqueeze_(0)
    row[0] = 20
    x[0, 0] *= -1
    assert x.tolist() == [[[0.0, -20.0], [1.0, 3.0]]]
    assert row.tolist() == [-20.0, 3.0]


def test_copies_with_one_part_replaced():
    x, ones = koubai.zeros(2, 3), koubai.ones(2)
    assert x.select_scatter(ones, 1, 2).tolist() == [[0, 0, 1], [0, 0, 1]]
    assert x.slice_scatter(koubai.ones(2, 2), 1, end=-1).tolist() == [[1, 1, 0], [1, 1, 0]]
    assert x.diagonal_scatter(ones, 1).tolist() == [[0, 1, 0], [0, 0, 1]]
    assert x.sum().item() == 0
    assert x.t().fill_diagonal_(5).sum().item() == x.sum().item() == 10
    with pytest.raises(RuntimeError, match=r"select_scatter: the part has the shape \[2\], the source \[3\]"):
        x.select_scatter(koubai.ones(3), 1, 0)


# --- gradients


def test_gradients_flow_through_a_written_slice():
    x, w = weights(1.0, 2.0, 3.0), weights(5.0)
    y = x * 2
    y[1:2] = w * w
    y[2] *= 3
    (y * y).sum().backward()
    assert x.grad.tolist() == [8.0, 0.0, 216.0]  # 2 y dy/dx with y = (2, 25, 18)
    assert w.grad.tolist() == [500.0]


def test_a_view_made_before_the_write_has_the_gradient_after_it():
    x = weights(1.0, 2.0)
    y = x * 1
    first = y[0]
    y.mul_(10)
    first.mul_(2)
    first.backward()
    assert x.grad.tolist() == [20.0, 0.0]


def test_looking_under_no_grad_does_not_cut_a_view_off():
    x = weights(1.0, 2.0)
    y = x * 1
    first = y[0]
    y.mul_(3)
    with koubai.no_grad():
        assert first.item() == 3.0
    first.backward()
    assert x.grad.tolist() == [3.0, 0.0]


def test_a_plain_tensor_that_takes_a_value_joins_the_graph():
    w, x = weights(1.0, 2.0), koubai.zeros(2, 2, dtype=koubai.float64)
    x[0].copy_(w)
    x[1] = x[0].clone() * w
    x.sum().backward()
    assert w.grad.tolist() == [3.0, 5.0]


def test_a_factor_that_is_overwritten_by_its_product_is_kept():
    w, x = weights(2.0, 3.0), koubai.ones(2, dtype=koubai.float64)
    x.mul_(w).mul_(w)
    x.sum().backward()
    assert w.grad.tolist() == [4.0, 6.0]


def test_a_step_under_no_grad_changes_the_leaf_and_not_the_graph():
    w = weights(1.0)
    loss = (w * 3).sum()
    with koubai.no_grad():
        w -= 0.5
    loss.backward()
    assert (w.tolist(), w.grad.tolist(), w.requires_grad) == ([0.5], [3.0], True)


# --- what is refused


def test_a_leaf_is_not_changed_while_ops_are_recorded():
    for change in (
        lambda w: w.add_(1),
        lambda w: w[0].zero_(),
        lambda w: w.view(1, 2).t()[1].mul_(2),
        lambda w: w.__setitem__(0, 1.0),
        lambda w: w.unsqueeze_(0),
    ):
        with pytest.raises(RuntimeError, match=r"leaf tensor \(float64\[2\]\).*no_grad"):
            change(weights(1.0, 2.0))


@pytest.mark.parametrize(
    ("use", "change", "message"),
    [
        (lambda y: y * y, lambda y: y.add_(1), "gradient of mul needs its input 1.*add_ has changed it"),
        (
            lambda y: y.sin(),
            lambda y: y[0].fill_(0),
            "gradient of sin needs its input 0.*fill_ has changed it",
        ),
        (lambda y: y[:1] * y[1:], lambda y: y.mul_(2), "gradient of mul.*mul_ has changed it"),
        (lambda y: y.log(), lambda y: y.detach().fill_(1), "gradient of log.*fill_ has changed it"),
        (
            lambda y: y.log(),
            lambda y: y.__setitem__(0, 1),
            "gradient of log.*index assignment has changed it",
        ),
    ],
)
def test_backward_refuses_a_value_that_was_overwritten(use, change, message):
    y = weights(1.0, 2.0) * 1
    z = use(y)
    change(y)
    with pytest.raises(RuntimeError, match=message):
        z.sum().backward()


def test_backward_refuses_a_result_that_was_overwritten():
    y = weights(1.0, 2.0).exp()
    y.add_(1)
    with pytest.raises(RuntimeError, match=r"gradient of exp needs its result.*add_ has changed it"):
        y.sum().backward()


def test_overwriting_what_backward_does_not_need_is_fine():
    x = weights(1.0, 2.0)
    y = x * 3
    z = y + 1
    y.zero_()
    z.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_several_elements_that_are_one_cannot_be_written():
    x = koubai.zeros(3, 1)
    with pytest.raises(RuntimeError, match=r"expanded from \[3, 1\] to \[3, 2\].*clone"):
        x.expand(3, 2).add_(1)
    with pytest.raises(RuntimeError, match="overlapping windows"):
        koubai.zeros(5).unfold(0, 3, 1).add_(1)
    x.expand(1, 3, 1).add_(1)
    koubai.zeros(6).unfold(0, 2, 3).add_(1)
    assert x.sum().item() == 3.0


def test_the_type_and_shape_of_a_tensor_stay():
    x = koubai.arange(3)
    with pytest.raises(RuntimeError, match="float32 cannot be stored in a tensor of type int64"):
        x += 0.5
    with pytest.raises(RuntimeError, match=r"shape \[2, 3\] cannot be stored in a tensor of shape \[3\]"):
        x += koubai.ones(2, 3, dtype=koubai.int64)
    x[0] = 2.9
    x += True
    assert x.tolist() == [3, 2, 3]


# --- traced


def test_writes_to_outside_cells_arguments_and_views_are_committed():
    state, rows = koubai.zeros(2, 3), koubai.zeros(3, 2)
    row = rows[1]

    def step(x, at):
        state[0] += x
        state.detach()[1, 0] = 8
        row.add_(1)
        rows.t()[0] *= 2
        x.view(1, 3)[0, at] = -1
        return state.sum() + row.sum()

    def run(function):
        state.zero_()
        rows.fill_(1)
        x = koubai.tensor([1.0, 2.0, 3.0])
        results = [function(x, koubai.tensor(at)).item() for at in (0, 2)]
        return results, x.tolist(), state.tolist(), rows.tolist(), row.tolist()

    program = koubai.trace(step, koubai.zeros(3), koubai.tensor(0))
    assert (state.sum() + rows.sum()).item() == 0.0
    assert run(program) == run(step)


def test_a_traced_view_of_what_was_written_replays():
    def function(x):
        y = x * 2
        last = y[-1]
        y[:, 0] = y[:, 1]
        y[y > 5] = 0
        last += 1
        return y, last

    x = koubai.arange(6.0).reshape(2, 3)
    for replayed, eager in zip(koubai.trace(function, x)(x), function(x), strict=True):
        assert replayed.tolist() == eager.tolist()


def test_a_traced_step_that_writes_in_place_has_the_gradients_of_eager():
    w = weights(1.0, 2.0, 3.0)

    def step(x):
        w.grad = None
        hidden = x * w
        hidden[1:] *= hidden[:2].clone()
        hidden[hidden < 0] = 0
        hidden.sum().backward()
        with koubai.no_grad():
            w[0] -= w.grad[0]
            w.data[1:] -= w.grad[1:]

    x = koubai.tensor([0.5, -1.0, 2.0], dtype=koubai.float64)
    program = koubai.trace(step, x)
    program(x)
    replayed = w.tolist()
    with koubai.no_grad():
        w.copy_(koubai.tensor([1.0, 2.0, 3.0]))
    step(x)
    assert w.tolist() == replayed
