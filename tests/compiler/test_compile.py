"""`koubai.compile` as users see it: the same training as eager, when it compiles again, and what happens when things go
wrong."""

from __future__ import annotations

import itertools
import logging
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import koubai
from koubai import nn, optim
from koubai.compiler import NonFiniteLoss
from koubai.compiler import step as steps
from koubai.compiler.runtime import available
from koubai.nn import functional as F

if not available():
    pytest.skip("LLVM makes no code for this machine", allow_module_level=True)

OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1, weight_decay=0.01, l1=0.001),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.3),
    "Nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "classical": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, form="classical"),
    "maximizing": lambda p: optim.SGD(p, lr=0.01, maximize=True),
    "Adagrad": lambda p: optim.Adagrad(p, lr_decay=0.1),
    "Adadelta": optim.Adadelta,
    "RMSprop": lambda p: optim.RMSprop(p, momentum=0.9, centered=True),
    "Adam": lambda p: optim.Adam(p, amsgrad=True, weight_decay=0.1),
    "AdamW": optim.AdamW,
    "Adamax": optim.Adamax,
    "NAdam": optim.NAdam,
    "RAdam": lambda p: optim.RAdam(p, betas=(0.9, 0.95)),
    "Rprop": optim.Rprop,
    "ASGD": lambda p: optim.ASGD(p, t0=3),
    "Lion": lambda p: optim.Lion(p, weight_decay=0.1),
    "LAMB": lambda p: optim.LAMB(p, weight_decay=0.1),
    "Adafactor": optim.Adafactor,
    "Muon": lambda p: optim.Muon([w for w in p if w.ndim == 2]),
}


def model_of(*widths: int, seed: int = 0) -> nn.Sequential:
    """Linear layers with tanh between them."""
    koubai.manual_seed(seed)
    layers = [layer for a, b in itertools.pairwise(widths) for layer in (nn.Linear(a, b), nn.Tanh())]
    return nn.Sequential(*layers[:-1])


def data(count: int = 8, width: int = 5, classes: int = 3, seed: int = 1):
    """Inputs and labels."""
    rng = np.random.default_rng(seed)
    x = koubai.tensor(rng.normal(size=(count, width)).astype("f4"))
    return x, koubai.tensor(rng.integers(0, classes, count))


def step_of(model, optimizer):
    """A training step; it counts how often its Python code runs."""

    def step(x, y):
        step.runs += 1
        model.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    step.runs = 0
    return step


class Training:
    """A model, its optimizer and its step."""

    def __init__(self, make=lambda p: optim.SGD(p, lr=0.1), compiled=True, **options):
        self.model = model_of(5, 6, 3)
        self.optimizer = make(self.model.parameters())
        self.plain = step_of(self.model, self.optimizer)
        self.step = koubai.compile(self.plain, **options) if compiled else self.plain

    def state(self):
        """All numbers, by name."""
        found = {name: p.detach().numpy().copy() for name, p in self.model.named_parameters()}
        for number, p in enumerate(self.model.parameters()):
            state = self.optimizer.state.get(p, {})
            found.update({f"{number}.{k}": np.array(v.detach().numpy()) for k, v in state.items()})
        return found


def check_close(ours, expected, tolerance=2e-5):
    """Compare states of models and optimizers."""
    assert ours.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(ours[name], array, rtol=tolerance, atol=tolerance, err_msg=name)


def unchanged(before, after):
    """Whether two states have the same bits."""
    return before.keys() == after.keys() and all(before[k].tobytes() == after[k].tobytes() for k in before)


# --- the same training --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_trains_as_in_eager_while_its_rate_changes(name):
    eager, compiled = Training(OPTIMIZERS[name], compiled=False), Training(OPTIMIZERS[name])
    for number in range(5):
        batch = data(seed=number)
        for training in (eager, compiled):
            training.step(*batch)
            training.optimizer.param_groups[0]["lr"] *= 1.3 if number % 2 else 0.5
    assert len(compiled.step.steps) == 1
    assert compiled.step.falls_back is None
    check_close(compiled.state(), eager.state())


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_any_number_of_threads_gives_the_same_training(threads):
    before = koubai.get_num_threads()
    eager, compiled = Training(optim.AdamW, compiled=False), Training(optim.AdamW)
    try:
        koubai.set_num_threads(threads)
        for number in range(3):
            eager.step(*data(seed=number))
            compiled.step(*data(seed=number))
    finally:
        koubai.set_num_threads(before)
    check_close(compiled.state(), eager.state())


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("shape", [(8, 9, 12), (7, 6, 8, 7), (3, 10, 14), (5, 2, 3, 4)])
def test_threads_divide_a_flattened_image_where_no_row_ends(shape, threads):
    koubai.manual_seed(0)
    layer, before = nn.Linear(int(np.prod(shape)), 5), koubai.get_num_threads()
    x = koubai.randn(4, *shape)

    def gradients(x):
        loss = (layer(F.relu(x).flatten(1)) ** 2).sum()
        return loss, *koubai.autograd.grad(loss, list(layer.parameters()))

    koubai.set_num_threads(threads)
    try:
        for found, wanted in zip(koubai.compile(gradients)(x), gradients(x), strict=True):
            np.testing.assert_allclose(found.detach().numpy(), wanted.detach().numpy(), rtol=1e-4, atol=1e-5)
    finally:
        koubai.set_num_threads(before)


def test_dropout_draws_what_eager_draws():
    layer = nn.Dropout(0.4)
    x = koubai.ones(7, 13)
    compiled = koubai.compile(lambda x: layer(x) + 0)
    koubai.manual_seed(3)
    eager = [layer(x).numpy() for _ in range(4)]
    koubai.manual_seed(3)
    for expected in eager:
        np.testing.assert_array_equal(compiled(x).numpy(), expected)
    koubai.manual_seed(3)
    np.testing.assert_array_equal(compiled(x).numpy(), eager[0])
    assert len(compiled.steps) == 1


@pytest.mark.parametrize("dtype", [koubai.float16, koubai.float32, koubai.float64])
@pytest.mark.parametrize("shape", [(7, 13), (64, 32), (3, 20), (5, 2, 36), (2, 3, 6), (1, 1), (130,)])
def test_random_numbers_have_the_bits_of_eager(shape, dtype):
    def draw(x):
        rows = koubai.rand(*shape, dtype=dtype)
        across = koubai.rand(*shape[::-1], dtype=dtype)
        return (
            rows + x,
            across.permute(*range(len(shape))[::-1]) + x,
            koubai.rand(*shape, dtype=dtype)[..., 1:],
        )

    compiled, x = koubai.compile(draw), koubai.zeros(*shape, dtype=dtype)
    koubai.manual_seed(5)
    eager = [[result.numpy() for result in draw(x)] for _ in range(2)]
    koubai.manual_seed(5)
    for expected in eager:
        for found, result in zip(compiled(x), expected):
            np.testing.assert_array_equal(found.numpy(), result)


@pytest.mark.parametrize("width", [16, 20, 31, 96])
def test_dropout_behind_a_product_draws_what_eager_draws(width):
    model = nn.Sequential(nn.Linear(8, width), nn.Dropout(0.5))
    compiled, x = koubai.compile(model), koubai.randn(33, 8)
    koubai.manual_seed(3)
    expected = model(x).detach().numpy()
    koubai.manual_seed(3)
    found = compiled(x).detach().numpy()
    np.testing.assert_array_equal(found == 0, expected == 0)


def test_clipping_and_a_schedule():
    def trained(compiled):
        training = Training(optim.AdamW, compiled=False)
        schedule = optim.lr_scheduler.CosineAnnealingLR(training.optimizer, 5)

        def step(x, y):
            training.optimizer.zero_grad()
            loss = F.cross_entropy(training.model(x), y)
            loss.backward()
            norm = nn.utils.clip_grad_norm_(training.model.parameters(), 0.1)
            nn.utils.clip_grad_value_(training.model.parameters(), 0.02)
            training.optimizer.step()
            return loss, norm

        run = koubai.compile(step, max_compiles=1) if compiled else step
        norms = []
        for number in range(5):
            norms.append(run(*data(seed=number))[1].item())
            schedule.step()
        return {**training.state(), "norms": np.array(norms)}

    check_close(trained(True), trained(False))


def test_running_statistics_move_as_in_eager():
    def trained(compiled):
        koubai.manual_seed(0)
        layer = nn.BatchNorm1d(4)
        run = koubai.compile(lambda x: layer(x)) if compiled else layer
        for number in range(3):
            run(data(6, 4, seed=number)[0])
        return {name: buffer.numpy().copy() for name, buffer in layer.named_buffers()}

    check_close(trained(True), trained(False))


def test_gradients_add_up_over_steps():
    def trained(compiled):
        training = Training(compiled=False)

        def backward(x, y):
            F.cross_entropy(training.model(x), y).backward()

        run = koubai.compile(backward, keep_grads=True) if compiled else backward
        for number in range(3):
            run(*data(seed=number))
        return {name: p.grad.numpy() for name, p in training.model.named_parameters()}

    check_close(trained(True), trained(False))


def test_tied_weights():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(7, 4)
            self.out = nn.Linear(4, 7, bias=False)
            self.out.weight = self.embedding.weight

        def forward(self, x):
            return self.out(self.embedding(x))

    def trained(compiled):
        koubai.manual_seed(0)
        model = Tied()
        step = step_of(model, optim.SGD(model.parameters(), lr=0.5))
        run = koubai.compile(step) if compiled else step
        for _ in range(3):
            run(koubai.tensor([1, 2, 3, 1]), koubai.tensor([2, 3, 4, 6]))
        return {"weight": model.embedding.weight.detach().numpy()}

    check_close(trained(True), trained(False))


# --- results ------------------------------------------------------------------------------------------------------


def test_results_that_are_inputs_constants_or_twice_the_same():
    @koubai.compile
    def f(x, y):
        z = x + y
        return x, z, {"again": z, "view": z.T, "one": koubai.ones(2), "empty": koubai.zeros(0, 3)}, [y.sum()]

    x, y = koubai.arange(6.0).reshape(2, 3), koubai.ones(2, 3)
    for _ in range(2):
        a, z, more, (total,) = f(x, y)
        assert a.tolist() == x.tolist()
        assert z.tolist() == more["again"].tolist() == (x + 1).tolist()
        assert more["view"].tolist() == (x + 1).T.tolist()
        assert more["one"].tolist() == [1, 1]
        assert more["empty"].shape == (0, 3)
        assert total.item() == 6


def test_results_are_the_callers_own():
    double = koubai.compile(lambda x: x * 2)
    first = double(koubai.ones(3))
    double(koubai.zeros(3))
    assert first.tolist() == [2, 2, 2]


def test_a_function_that_only_changes_state():
    counter = koubai.zeros(2)

    @koubai.compile
    def count():
        counter.add_(1)

    for _ in range(3):
        assert count() is None
    assert counter.tolist() == [3, 3]
    counter.zero_()
    count()
    assert counter.tolist() == [1, 1]


def test_a_tensor_that_is_written_twice_and_through_a_view():
    table = koubai.zeros(3, 2)

    @koubai.compile
    def write(x):
        table[0] = x
        table[1:].add_(1)
        table[0, 1] = -1.0
        return table.sum()

    for _ in range(2):
        total = write(koubai.tensor([5.0, 6.0]))
    assert table.tolist() == [[5, -1], [2, 2], [2, 2]]
    assert total.item() == 12


def test_arguments_that_are_changed():
    @koubai.compile
    def f(x):
        x.mul_(2)
        return x + 1

    x = koubai.ones(3)
    assert f(x).tolist() == [3, 3, 3]
    assert x.tolist() == [2, 2, 2]
    assert f(x).tolist() == [5, 5, 5]


def test_arrays_that_do_not_lie_row_by_row():
    f = koubai.compile(lambda x: x.sum(0))
    x = koubai.arange(12.0).reshape(3, 4)
    assert f(x.T).tolist() == x.sum(1).tolist()
    assert f(x[:, ::2]).tolist() == x[:, ::2].sum(0).tolist()


def test_a_value_that_was_taken_before_stays():
    weight = nn.Parameter(koubai.ones(3))
    optimizer = optim.SGD([weight], lr=1.0)

    @koubai.compile
    def step():
        optimizer.zero_grad()
        weight.sum().backward()
        optimizer.step()

    step()
    kept = weight.detach()
    array = weight.detach().numpy().copy()
    step()
    assert array.tolist() == [0, 0, 0]
    assert weight.tolist() == [-1, -1, -1]
    assert kept.tolist() == [-1, -1, -1]  # detach shares the cell, as in eager


# --- when it compiles again ---------------------------------------------------------------------------------------


SCHEDULES = {
    "OneCycleLR": lambda o: optim.lr_scheduler.OneCycleLR(o, 0.02, total_steps=8),
    "CyclicLR": lambda o: optim.lr_scheduler.CyclicLR(o, 0.001, 0.02, step_size_up=3),
}


@pytest.mark.parametrize(
    "name", ["SGD", "momentum", "Nesterov", "classical", "RMSprop", "Adam", "AdamW", "NAdam"]
)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_of_rate_and_momentum_compiles_once(schedule, name):
    eager, compiled = Training(OPTIMIZERS[name], compiled=False), Training(OPTIMIZERS[name], max_compiles=1)
    schedulers = [SCHEDULES[schedule](training.optimizer) for training in (eager, compiled)]
    for number in range(6):
        for training, scheduler in zip((eager, compiled), schedulers):
            training.step(*data(seed=number))
            scheduler.step()
    assert len(compiled.step.steps) == 1
    assert compiled.step.falls_back is None
    check_close(compiled.state(), eager.state())


@pytest.mark.parametrize(
    ("option", "make"),
    [
        ("momentum", lambda p: optim.SGD(p, 0.1, momentum=0.5)),
        ("dampening", lambda p: optim.SGD(p, 0.1, momentum=0.5, dampening=0.3)),
        ("weight_decay", lambda p: optim.SGD(p, 0.1, weight_decay=0.1)),
        ("weight_decay", lambda p: optim.AdamW(p, 0.1, weight_decay=0.1)),
        ("l1", lambda p: optim.SGD(p, 0.1, l1=0.01)),
    ],
)
def test_an_option_compiles_again_only_when_it_becomes_zero(option, make):
    eager, compiled = Training(make, compiled=False), Training(make)
    for number, factor in enumerate([1.1, 0.7, 0.0, 0.0, 0.0]):
        for training in (eager, compiled):
            training.step(*data(seed=number))
            training.optimizer.param_groups[0][option] *= factor
        assert len(compiled.step.steps) == (1 if number < 3 else 2)
    check_close(compiled.state(), eager.state())


def test_new_shapes_compile_once_more_and_known_ones_do_not():
    training = Training()
    for count in (8, 4, 8, 4, 8):
        training.step(*data(count))
    assert len(training.step.steps) == 2
    assert training.plain.runs == 2


def test_a_new_option_or_mode_compiles_again():
    model = nn.Sequential(nn.Linear(5, 4), nn.Dropout(0.5))
    f = koubai.compile(model.forward)
    x = data()[0]
    f(x)
    model.eval()
    evaluated = f(x)
    np.testing.assert_allclose(evaluated.numpy(force=True), model(x).numpy(force=True), rtol=1e-5, atol=1e-6)
    model.train()
    f(x)
    assert len(f.steps) == 2
    with koubai.no_grad():
        f(x)
    assert len(f.steps) == 3


def test_more_compiles_than_allowed_are_an_error():
    training = Training(max_compiles=1)
    training.step(*data(8))
    with pytest.raises(RuntimeError, match="max_compiles=1"):
        training.step(*data(4))
    training.step(*data(8))


def test_two_functions_share_parameters_with_each_other_and_with_eager():
    training, eager = Training(optim.AdamW), Training(optim.AdamW, compiled=False)
    evaluate = koubai.compile(lambda x: training.model(x))
    for number in range(3):
        x, y = data(seed=number)
        training.step(x, y)
        eager.step(x, y)
        with koubai.no_grad():
            np.testing.assert_allclose(evaluate(x).numpy(), eager.model(x).numpy(), rtol=1e-4, atol=1e-5)
            for t in (training, eager):
                t.model[0].weight.mul_(0.5)
    check_close(training.state(), eager.state())
    assert len(evaluate.steps) == 1


def test_a_checkpoint_after_compiled_steps(tmp_path):
    training, eager = Training(optim.Adam), Training(optim.Adam, compiled=False)
    for t in (training, eager):
        for number in range(2):
            t.step(*data(seed=number))
        koubai.save(
            {"model": t.model.state_dict(), "optimizer": t.optimizer.state_dict()}, tmp_path / "state"
        )
        t.step(*data(seed=2))
        saved = koubai.load(tmp_path / "state")
        t.model.load_state_dict(saved["model"])
        t.optimizer.load_state_dict(saved["optimizer"])
        t.step(*data(seed=3))
    check_close(training.state(), eager.state())


# --- what cannot be compiled --------------------------------------------------------------------------------------


def test_code_that_depends_on_values_runs_eagerly_and_says_so_once(caplog):
    def f(x):
        if x.sum() > 1:
            return x * 2
        return x

    compiled = koubai.compile(f)
    with caplog.at_level(logging.WARNING, "koubai.compile"):
        assert compiled(koubai.ones(3)).tolist() == [2, 2, 2]
        assert compiled(koubai.zeros(3)).tolist() == [0, 0, 0]
    assert len(caplog.records) == 1
    message = caplog.records[0].getMessage()
    assert "runs eagerly" in message
    line = f.__code__.co_firstlineno + 1
    assert f"test_compile.py:{line}" in message


@pytest.mark.parametrize(
    "function",
    [
        lambda x: koubai.tensor(x.sum().item()),
        lambda x: x[x > 0],
        lambda x: x.nonzero(),
        lambda x: koubai.unique(x),
        lambda x: koubai.tensor(x.tolist()),
    ],
    ids=["item", "mask", "nonzero", "unique", "tolist"],
)
def test_values_in_the_program_make_it_run_eagerly(function):
    compiled = koubai.compile(function)
    for x in (koubai.tensor([1.0, -2.0, 1.0]), koubai.tensor([1.0, 2.0, 3.0])):
        assert compiled(x).tolist() == function(x).tolist()
    assert compiled.falls_back


def through(compute):
    """A function of a user's that lets the gradient through whatever it computes."""
    backward = staticmethod(lambda ctx, gradient: gradient)
    forward = staticmethod(lambda ctx, x: compute(x.detach()))
    return type("Through", (koubai.autograd.Function,), {"forward": forward, "backward": backward})


@pytest.mark.parametrize(
    ("compute", "eager"),
    [(lambda x: x.round() * 2, False), (lambda x: koubai.tensor(x.numpy().round() * 2), True)],
    ids=["in ops", "in NumPy"],
)
def test_a_users_function_is_compiled_if_it_is_written_in_ops(compute, eager):
    weight = nn.Parameter(koubai.tensor([1.1, -2.2, 3.3]))
    optimizer, function = optim.SGD([weight], lr=0.1), through(compute)

    @koubai.compile
    def step(x):
        optimizer.zero_grad()
        loss = function.apply(weight * x).sum()
        loss.backward()
        optimizer.step()
        return loss

    assert step(koubai.ones(3)).item() == 4
    np.testing.assert_allclose(weight.detach().numpy(), [1.0, -2.3, 3.2], rtol=1e-6)
    assert bool(step.falls_back) == eager


def test_wrong_shapes_are_the_error_that_they_are_in_eager():
    layer = nn.Linear(3, 2)
    with pytest.raises(RuntimeError) as eager:
        layer(koubai.ones(4, 5))
    with pytest.raises(RuntimeError) as compiled:
        koubai.compile(layer.forward)(koubai.ones(4, 5))
    assert type(eager.value) is type(compiled.value)
    assert "[4, 5]" in str(compiled.value)


def test_off_means_eager(monkeypatch):
    monkeypatch.setenv("KOUBAI_COMPILE", "off")
    training = Training()
    for _ in range(2):
        training.step(*data())
    assert training.plain.runs == 2
    assert not training.step.steps


# --- when data are wrong ------------------------------------------------------------------------------------------


def test_a_gradient_that_was_not_kept_is_an_error():
    training = Training()
    training.step(*data())
    with pytest.raises(RuntimeError, match="keep_grads=True"):
        training.model[0].weight.grad.numpy()


def test_kept_gradients_are_those_of_eager():
    training, eager = Training(keep_grads=True), Training(compiled=False)
    for number in range(2):
        training.step(*data(seed=number))
        eager.step(*data(seed=number))
    for ours, theirs in zip(training.model.parameters(), eager.model.parameters()):
        np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-4, atol=1e-6)


def test_a_label_out_of_range_is_an_error_and_nothing_has_changed():
    training = Training(optim.Adam)
    x, y = data()
    training.step(x, y)
    before = training.state()
    for wrong in (3, -1):
        with pytest.raises(IndexError, match=r"out of range|label|class"):
            training.step(x, koubai.tensor([wrong] + [0] * 7))
        assert unchanged(before, training.state())
    training.step(x, y)
    assert not unchanged(before, training.state())


def test_a_loss_that_is_not_finite_is_an_error_and_nothing_has_changed():
    training = Training(optim.Adam)
    x, y = data()
    training.step(x, y)
    before = training.state()
    with pytest.raises(NonFiniteLoss, match="nothing was changed"):
        training.step(x * float("nan"), y)
    assert unchanged(before, training.state())
    training.step(x, y)


def test_a_bad_first_batch_changes_nothing_either():
    training = Training()
    x, y = data()
    before = training.state()
    with pytest.raises(NonFiniteLoss):
        training.step(x * float("inf"), y)
    assert unchanged(before, training.state())
    training.step(x, y)


def test_a_bad_loss_holds_back_what_numpy_does_in_between():
    first, second = (nn.Parameter(koubai.tensor([[2.0, 1.0], [1.0, 3.0]])) for _ in range(2))
    optimizer = optim.SGD([first, second], lr=0.1)

    @koubai.compile
    def step(x):
        optimizer.zero_grad()
        loss = (first * second * x.sum()).sum()
        loss.backward()
        second.grad = koubai.linalg.inv(koubai.linalg.inv(first + 1) * 2) + second.grad * 0
        optimizer.step()
        return loss

    step(koubai.eye(2))
    before = [p.detach().numpy().copy() for p in (first, second)]
    with pytest.raises(NonFiniteLoss):
        step(koubai.eye(2) * float("inf"))
    for p, old in zip((first, second), before):
        np.testing.assert_array_equal(p.detach().numpy(), old)


def test_positions_out_of_range_inside_a_loop_over_time():
    table = koubai.arange(5.0)

    @koubai.compile
    def f(positions):
        def body(carry, i):
            total = carry + table[i]
            return total, total

        return koubai.scan(body, koubai.zeros(()), positions)[1]

    assert f(koubai.tensor([1, 2, 3])).tolist() == [1, 3, 6]
    with pytest.raises(IndexError):
        f(koubai.tensor([1, 7, 3]))
    assert f(koubai.tensor([4, 0, -1])).tolist() == [4, 4, 8]


# --- verification and the cache -----------------------------------------------------------------------------------


def test_code_that_is_wrong_is_found(monkeypatch, tmp_path):
    monkeypatch.setenv("KOUBAI_CACHE", str(tmp_path))
    from koubai.compiler.llvm import maps

    wrong = {**maps._TABLE, "tanh": maps._TABLE["sigmoid"]}
    monkeypatch.setattr(maps, "_TABLE", wrong)
    with pytest.raises(RuntimeError, match="the compiled step is wrong"):
        Training().step(*data())
    assert not list(tmp_path.iterdir())
    Training(verify=False).step(*data())


def test_another_process_takes_the_code_from_disk(monkeypatch, tmp_path):
    monkeypatch.setenv("KOUBAI_CACHE", str(tmp_path))
    program = """
        import koubai
        f = koubai.compile(lambda x: (x * 3).tanh().sum())
        print(f(koubai.arange(7.0)).item(), f.report.cached)
    """
    runs = [
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(2)
    ]
    assert [cached for _, cached in runs] == ["False", "True"]
    assert runs[0][0] == runs[1][0]


def test_a_damaged_file_is_compiled_again(monkeypatch, tmp_path):
    monkeypatch.setenv("KOUBAI_CACHE", str(tmp_path))

    def run():
        training = Training()
        training.step(*data())
        return training.step.report.cached, training.state()

    first = run()
    again = run()
    assert (first[0], again[0]) == (False, True)
    (file,) = tmp_path.glob("*.kobj")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    damaged = run()
    assert damaged[0] is False
    assert unchanged(first[1], damaged[1])
    assert run()[0] is True


def test_a_step_is_not_compiled_when_something_is_wrong_with_its_code(monkeypatch):
    def fail(*_):
        raise OSError("no memory for code")

    monkeypatch.setattr(steps, "Library", fail)
    with pytest.raises(OSError, match="no memory"):
        Training().step(*data())


def test_a_parameter_that_is_frozen_later_stands_still():
    model = nn.Linear(3, 4)
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    @koubai.compile
    def step(x):
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    x = koubai.randn(5, 3)
    step(x)
    model.weight.requires_grad_(False)
    weight, bias = (p.detach().numpy().copy() for p in model.parameters())
    step(x)
    np.testing.assert_array_equal(model.weight.detach().numpy(), weight)
    assert (model.bias.detach().numpy() != bias).all()
    model.weight.requires_grad_()
    step(x)
    assert (model.weight.detach().numpy() != weight).any()
    assert len(step.steps) == 2


# --- tensors from outside -----------------------------------------------------------------------------------------


def test_views_from_outside_follow_their_base():
    base = koubai.arange(6.0).reshape(2, 3)
    row = base[1]

    @koubai.compile
    def f(x):
        row.add_(x)
        return base.sum(), row * 2

    for number in range(3):
        expected = base.numpy().copy()
        expected[1] += 1
        total, doubled = f(koubai.ones(3))
        assert total.item() == expected.sum()
        assert doubled.tolist() == (expected[1] * 2).tolist()
        assert base.tolist() == expected.tolist()
        assert row.tolist() == expected[1].tolist()
        base[1, 0] = 10.0 * number


def test_an_argument_that_is_also_a_parameter():
    weight = nn.Parameter(koubai.ones(2))

    @koubai.compile
    def f(x):
        with koubai.no_grad():
            weight.mul_(2)
        return x + weight

    other = koubai.ones(2)
    assert f(other).tolist() == [3, 3]
    assert f(weight.detach().clone()).tolist() == [6, 6]
    assert weight.tolist() == [4, 4]


def test_a_loop_without_turns():
    @koubai.compile
    def f(start, xs):
        return koubai.scan(lambda carry, x: (carry + x, carry * x), start, xs)

    last, seen = f(koubai.ones(3), koubai.zeros(0, 3))
    assert last.tolist() == [1, 1, 1]
    assert seen.shape == (0, 3)


def test_an_optimizer_that_gets_more_parameters():
    first, second = nn.Parameter(koubai.ones(2)), nn.Parameter(koubai.ones(2))
    optimizer = optim.SGD([first], lr=1.0)

    @koubai.compile
    def step():
        optimizer.zero_grad()
        (first * second).sum().backward()
        optimizer.step()

    step()
    optimizer.add_param_group({"params": [second]})
    step()
    assert (first.tolist(), second.tolist()) == ([-1, -1], [1, 1])
    step()
    assert (first.tolist(), second.tolist()) == ([-2, -2], [2, 2])


def test_scan_adds_up_gradients_that_are_never_cleared_as_eager_does():
    xs = np.random.default_rng(0).standard_normal((6, 8, 3)).astype("f4")

    def train(compiled):
        layer = nn.Linear(3, 1)
        with koubai.no_grad():
            layer.weight.fill_(0.5)
            layer.bias.fill_(0.0)
        optimizer = optim.SGD(layer.parameters(), lr=0.01)

        def step(x):
            loss = (layer(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        if compiled:
            step = koubai.compile(step)
            step(koubai.tensor(xs[0]))
            step(koubai.tensor(xs[1]))
            step.scan(koubai.tensor(xs[2:]))
        else:
            for x in xs:
                step(koubai.tensor(x))
        return layer.weight.detach().numpy().copy(), layer.weight.grad.numpy().copy()

    for got, expected in zip(train(True), train(False), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5)


@pytest.mark.parametrize("between", ["replaced", "scaled in place", "cleared"])
def test_a_compiled_step_adds_to_the_gradient_that_is_there_now(between):
    xs = np.random.default_rng(0).standard_normal((6, 8, 3)).astype("f4")

    def gradients(compiled):
        koubai.manual_seed(1)
        layer = nn.Linear(3, 1)

        def step(x):
            loss = (layer(x) ** 2).mean()
            loss.backward()
            return loss

        step = koubai.compile(step) if compiled else step
        for number, x in enumerate(xs):
            step(koubai.tensor(x))
            if number % 2 and number < 5:
                if between == "replaced":
                    layer.weight.grad = koubai.ones(1, 3)
                elif between == "scaled in place":
                    layer.weight.grad.mul_(0.1)
                else:
                    layer.zero_grad()
        return layer.weight.grad.numpy()

    np.testing.assert_allclose(gradients(True), gradients(False), rtol=1e-5)


@pytest.mark.parametrize("grouped", [False, True])
def test_bias_corrections_follow_each_parameters_own_count_of_steps(grouped):
    batches = [data(seed=number) for number in range(6)]

    def trained(compiled):
        training = Training(lambda p: optim.Adam(p, lr=0.1), compiled)
        for count, parameter in enumerate(
            training.model.parameters()
        ):  # as if some had been frozen for a step
            moments = {name: koubai.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")}
            training.optimizer.state[parameter] = {"step": koubai.tensor(float(count % 2)), **moments}
        if compiled and grouped:
            training.step.scan(*map(koubai.stack, zip(*batches)))
        else:
            for batch in batches:
                training.step(*batch)
        return training.state()

    check_close(trained(True), trained(False), 2e-4)
