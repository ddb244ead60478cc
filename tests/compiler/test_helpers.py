"""Other processes that compile a share of a large step: the same code comes out, with their help and without."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import koubai
from koubai import nn, optim
from koubai.compiler.runtime import helpers as helping
from koubai.compiler.runtime import machine_code
from koubai.compiler.runtime.helpers import helpers
from koubai.compiler.runtime.target import current

ADD = "define i64 @add(i64 %x) {\n  %y = add i64 %x, 1\n  ret i64 %y\n}\n"


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    monkeypatch.setattr(helping, "physical_cores", lambda: 2)
    monkeypatch.setenv("KOUBAI_CACHE", "off")
    monkeypatch.delenv("KOUBAI_HELPERS", raising=False)


@pytest.fixture
def started(monkeypatch):
    """The processes that were started, in order."""
    found = []
    start = helping._started

    def noting(target):
        found.append(start(target))
        return found[-1]

    monkeypatch.setattr(helping, "_started", noting)
    return found


def trained():
    """A network after two compiled steps: its losses and its parameters, as bytes."""
    koubai.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 5)
    )
    optimizer = optim.Adam(model.parameters())

    @koubai.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    x, y = koubai.randn(4, 3, 8, 8), koubai.tensor([0, 1, 2, 3])
    losses = [step(x, y) for _ in range(2)]
    assert len(step.steps[0].program.graph.nodes) >= helping.FEWEST
    return b"".join(np.asarray(t.detach()).tobytes() for t in (*losses, *model.parameters()))


def test_a_large_step_is_the_same_with_help_and_without(started, monkeypatch):
    helped = trained()
    assert [process.returncode for process in started] == [0]  # it has done its share and is gone
    monkeypatch.setenv("KOUBAI_HELPERS", "off")
    assert trained() == helped
    assert len(started) == 1


def test_a_small_step_asks_nobody(started):
    koubai.compile(lambda x: (x * 2).sum())(koubai.ones(3))
    assert not started


def test_all_cores_help(started, monkeypatch):
    monkeypatch.setattr(helping, "physical_cores", lambda: 16)
    helped = trained()
    assert [process.returncode for process in started] == [0] * helping.MOST
    monkeypatch.setenv("KOUBAI_HELPERS", "off")
    assert trained() == helped


@pytest.mark.parametrize("program", ["/nowhere/python", "", "/bin/false", "/bin/echo"])
def test_a_step_compiles_where_no_helper_can_start(program, monkeypatch):
    helped = trained()
    monkeypatch.setattr(helping.spawn, "get_executable", lambda: program)
    assert trained() == helped


@pytest.mark.skipif(os.name != "posix", reason="kills with a signal")
def test_a_helper_that_dies_is_replaced_by_this_process():
    with helpers(current(), helping.FEWEST) as others:
        for process in others._processes:
            process.kill()
        objects = others.compile(ADD, ADD.replace("@add", "@more"))
    assert all(objects)
    assert len(objects) == 2


def test_helpers_are_gone_when_the_block_ends():
    with helpers(current(), helping.FEWEST) as others:
        (process,) = others._processes
        assert process.poll() is None
    assert process.returncode is not None


def test_text_that_is_not_valid_is_refused_with_help_too():
    with pytest.raises(RuntimeError), helpers(current(), helping.FEWEST) as others:
        others.compile(ADD, "define void @f() { ret i64 }")


def test_a_process_writes_the_same_code():
    target = current()
    machine = (target.triple, target.cpu, target.features)
    folder = os.path.dirname(os.path.dirname(__import__("llvmlite").__file__))
    command = [sys.executable, "-I", "-S", machine_code.__file__, folder, *machine]
    there = subprocess.run(command, input=ADD.encode(), capture_output=True, check=True)
    assert there.stdout == machine_code.emit(ADD, *machine)
    assert not there.stderr
