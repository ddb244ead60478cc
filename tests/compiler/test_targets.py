"""Steps for processors other than this machine's: they compile, and run where something can run them."""

from __future__ import annotations

import platform
import shutil
import subprocess

import numpy as np
import pytest

import koubai
from koubai.compiler import export
from koubai.compiler.build import build
from koubai.compiler.runtime import compile_object, target
from koubai.compiler.runtime.machine_code import code_generator, llvm

from .differential import traced

WIDTHS = {"x86-64": 16, "x86-64-v3": 32, "x86-64-v4": 64, "aarch64": 16}
VECTORS = {"x86-64": "xmm", "x86-64-v3": "ymm", "x86-64-v4": "zmm", "aarch64": "v0.4s"}


def runs_here(name):
    host = target.host()
    return target.named(name).architecture == host.architecture and WIDTHS[name] <= host.lanes_bytes


@pytest.mark.parametrize("name", WIDTHS)
def test_a_step_compiles(small_step, name):
    step, chosen = traced(*small_step), target.named(name)
    blueprint = build(step.program.graph, step.roles, chosen, 2)
    assert f"<{WIDTHS[name] // 4} x float>" in blueprint.module.text
    assert len(compile_object(blueprint.module.text, chosen)) > 1000


@pytest.mark.parametrize("name", WIDTHS)
def test_a_step_has_vectors_of_the_processor(small_step, name):
    step, chosen = traced(*small_step), target.named(name)
    text = build(step.program.graph, step.roles, chosen, 1).module.text
    machine = code_generator(chosen.triple, chosen.cpu, chosen.features)
    with llvm().parse_assembly(text) as module:
        module.triple = machine.triple
        assert VECTORS[name] in machine.emit_assembly(module)


@pytest.mark.parametrize("name", WIDTHS)
def test_a_step_runs_with_the_vectors_of(workload, name, monkeypatch):
    if not runs_here(name):
        pytest.skip(f"this processor is not a {name}; it has vectors of {target.host().lanes_bytes} bytes")
    monkeypatch.setenv("KOUBAI_TARGET", name)
    monkeypatch.setenv("KOUBAI_CACHE", "off")
    function, arguments = workload
    step = koubai.compile(
        function
    )  # its first call compares it with eager, and raises an error if it is wrong
    step(*arguments)
    assert step.steps[-1].target == target.named(name)
    assert step.report.verified


def aarch64_tools():
    """Return a C compiler for aarch64 and an emulator; the test is skipped if there is none."""
    if platform.machine() in ("aarch64", "arm64") and shutil.which("gcc"):
        return ["gcc"], []
    compiler = shutil.which("aarch64-linux-gnu-gcc")
    emulator = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
    if compiler is None or emulator is None:
        pytest.skip(
            "aarch64-linux-gnu-gcc and qemu-aarch64 are needed (packages gcc-aarch64-linux-gnu, qemu-user)"
        )
    return [compiler, "-static"], [emulator]


def test_a_step_for_aarch64_computes_what_eager_does(workload, tmp_path):
    compiler, emulator = aarch64_tools()
    function, arguments = workload
    step = koubai.compile(function)
    step(*arguments)
    export(step, tmp_path, "train", *arguments, target="aarch64")
    sources = ["example.c", "train.o", "-o", "example"]
    subprocess.run([*compiler, *sources], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    files = []
    for number, tensor in enumerate(arguments):
        np.ascontiguousarray(tensor.numpy()).tofile(tmp_path / f"{number}.bin")
        files.append(f"{number}.bin")
    done = subprocess.run(
        [*emulator, "./example", *files], cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60
    )
    lines = [np.array(line.split(":")[1].split(), float) for line in done.stdout.splitlines()]
    with np.errstate(all="ignore"):
        for _ in range(1 if step.steps[-1].program.hosts else 3):
            results = function(*arguments)
            for result in results if isinstance(results, tuple) else (results,):
                expected = result.detach().numpy().reshape(-1)[:10]
                np.testing.assert_allclose(lines.pop(0), expected, rtol=1e-4)


@pytest.mark.parametrize("dtype", [koubai.float16, koubai.float32], ids=str)
@pytest.mark.parametrize("name", WIDTHS)
def test_only_a_processor_with_avx512_is_given_its_instructions(name, dtype):
    """Where it finds no such instruction LLVM ends the process; 16 numbers of float16 are a vector with AVX2 too."""
    step = traced(lambda x: koubai.logcumsumexp(x, 0), (koubai.ones(4, 64, dtype=dtype),))
    chosen = target.named(name)
    text = build(step.program.graph, step.roles, chosen, 2).module.text
    assert ("avx512" in text) == (name == "x86-64-v4" and dtype == koubai.float32)
    assert len(compile_object(text, chosen)) > 1000
