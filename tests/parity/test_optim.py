"""Optimizers, schedules and clipping agree with PyTorch, on its own test samples and on more."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import koubai.optim.swa_utils  # noqa: E402
from koubai import nn  # noqa: E402

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_optimizers import OptimizerErrorEnum, OptimizerInfo, optim_db

STEPS = 20
EPOCHS = 75
TOLERANCE = {"rtol": 1e-9, "atol": 1e-12}
SHAPES = [(4, 3), (3, 5), (5,), (), (2, 3, 4)]

DIFFERENT_ON_PURPOSE = {
    "a param group cannot have duplicate parameters": "PyTorch only warns, Koubai refuses",
    "lr as Tensor doesn't work with foreach & not capturable": "foreach chooses nothing in Koubai",
    r"betas\[0\] as a Tensor is not supported for capturable=False and foreach=True": (
        "foreach chooses nothing in Koubai"
    ),
    "betas must be either both floats or both Tensors": "Koubai reads both alike",
    "does not support complex parameters": "Koubai has no complex numbers",
}


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    """Step counts and the like are of the default type; NAdam's product of momenta is one of them."""
    before = torch.get_default_dtype(), koubai.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    koubai.set_default_dtype(koubai.float64)
    yield
    torch.set_default_dtype(before[0])
    koubai.set_default_dtype(before[1])


@pytest.fixture
def count(record_property: Any) -> Callable[[], Any]:
    """Record for the summary at the end of the run whether a sample passed, failed or was skipped."""

    @contextmanager
    def counted() -> Iterator[None]:
        outcome: dict[str, Any] = {"passed": 0, "failed": 0, "skipped": {}}
        try:
            yield
            outcome["passed"] = 1
        except pytest.skip.Exception as reason:
            outcome["skipped"] = {f"optimizer: {reason.msg}": 1}
            raise
        except Exception:
            outcome["failed"] = 1
            raise
        finally:
            record_property("samples", outcome)

    return counted


# --- the same optimizer in both libraries -------------------------------------------------------------------


def translated(value: Any) -> Any:
    """Return an option in Koubai's terms."""
    if isinstance(value, torch.Tensor):
        return koubai.tensor(value.double().numpy())
    if isinstance(value, tuple | list):
        return type(value)(translated(entry) for entry in value)
    return value


class Pair:
    """An optimizer and its parameters in PyTorch and in Koubai, with two groups where there may be two."""

    def __init__(self, name: str, kwargs: dict[str, Any], seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        shapes = [shape for shape in SHAPES if name != "Muon" or len(shape) == 2]
        arrays = [self.random.normal(size=shape) for shape in shapes]
        self.theirs = [torch.tensor(array, requires_grad=True) for array in arrays]
        self.ours = [koubai.tensor(array, requires_grad=True) for array in arrays]
        groups = 1 if name == "LBFGS" else 2
        # Some samples have a float32 learning rate, with which PyTorch computes in float32.
        wide = {
            k: value.double() if isinstance(value, torch.Tensor) else value for k, value in kwargs.items()
        }
        self.their_optimizer = getattr(torch.optim, name)(grouped(self.theirs, groups), **wide)
        options = {option: translated(value) for option, value in wide.items()}
        self.our_optimizer = getattr(koubai.optim, name)(grouped(self.ours, groups), **options)
        self.targets = [self.random.normal(size=shape) for shape in shapes]

    def step(self) -> None:
        """Take one step in each library, with the same gradients."""
        if isinstance(self.our_optimizer, koubai.optim.LBFGS):
            self.their_optimizer.step(self.closure(self.their_optimizer, self.theirs, torch))
            self.our_optimizer.step(self.closure(self.our_optimizer, self.ours, koubai))
            return
        for theirs, ours in zip(self.theirs, self.ours):
            gradient = self.random.normal(size=theirs.shape)
            gradient = gradient * (self.random.random(theirs.shape) > 0.1)  # zeros too
            theirs.grad = torch.tensor(gradient)
            ours.grad = koubai.tensor(gradient)
        self.their_optimizer.step()
        self.our_optimizer.step()

    def closure(self, optimizer: Any, parameters: list[Any], library: Any) -> Callable[[], Any]:
        """Return the closure of a smooth convex loss that is not quadratic."""

        def loss_and_gradients() -> Any:
            optimizer.zero_grad()
            residuals = [p - library.tensor(t) for p, t in zip(parameters, self.targets)]
            loss = sum((r * r).sum() + library.exp(r).sum() for r in residuals)
            loss.backward()
            return loss

        return loss_and_gradients

    def compare(self) -> None:
        """Check that parameters and state are the same."""
        for theirs, ours in zip(self.theirs, self.ours):
            same(ours, theirs, "parameter")
            if isinstance(self.our_optimizer, koubai.optim.LBFGS):
                continue  # its history is differences of nearly equal gradients, which magnify rounding
            their_state, our_state = self.their_optimizer.state[theirs], self.our_optimizer.state[ours]
            uncounted = {"step"} if isinstance(self.our_optimizer, koubai.optim.SGD) else set()
            for entry in their_state.keys() & our_state.keys() - uncounted:
                same(our_state[entry], their_state[entry], entry)


def grouped(parameters: list[Any], groups: int) -> list[Any]:
    """Put the last two parameters into a group of their own, if there shall be two."""
    if groups == 1:
        return parameters
    return [{"params": parameters[:-1]}, {"params": parameters[-1:], "lr": 0.003}]


def same(ours: Any, theirs: Any, what: str) -> None:
    if isinstance(theirs, list):
        for one, other in zip([entry for entry in ours if entry is not None], theirs):
            same(one, other, what)
    elif theirs is not None:
        np.testing.assert_allclose(plain(ours), plain(theirs), **TOLERANCE, err_msg=what)


def plain(value: Any) -> Any:
    return value.detach().numpy() if hasattr(value, "detach") else value


# --- optimizers ---------------------------------------------------------------------------------------------


def samples() -> Iterator[Any]:
    for info in optim_db:
        for index, given in enumerate(info.optim_inputs_func(device="cpu", dtype=torch.float64)):
            yield pytest.param(info, given.kwargs, id=f"{info.optim_cls.__name__}-{index}-{given.desc}")


@pytest.mark.parametrize(("info", "kwargs"), list(samples()))
def test_optimizer(info: OptimizerInfo, kwargs: dict[str, Any], count: Any, monkeypatch: Any) -> None:
    with count():
        if info.only_supports_sparse_grads:
            pytest.skip("Koubai has no sparse tensors")
        # PyTorch iterates in bfloat16 here, which Koubai does not; in float64 both must agree.
        monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)
        pair = Pair(info.optim_cls.__name__, kwargs)
        for _ in range(
            STEPS if info.optim_cls is not torch.optim.LBFGS else STEPS // 4
        ):  # of 20 iterations each
            pair.step()
            pair.compare()


NAMES = [info.optim_cls.__name__ for info in optim_db if not info.only_supports_sparse_grads]


@pytest.mark.parametrize("name", NAMES)
def test_signature_is_pytorchs(name: str) -> None:
    import inspect

    theirs = inspect.signature(getattr(torch.optim, name).__init__).parameters
    ours = inspect.signature(getattr(koubai.optim, name).__init__).parameters
    assert [n for n in ours if n in theirs] == list(theirs)
    for option, parameter in theirs.items():
        assert ours[option].default == parameter.default, option
        assert ours[option].kind == parameter.kind, option


@pytest.mark.parametrize("name", NAMES)
def test_groups_and_state_have_pytorchs_entries(name: str) -> None:
    pair = Pair(name, {})
    pair.step()
    ours, theirs = pair.our_optimizer.state_dict(), pair.their_optimizer.state_dict()
    assert ours["state"].keys() == theirs["state"].keys() or name == "SGD"  # PyTorch keeps a None there
    for one, other in zip(ours["param_groups"], theirs["param_groups"]):
        assert one.keys() >= other.keys()
        assert one["params"] == other["params"]
    for index, entries in ours["state"].items():
        assert entries.keys() | {"al"} == theirs["state"][index].keys() | {"al"}


def as_torch(value: Any) -> Any:
    """Return a state dict of Koubai's as PyTorch would have written it."""
    if isinstance(value, koubai.Tensor):
        return torch.from_numpy(value.detach().numpy().copy())
    if isinstance(value, dict):
        return {key: as_torch(entry) for key, entry in value.items()}
    return [as_torch(entry) for entry in value] if isinstance(value, list) else value


SAVED = [(name, {}) for name in NAMES] + [
    ("SGD", {"momentum": 0.9, "dampening": 0.3}),
    ("Adam", {"amsgrad": True}),
    ("RMSprop", {"centered": True, "momentum": 0.5}),
]


@pytest.mark.parametrize(("name", "kwargs"), SAVED)
def test_state_goes_to_pytorch_and_back(name: str, kwargs: dict[str, Any], monkeypatch: Any) -> None:
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)
    pair = Pair(name, kwargs)
    for _ in range(3):
        pair.step()
    loaded = Pair(name, kwargs)
    loaded.random = np.random.default_rng(1)
    for ours, theirs, old_ours, old_theirs in zip(loaded.ours, loaded.theirs, pair.ours, pair.theirs):
        with koubai.no_grad(), torch.no_grad():
            ours.copy_(koubai.tensor(plain(old_theirs)))
            theirs.copy_(torch.tensor(plain(old_ours)))
    loaded.our_optimizer.load_state_dict(pair.their_optimizer.state_dict())
    loaded.their_optimizer.load_state_dict(as_torch(pair.our_optimizer.state_dict()))
    for _ in range(3):
        loaded.step()
        loaded.compare()


# --- errors -------------------------------------------------------------------------------------------------


def wrong_samples() -> Iterator[Any]:
    for info in optim_db:
        for index, given in enumerate(info.optim_error_inputs_func(device="cpu", dtype=torch.float64)):
            name = f"{info.optim_cls.__name__}-{index}-{given.optimizer_error_input.desc}"
            yield pytest.param(info, given, id=re.sub(r"\W+", " ", name))


def parameters_of(params: Any) -> Any:
    """Return the parameters of a sample as Koubai's tensors, the same one for the same one."""
    known: dict[int, koubai.Tensor] = {}

    def convert(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            made = koubai.tensor(value.detach().numpy(), requires_grad=True)
            return known.setdefault(id(value), made)
        if isinstance(value, dict):
            return {key: convert(entry) for key, entry in value.items()}
        return type(value)(map(convert, value)) if isinstance(value, list | tuple) else value

    return [koubai.ones(2, 2, requires_grad=True)] if params is None else convert(params)


@pytest.mark.parametrize(("info", "sample"), list(wrong_samples()))
def test_error(info: OptimizerInfo, sample: Any, count: Any) -> None:
    with count():
        given = sample.optimizer_error_input
        if info.only_supports_sparse_grads:
            pytest.skip("Koubai has no sparse tensors")
        if given.desc in DIFFERENT_ON_PURPOSE:
            pytest.skip(DIFFERENT_ON_PURPOSE[given.desc])
        assert sample.error_on is OptimizerErrorEnum.CONSTRUCTION_ERROR
        options = {option: translated(value) for option, value in given.kwargs.items()}
        with pytest.raises(sample.error_type, match=sample.error_regex):
            getattr(koubai.optim, info.optim_cls.__name__)(parameters_of(given.params), **options)


# --- schedules ----------------------------------------------------------------------------------------------


def swa(schedulers: Any) -> Any:
    """Return the module that has SWALR."""
    return torch.optim.swa_utils if schedulers is torch.optim.lr_scheduler else koubai.optim.swa_utils


SCHEDULES: dict[str, Callable[[Any, Any], Any]] = {
    "StepLR": lambda s, o: s.StepLR(o, step_size=7, gamma=0.3),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, milestones=[30, 5, 5, 61], gamma=0.4),
    "ConstantLR": lambda s, o: s.ConstantLR(o, factor=0.2, total_iters=9),
    "LinearLR": lambda s, o: s.LinearLR(o, start_factor=0.1, end_factor=0.7, total_iters=33),
    "LinearLR to 0": lambda s, o: s.LinearLR(o, start_factor=1.0, end_factor=0.0, total_iters=33),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, gamma=0.9),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, total_iters=40, power=2.5),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, T_max=11, eta_min=1e-4),
    "CosineAnnealingLR long": lambda s, o: s.CosineAnnealingLR(o, T_max=200),
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda epoch: 0.95**epoch),
    "LambdaLR per group": lambda s, o: s.LambdaLR(
        o, [lambda epoch: 1 / (1 + epoch), lambda epoch: 0.9**epoch]
    ),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda epoch: 0.95 if epoch % 2 else 1.0),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, T_0=6, eta_min=1e-5),
    "CosineAnnealingWarmRestarts growing": lambda s, o: s.CosineAnnealingWarmRestarts(o, T_0=3, T_mult=2),
    "CyclicLR": lambda s, o: s.CyclicLR(o, base_lr=0.01, max_lr=0.1, step_size_up=8, step_size_down=5),
    "CyclicLR triangular2": lambda s, o: s.CyclicLR(o, 0.01, [0.1, 0.2], step_size_up=8, mode="triangular2"),
    "CyclicLR exp_range": lambda s, o: s.CyclicLR(o, 0.01, 0.1, step_size_up=8, mode="exp_range", gamma=0.97),
    "CyclicLR own scale": lambda s, o: s.CyclicLR(
        o,
        0.01,
        0.1,
        step_size_up=8,
        scale_fn=lambda x: 1 / (5**x),
        scale_mode="iterations",
        cycle_momentum=False,
    ),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, max_lr=0.2, total_steps=EPOCHS + 1),
    "OneCycleLR linear": lambda s, o: s.OneCycleLR(
        o, max_lr=[0.2, 0.1], epochs=8, steps_per_epoch=10, anneal_strategy="linear", pct_start=0.4
    ),
    "OneCycleLR three phases": lambda s, o: s.OneCycleLR(
        o, max_lr=0.2, total_steps=90, three_phase=True, cycle_momentum=False, div_factor=10
    ),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler(
        [s.ConstantLR(o, 0.1, 20), s.ExponentialLR(o, 0.95), s.CosineAnnealingLR(o, 30, 1e-3)]
    ),
    "SequentialLR": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=10), s.CosineAnnealingLR(o, 40), s.ExponentialLR(o, 0.9)], [10, 50]
    ),
    "SequentialLR of functions": lambda s, o: s.SequentialLR(
        o,
        [s.ConstantLR(o, 0.5, 100), s.LambdaLR(o, lambda e: 0.9**e), s.MultiplicativeLR(o, lambda e: 0.9)],
        [5, 40],
    ),
    "SequentialLR of cycles": lambda s, o: s.SequentialLR(
        o,
        [
            s.PolynomialLR(o, 10),
            s.CosineAnnealingWarmRestarts(o, 7, 2),
            s.StepLR(o, 3, 0.5),
            s.MultiStepLR(o, [4]),
        ],
        [8, 40, 60],
    ),
    "SWALR": lambda s, o: swa(s).SWALR(o, swa_lr=[0.002, 0.9], anneal_epochs=15),
    "SWALR linear": lambda s, o: swa(s).SWALR(o, 0.002, 15, "linear"),
    "SWALR at once": lambda s, o: swa(s).SWALR(o, 0.002, 0),
    "SequentialLR of chains": lambda s, o: s.ChainedScheduler(
        [s.SequentialLR(o, [s.LinearLR(o, 0.2), s.ExponentialLR(o, 0.9)], [5]), s.StepLR(o, 20)]
    ),
}


def scheduled(library: Any, schedule: Callable[[Any, Any], Any], kind: str) -> Iterator[tuple[Any, ...]]:
    """Yield the learning rates and momenta of both groups, epoch by epoch."""
    parameters = [library.ones(2, requires_grad=True) for _ in range(2)]
    options = {"momentum": 0.9} if kind == "SGD" else {}
    groups = [{"params": parameters[:1]}, {"params": parameters[1:], "lr": 0.5}]
    optimizer = getattr(library.optim, kind)(groups, lr=0.05, **options)
    scheduler = schedule(library.optim.lr_scheduler, optimizer)
    for _ in range(EPOCHS):
        yield tuple(
            (group["lr"], group.get("momentum"), group.get("betas", (None,))[0])
            for group in optimizer.param_groups
        ) + tuple((rate, None, None) for rate in scheduler.get_last_lr())
        for parameter in parameters:
            parameter.grad = library.ones(2)
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule(name: str, kind: str, count: Any) -> None:
    with count():
        runs = [scheduled(library, SCHEDULES[name], kind) for library in (koubai, torch)]
        for epoch, (ours, theirs) in enumerate(zip(*runs, strict=True)):
            assert np.array(ours, float) == pytest.approx(np.array(theirs, float), rel=1e-9, nan_ok=True), (
                epoch
            )


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
@pytest.mark.parametrize("start", [-3.0, 3.0])
def test_plateau(mode: str, threshold_mode: str, start: float, count: Any) -> None:
    with count():
        metrics = start + np.cumsum(np.random.default_rng(0).normal(size=200)) / 20
        rates = []
        for library in (koubai, torch):
            groups = [
                {"params": [library.ones(2, requires_grad=True)]},
                {"params": [library.ones(1)], "lr": 0.5},
            ]
            optimizer = library.optim.SGD(groups, lr=0.05)
            scheduler = library.optim.lr_scheduler.ReduceLROnPlateau(
                optimizer, mode, 0.5, 3, 0.01, threshold_mode, cooldown=2, min_lr=[1e-4, 1e-3]
            )
            rates.append([])
            for metric in metrics:
                scheduler.step(metric)
                rates[-1].append(scheduler.get_last_lr())
        np.testing.assert_allclose(*rates, rtol=1e-9)


# --- clipping -----------------------------------------------------------------------------------------------


def gradients(library: Any) -> list[Any]:
    random = np.random.default_rng(0)
    parameters = [library.tensor(random.normal(size=shape), requires_grad=True) for shape in SHAPES]
    for parameter in parameters[:-1]:
        parameter.grad = library.tensor(random.normal(size=tuple(parameter.shape)))
    return parameters


@pytest.mark.parametrize("order", [1, 2, 2.5, 0.5, "inf", -np.inf])
@pytest.mark.parametrize("largest", [0.1, 3.0, 1000.0])
def test_clip_grad_norm(order: Any, largest: float, count: Any) -> None:
    with count():
        ours, theirs = gradients(koubai), gradients(torch)
        norm = koubai.optim.clip_grad_norm_(ours, largest, norm_type=order)
        same(norm, torch.nn.utils.clip_grad_norm_(theirs, largest, norm_type=order), "norm")
        for one, other in zip(ours[:-1], theirs[:-1]):
            same(one.grad, other.grad, "gradient")


def test_clip_grad_value(count: Any) -> None:
    with count():
        ours, theirs = gradients(koubai), gradients(torch)
        koubai.optim.clip_grad_value_(ours, 0.3)
        torch.nn.utils.clip_grad_value_(theirs, 0.3)
        for one, other in zip(ours[:-1], theirs[:-1]):
            same(one.grad, other.grad, "gradient")


# --- averages of weights ------------------------------------------------------------------------------------


@pytest.mark.parametrize("use_buffers", [False, True])
@pytest.mark.parametrize("decay", [None, 0.8])
def test_averaged_model(use_buffers: bool, decay: float | None, count: Any) -> None:
    with count():
        random = np.random.default_rng(0)
        arrays = [random.normal(size=(6, 3)) for _ in range(5)]
        state = None
        results = []
        for library, library_nn in ((torch, torch.nn), (koubai, nn)):
            utils = library.optim.swa_utils
            model = library_nn.Sequential(library_nn.BatchNorm1d(3), library_nn.Linear(3, 4)).double()
            if state is None:
                state = {key: value.numpy().copy() for key, value in model.state_dict().items()}
            model.load_state_dict({key: library.tensor(value) for key, value in state.items()})
            average_fn = utils.get_ema_avg_fn(decay) if decay else None
            average = utils.AveragedModel(model, avg_fn=average_fn, use_buffers=use_buffers)
            optimizer = library.optim.SGD(model.parameters(), lr=0.5)
            for array in arrays:
                optimizer.zero_grad()
                (model(library.tensor(array)) ** 2).mean().backward()
                optimizer.step()
                average.update_parameters(model)
            results.append({key: value.numpy().copy() for key, value in average.state_dict().items()})
            utils.update_bn([library.tensor(array) for array in arrays], average)
            results[-1].update({f"{key} after": value.numpy() for key, value in average.state_dict().items()})
        theirs, ours = results
        assert ours.keys() == theirs.keys()
        for key, value in theirs.items():
            np.testing.assert_allclose(ours[key], value, **TOLERANCE, err_msg=key)
