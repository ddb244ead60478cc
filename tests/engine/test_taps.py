"""Measurements hung on tensors and gradients: collected when someone listens, alike in eager and traced programs."""

import pytest

import koubai


def model():
    koubai.manual_seed(0)
    w = koubai.randn(4, 2).requires_grad_()

    def step(x):
        w.grad = None
        hidden = koubai.tanh(x @ w)
        koubai.tap("hidden.max", hidden, koubai.amax)
        if hidden.requires_grad:
            koubai.tap_gradient("hidden.grad", hidden, lambda g: g.abs().sum(), every=2)
        loss = (hidden**2).sum()
        loss.backward()
        with koubai.no_grad():
            w.sub_(w.grad * 0.1)
        return loss

    return w, step


def run(step, batches):
    found = []
    for number, x in enumerate(batches):
        with koubai.Taps(number) as taps:
            step(x)
        found.append([(record.name, record.step, record.value.item()) for record in taps.records])
    return found


def batches():
    koubai.manual_seed(1)
    return [koubai.randn(3, 4) for _ in range(4)]


def test_records_have_name_step_and_value_and_keep_their_interval():
    _, step = model()
    names = [[(name, number) for name, number, _ in records] for records in run(step, batches())]
    assert names == [
        [("hidden.max", 0), ("hidden.grad", 0)],
        [("hidden.max", 1)],
        [("hidden.max", 2), ("hidden.grad", 2)],
        [("hidden.max", 3)],
    ]


def test_a_traced_program_measures_the_same():
    _, eager = model()
    expected = run(eager, batches())
    _, step = model()
    assert run(koubai.trace(step, batches()[0]), batches()) == expected


def test_measuring_changes_no_bit():
    weights = []
    for collect in (False, True):
        w, step = model()
        if collect:
            run(step, batches())
        else:
            for x in batches():
                step(x)
        weights.append(w)
    assert (weights[0] == weights[1]).all()


def test_nothing_is_computed_while_nobody_collects():
    calls = []
    koubai.tap("x", koubai.ones(2), lambda x: calls.append(x) or x.sum())
    assert not calls


def test_an_impossible_interval_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        koubai.tap("x", koubai.ones(2), koubai.sum, every=0)


def test_modes_decorate_with_and_without_parentheses():
    @koubai.no_grad
    def plain(x):
        """Doubles."""
        return x * 2

    @koubai.no_grad()
    def called(x):
        return x * 2

    x = koubai.ones(1, requires_grad=True)
    assert not plain(x).requires_grad
    assert not called(x).requires_grad
    assert plain.__doc__ == "Doubles."
    assert (x * 2).requires_grad
