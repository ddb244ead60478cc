"""A run that was killed, interrupted or hit by a full disk goes on to the same bits as one that was not."""

import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from koubai.train import RunRecord

SCRIPT = Path(__file__).with_name("recorded_training.py")
KILLS = 20


def start(folder, resume, **options):
    """Start the training as a process of its own; its output is piped."""
    command = [sys.executable, str(SCRIPT), str(folder), *(["resume"] if resume else [])]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def finish(folder, resume=True):
    """Train to the end, without a word of warning."""
    process = start(folder, resume)
    _, errors = process.communicate(timeout=50)
    assert (process.returncode, errors) == (0, "")


def stop(folder, resume, delay, number):
    """Train, send a signal some time after the first step, and return the exit code."""
    process = start(folder, resume)
    process.stdout.readline()
    time.sleep(delay)
    process.send_signal(number)
    process.communicate(timeout=50)
    return process.returncode


def traces(folder):
    """All that a finished run leaves, but for the times."""
    run = RunRecord.open(folder)
    history, steps = run.history(), run.steps()
    result = {name: value for name, value in run.result.items() if name != "final"}
    for values in (history, steps):
        values.pop("seconds")
    state = run.checkpoints.newest()
    optimizer = [
        (name, value.tolist())
        for moments in state.training["optimizer"]["state"]["state"].values()
        for name, value in moments.items()
    ]
    return {
        "weights": (run.folder / "model.safetensors").read_bytes(),
        "last weights": {name: array.tobytes() for name, array in state.model.items()},
        "optimizer": optimizer,
        "history": history,
        "steps": steps,
        "result": result,
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What a run leaves that nothing happened to."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    finish(folder, resume=False)
    return traces(folder)


def test_a_training_killed_at_random_moments_ends_with_the_same_bits(tmp_path, undisturbed):
    moments = random.Random(4)
    kills = runs = 0
    while kills < KILLS:
        folder, resume = tmp_path / f"run{runs}", False
        while (code := stop(folder, resume, moments.uniform(0, 0.3), signal.SIGKILL)) == -signal.SIGKILL:
            kills, resume = kills + 1, True
        assert code == 0
        assert traces(folder) == undisturbed
        runs += 1


def test_ctrl_c_ends_the_step_and_keeps_it(tmp_path, undisturbed):
    code = stop(tmp_path / "run", False, 0.1, signal.SIGINT)
    run = RunRecord.open(tmp_path / "run")
    assert code == -signal.SIGINT
    assert run.status == "interrupted"
    progress = run.checkpoints.newest().training["progress"]
    assert progress["updates"] == run.steps()["step"][-1]
    finish(tmp_path / "run")
    assert RunRecord.open(tmp_path / "run").status == "finished"
    assert traces(tmp_path / "run") == undisturbed


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux can limit another process")
@pytest.mark.parametrize("delay", [0.0, 0.1, 0.2])
def test_a_full_disk_leaves_a_readable_run_that_goes_on_when_there_is_room(tmp_path, undisturbed, delay):
    """From some moment on the process cannot write to any file, nor make one longer."""
    folder = tmp_path / "run"
    process = start(folder, False)
    process.stdout.readline()
    time.sleep(delay)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))
    _, errors = process.communicate(timeout=50)
    assert process.returncode == 1
    assert "RecordError: cannot write the record" in errors
    assert "make room or repair the disk, and resume the run" in errors
    steps = RunRecord.open(folder).steps()["step"]
    assert steps == list(range(1, len(steps) + 1))
    finish(folder)
    assert traces(folder) == undisturbed


def test_two_processes_cannot_train_the_same_run(tmp_path):
    folder = tmp_path / "run"
    first = start(folder, False)
    first.stdout.readline()
    os.kill(first.pid, signal.SIGSTOP)
    try:
        assert RunRecord.open(folder).status == "running"
        second = start(folder, True)
        _, errors = second.communicate(timeout=50)
        assert "is being trained by another process" in errors
    finally:
        os.kill(first.pid, signal.SIGKILL)
        first.communicate()
    assert RunRecord.open(folder).status == "killed"
