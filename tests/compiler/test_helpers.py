"""Other processes that compile a share of a large step: the same code comes out, with their help and without."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import koubai
from koubai import nn, optim
from koubai.compiler.llvm.module import Module
from koubai.compiler.llvm.writer import Writer
from koubai.compiler.runtime import helpers as helping
from koubai.compiler.runtime import machine_code
from koubai.compiler.runtime.helpers import helpers
from koubai.compiler.runtime.target import current

ADD = "define i64 @add(i64 %x) {\n  %y = add i64 %x, 1\n  ret i64 %y\n}\n"


def named(name):
    """A module with one function, which does nothing."""
    return Module([Writer(name, [])], open=True)


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


@pytest.fixture
def answers(monkeypatch):
    """What processes said, in order."""
    found = []
    ask = helping._asked

    def noting(process, ir):
        found.append(ask(process, ir))
        return found[-1]

    monkeypatch.setattr(helping, "_asked", noting)
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
    assert len(step.steps[0].graph.nodes) >= helping.FEWEST
    return b"".join(np.asarray(t.detach()).tobytes() for t in (*losses, *model.parameters()))


def test_a_large_step_is_the_same_with_help_and_without(started, answers, monkeypatch):
    helped = trained()
    assert any(answers)
    assert [process.poll() is None for process in started] == [False]  # it has done its share and is gone
    monkeypatch.setenv("KOUBAI_HELPERS", "off")
    assert trained() == helped
    assert len(started) == 1


def test_a_small_step_asks_nobody(started):
    koubai.compile(lambda x: (x * 2).sum())(koubai.ones(3))
    assert not started


def test_all_cores_help(started, monkeypatch):
    monkeypatch.setattr(helping, "physical_cores", lambda: 16)
    helped = trained()
    assert len(started) == helping.MOST
    assert all(process.poll() is not None for process in started)
    monkeypatch.setenv("KOUBAI_HELPERS", "off")
    assert trained() == helped


@pytest.mark.parametrize("program", ["/nowhere/python", "", "/bin/false", "/bin/echo"])
def test_a_step_compiles_where_no_helper_can_start(program, monkeypatch):
    helped = trained()
    monkeypatch.setattr(helping.spawn, "get_executable", lambda: program)
    assert trained() == helped


@pytest.mark.skipif(os.name != "posix", reason="kills with a signal")
def test_a_helper_that_dies_is_replaced_by_this_process(answers):
    with helpers(current(), helping.FEWEST) as others:
        for process in others._processes:
            process.kill()
        for n in range(5):
            others.take(named(f"f{n}"))
        objects = others.compile(ADD)
    assert all(objects)
    assert len(objects) == 6
    assert not any(answers)


@pytest.mark.skipif(os.name != "posix", reason="stops with a signal")
def test_a_helper_that_hangs_is_not_waited_for_forever(monkeypatch):
    monkeypatch.setattr(helping, "_PATIENCE", 0.2)
    with helpers(current(), helping.FEWEST) as others:
        (process,) = others._processes
        process.send_signal(signal.SIGSTOP)
        others.take(named("slow"))
        time.sleep(0.1)  # it has been asked
        assert len(others.compile(ADD)) == 2
    assert process.returncode is not None


def test_this_process_does_what_no_helper_has_begun(answers):
    with helpers(current(), helping.FEWEST) as others:
        for n in range(40):
            others.take(named(f"f{n}"))
        objects = others.compile(ADD)
    assert len(set(objects)) == len(objects) == 41
    assert len(answers) < 40


def test_helpers_are_gone_when_the_block_ends():
    with helpers(current(), helping.FEWEST) as others:
        (process,) = others._processes
        assert process.poll() is None
    assert process.returncode is not None


def test_text_that_is_not_valid_is_refused_with_help_too():
    wrong = named("wrong")
    wrong.functions[0].do("ret nothing")
    with helpers(current(), helping.FEWEST) as others:
        others.take(wrong)
        with pytest.raises(RuntimeError):
            others.compile(ADD)


def test_a_process_writes_the_same_code():
    target = current()
    machine = (target.triple, target.cpu, target.features)
    folder = os.path.dirname(os.path.dirname(__import__("llvmlite").__file__))
    command = [sys.executable, "-I", "-S", machine_code.__file__, folder, *machine]
    asked = b"%d\n%s" % (len(ADD), ADD.encode())
    there = subprocess.run(command, input=asked * 2, capture_output=True, check=True)
    code = machine_code.emit(ADD, *machine)
    assert there.stdout == (b"%d\n" % len(code) + code) * 2
    assert not there.stderr
