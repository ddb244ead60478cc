"""Compiled steps run for long, beside others, and through interruptions, without a leak, a hang or a wrong number."""

import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import koubai
from koubai import nn, optim


def resident_bytes():
    """The memory that the process has now; the tests that need it run on Linux only."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("needs /proc to see the memory of the process")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def tiny_step(width=4):
    koubai.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, width), nn.Tanh(), nn.Linear(width, 1))
    optimizer = optim.Adam(model.parameters(), lr=1e-3)

    def step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return koubai.compile(step)


def tiny_data(*leading):
    koubai.manual_seed(1)
    return koubai.randn(*leading, 8, 3), koubai.randn(*leading, 8, 1)


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_a_hundred_thousand_tiny_steps(threads):
    before = koubai.get_num_threads()
    koubai.set_num_threads(threads)
    try:
        step = tiny_step()
        inputs, targets = tiny_data(1000)
        first = float(step.scan(inputs, targets)[0])
        start = resident_bytes()
        for _ in range(98):
            losses = step.scan(inputs, targets)
        for number in range(1000):
            step(inputs[number], targets[number])
        assert np.isfinite(losses.numpy()).all()
        assert float(losses[-1]) < first
        assert resident_bytes() - start < 32 << 20
    finally:
        koubai.set_num_threads(before)


MANY = textwrap.dedent(
    """
    import gc
    import os
    from pathlib import Path
    import koubai
    from koubai import nn, optim

    def compile_one(number):
        length = 4000 + number % 7
        weight = nn.Parameter(koubai.zeros(length))
        optimizer = optim.SGD([weight], lr=1e-3)

        @koubai.compile(verify=number % 10 == 0)
        def step(x):
            optimizer.zero_grad()
            loss = ((weight * x - float(number)) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        step(koubai.ones(length))
        assert not step.report.cached

    for number in range(1000):
        compile_one(number)
        if number in (199, 999):
            gc.collect()
            pages = Path("/proc/self/statm").read_text().split()[1]
            print(int(pages) * os.sysconf("SC_PAGE_SIZE"))
    """
)


@pytest.mark.slow
def test_a_thousand_compiles_do_not_add_up():
    """Code, arena, expressions and trace of one step take more than 8 KiB each, so 800 of any of them would show."""
    resident_bytes()
    output = subprocess.run(
        [sys.executable, "-c", MANY],
        env={**os.environ, "KOUBAI_CACHE": "off"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    after_200, after_1000 = map(int, output.split())
    assert after_1000 - after_200 < 4 << 20


def test_steps_are_dropped_while_another_thread_runs_one():
    inputs, targets = tiny_data(100)
    step = tiny_step()
    first = float(step.scan(inputs, targets)[0])
    over = threading.Event()

    def run():
        losses = []
        while not over.is_set():
            losses.append(float(step.scan(inputs, targets)[-1]))
        return losses

    with ThreadPoolExecutor(1) as other:
        running = other.submit(run)
        try:
            for number in range(30):
                tiny_step(width=5 + number)(inputs[0], targets[0])
                gc.collect()
        finally:
            over.set()
        losses = running.result()
    assert np.isfinite(losses).all()
    assert losses[-1] < first


SCRIPT = textwrap.dedent(
    """
    import sys
    import koubai
    from koubai import nn, optim
    koubai.manual_seed(0)
    model = nn.Linear(64, 64)
    optimizer = optim.SGD(model.parameters(), lr=1e-3)
    @koubai.compile
    def step(x):
        optimizer.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss
    x = koubai.randn(32, 64)
    print("ready", flush=True)
    for number in range(int(sys.argv[1])):
        loss = step(x)
    print(loss.item(), flush=True)
    """
)


def start(steps, cache):
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(steps)],
        env={**os.environ, "KOUBAI_CACHE": str(cache)},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")
def test_a_process_that_is_killed_in_a_step_harms_nobody(tmp_path):
    for _ in range(3):
        process = start(10**9, tmp_path)
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    survivor = start(20, tmp_path)
    output, _ = survivor.communicate(timeout=120)
    assert survivor.returncode == 0
    assert np.isfinite(float(output.split()[-1]))


def test_two_processes_at_once_get_the_same_result(tmp_path):
    both = [start(50, tmp_path) for _ in range(2)]
    outputs = [process.communicate(timeout=120)[0].split()[-1] for process in both]
    assert outputs[0] == outputs[1]


@pytest.mark.slow
def test_a_busy_core_slows_steps_down_but_stops_none(tmp_path):
    step = tiny_step()
    inputs, targets = tiny_data()
    step(inputs, targets)
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        began = time.monotonic()
        for _ in range(300):
            step(inputs, targets)
        assert time.monotonic() - began < 60
    finally:
        busy.kill()
        busy.wait()
