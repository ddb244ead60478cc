"""An exported function computes in C what it computes in Python."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

import koubai
from koubai import nn, optim
from koubai.compiler import export
from koubai.compiler.runtime import target

gcc = shutil.which("gcc") or shutil.which("cc")
needs_gcc = pytest.mark.skipif(gcc is None, reason="there is no C compiler")


def ran(folder, name, arguments, compiler=(gcc,), emulator=()):
    """Compile the example, run it on arguments, and return what it prints: for each call the values by name."""
    flags = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "example.c", f"{name}.o", "-o", "example"]
    subprocess.run([*compiler, *flags], cwd=folder, check=True, capture_output=True, timeout=60)
    files = []
    for number, array in enumerate(arguments):
        (folder / f"argument{number}.bin").write_bytes(np.ascontiguousarray(array).tobytes())
        files.append(f"argument{number}.bin")
    done = subprocess.run(
        [*emulator, "./example", *files], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return [np.array(line.split(":")[1].split(), float) for line in done.stdout.splitlines()]


@needs_gcc
def test_a_training_step_runs_in_c_as_in_python(workload, tmp_path):
    function, arguments = workload
    step = koubai.compile(function)
    step(*arguments)
    files = export(step, tmp_path, "train", *arguments)
    assert [f.name for f in files] == ["train.o", "train.h", "train.bin", "example.c", "README"]
    printed = ran(tmp_path, "train", [t.numpy() for t in arguments])
    calls = (
        1 if step.steps[-1].program.hosts else 3
    )  # numbers such as bias corrections stay as they were exported
    for call in range(calls):
        results = step(*arguments)
        results = results if isinstance(results, tuple) else (results,)
        for number, result in enumerate(results):
            expected = result.numpy().reshape(-1)[:10]
            np.testing.assert_allclose(printed[call * len(results) + number], expected, rtol=1e-4)


@needs_gcc
def test_a_forward_runs_in_c_as_in_python(tmp_path):
    koubai.manual_seed(1)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)
    )
    forward = koubai.compile(model.eval())
    x = koubai.randn(2, 1, 6, 6)
    with koubai.no_grad():
        export(forward, tmp_path, "model", x)
        expected = model(x).numpy()
    for found in ran(tmp_path, "model", [x.numpy()]):
        np.testing.assert_allclose(found, expected.reshape(-1), rtol=1e-4, atol=1e-6)


@needs_gcc
def test_the_object_needs_nothing_but_the_c_library(small_step, tmp_path):
    export(koubai.compile(small_step[0]), tmp_path, "train", *small_step[1])
    names = subprocess.run(["nm", "-u", "train.o"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert {line.split()[-1] for line in names.stdout.splitlines()} <= {"memcpy", "memset", "memmove"}


@needs_gcc
def test_a_loss_that_is_not_finite_changes_nothing(tmp_path):
    model = nn.Linear(3, 2)
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    @koubai.compile
    def step(x):
        optimizer.zero_grad()
        loss = model(x).sum()
        loss.backward()
        optimizer.step()
        return loss

    export(step, tmp_path, "f", koubai.zeros(4, 3))
    with pytest.raises(AssertionError, match="check 1 failed"):
        ran(tmp_path, "f", [np.full((4, 3), np.nan, np.float32)])
    assert "1 if a loss is not finite" in (tmp_path / "f.h").read_text()


def test_what_cannot_be_exported_says_why(tmp_path):
    double = koubai.compile(lambda x: x * 2)
    with pytest.raises(ValueError, match="C identifier"):
        export(double, tmp_path, "my model", koubai.zeros(3))
    with pytest.raises(RuntimeError, match="not compiled yet"):
        export(double, tmp_path, "f")
    with pytest.raises(ValueError, match="no target is called"):
        export(double, tmp_path, "f", koubai.zeros(3), target="z80")
    ordered = koubai.compile(lambda x: koubai.sort(x).values)
    with pytest.raises(RuntimeError, match="run by NumPy"):
        export(ordered, tmp_path, "f", koubai.zeros(3))
    peeking = koubai.compile(lambda x: x if x.sum().item() > 0 else -x)
    with pytest.raises(RuntimeError, match="runs eagerly"):
        export(peeking, tmp_path, "f", koubai.zeros(3))


def test_other_processors_can_be_exported_for(small_step, tmp_path):
    step = koubai.compile(small_step[0])
    for name in ("x86-64", "x86-64-v4", "aarch64"):
        export(step, tmp_path / name, "train", *small_step[1], target=name)
        assert target.named(name).triple in (tmp_path / name / "train.h").read_text()
        assert (tmp_path / name / "train.o").stat().st_size > 1000
