"""The runtime of compiled steps: targets, objects, the cache on disk, arenas, and the threads that run a step."""

import ctypes
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from koubai import dtypes
from koubai.compiler.llvm.module import Module
from koubai.compiler.llvm.writer import Writer
from koubai.compiler.runtime import (
    Arena,
    Library,
    Pool,
    available,
    build,
    cache,
    compile_object,
    get_num_threads,
    machine,
    set_num_threads,
)
from koubai.compiler.runtime import pool as pools
from koubai.compiler.runtime import target as targets
from koubai.compiler.runtime.barrier import call_barrier, write_barrier
from koubai.compiler.runtime.pool import pool

if not available():
    pytest.skip("LLVM makes no code for this machine", allow_module_level=True)

HOST = targets.host()
ON_LINUX = sys.platform == "linux"
CAN_FORK = hasattr(os, "fork")


@pytest.fixture(autouse=True)
def folder(tmp_path_factory, monkeypatch):
    """A cache folder that the tests of one run share, so that nothing is left in the user's."""
    path = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("KOUBAI_CACHE", str(path))
    return path


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """A cache folder of its own."""
    monkeypatch.setenv("KOUBAI_CACHE", str(tmp_path / "own"))
    monkeypatch.setattr(cache, "_complained", False)
    return tmp_path / "own"


def meeting_step():
    """A step whose threads each count to the number of rounds, and note when another one's count is not the same.

    Its frame: [control, threads, rounds, mistakes, effort, and then the counts, on lines of their own]. The effort is
    how often every thread counts up and down again first.
    """
    w = Writer("step", [("i64", "%thread"), ("ptr", "%frame")])
    control = w.let("load ptr, ptr %frame")
    threads, rounds, effort = (w.load("%frame", dtypes.int64, offset=k).name for k in (1, 2, 4))

    def count(thread):
        return w.at("%frame", w.mul(w.add(thread, 1), 16), dtypes.int64)

    def compare(number):
        def body(thread, _):
            found = w.load(count(thread), dtypes.int64).name
            with w.when(w.let(f"icmp ne i64 {found}, {number}")):
                w.do(f"atomicrmw add ptr {w.at('%frame', 3, dtypes.int64)}, i64 1 monotonic")
            return []

        return body

    def turn(number, _):
        following = w.add(number, 1)
        w.store(w.index(following), count("%thread"))
        call_barrier(w, control, threads)
        w.loop(0, threads, 1, compare(following))
        call_barrier(w, control, threads)
        return []

    def idle(*_):
        for number in (1, -1):
            w.do(f"atomicrmw add ptr {count('%thread')}, i64 {number} monotonic")
        return []

    w.loop(0, effort, 1, idle)
    w.loop(0, rounds, 1, turn)
    return Module([w, write_barrier(HOST)], HOST.attributes).text


class Meeting:
    """Runs the meeting step with a frame of its own."""

    def __init__(self):
        self.library = build(meeting_step(), HOST)
        self.address = self.library.address("step")
        self.arena = Arena(1024)
        self.words = self.arena.view(0, (128,), dtypes.int64)

    def run(self, threads, rounds=1, workers=None, effort=0):
        workers = workers or pool()
        self.words[:] = 0
        self.words[:5] = workers.control, threads, rounds, 0, effort
        workers.run(self.address, self.arena.address, threads)
        self.check(threads, rounds)

    def check(self, threads, rounds):
        assert self.words[3] == 0, "a thread went through the barrier too early"
        counts = self.words[16::16].tolist()
        assert counts == [rounds] * threads + [0] * (len(counts) - threads)


def in_a_process(code, **environment):
    """Run a program that can use this file's names, and return what it prints."""
    head = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\nfrom test_runtime import *\n"
    done = subprocess.run(
        [sys.executable, "-c", head + textwrap.dedent(code)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


# --- targets --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "lanes", "registers"),
    [("x86-64", 4, 16), ("x86-64-v3", 8, 16), ("x86-64-v4", 16, 32), ("aarch64", 4, 32)],
)
def test_named_targets(name, lanes, registers):
    target = targets.named(name)
    assert (target.lanes(dtypes.float32), target.registers) == (lanes, registers)
    assert target.lanes(dtypes.float64) == lanes // 2
    assert ("512" in target.attributes) == (lanes == 16)


def test_the_host_is_a_target():
    assert HOST is targets.host()
    assert HOST.lanes(dtypes.float32) in (4, 8, 16)
    assert HOST.level1 >= 1 << 12
    assert HOST.level2 >= HOST.level1


def test_the_environment_chooses_the_target(monkeypatch):
    monkeypatch.delenv("KOUBAI_TARGET", raising=False)
    assert targets.current() is HOST
    monkeypatch.setenv("KOUBAI_TARGET", "x86-64-v3")
    assert targets.current().cpu == "x86-64-v3"
    monkeypatch.setenv("KOUBAI_TARGET", "8086")
    with pytest.raises(ValueError, match="x86-64-v3"):
        targets.current()


@pytest.mark.parametrize("name", ["x86-64-v3", "x86-64-v4", "aarch64"])
def test_code_can_be_made_for_other_processors(name):
    target = targets.named(name)
    data = compile_object(Module([write_barrier(target), caller()], target.attributes).text, target)
    machines = {"x86_64": 0x3E, "aarch64": 0xB7}
    if data.startswith(b"\x7fELF"):
        assert int.from_bytes(data[18:20], "little") == machines[target.architecture]
    if target.architecture != HOST.architecture:
        with pytest.raises(ValueError, match="cannot run"):
            Library(target, data)


def caller():
    w = Writer("caller", [("ptr", "%control")])
    call_barrier(w, "%control", 2)
    return w


@pytest.mark.parametrize(
    ("limit", "cores"), [("150000 100000", 1), ("400000 100000", 4), ("max 100000", 1 << 30), ("", 1 << 30)]
)
def test_the_limit_of_a_control_group(limit, cores):
    assert machine._cores_for(limit) == cores


def test_the_cores_are_those_that_the_process_may_use():
    assert 1 <= machine.physical_cores() <= (os.cpu_count() or 1)


# --- objects --------------------------------------------------------------------------------------------------


def adding(number):
    """A module with `i64 add(i64 x)`, which adds a number."""
    w = Writer("add", [("i64", "%x")], "i64")
    w.do(f"ret i64 {w.add('%x', number)}")
    return Module([w]).text


def call(library, x):
    return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(library.address("add"))(x)


def test_an_object_is_loaded_and_called():
    library = Library(HOST, compile_object(adding(5), HOST))
    assert call(library, 37) == 42
    with pytest.raises(KeyError, match="subtract"):
        library.address("subtract")


def test_text_that_is_not_valid_is_refused():
    with pytest.raises(RuntimeError):
        compile_object("define void @f() { ret i64 }", HOST)


def test_code_calls_the_c_library():
    w = Writer("add", [("i64", "%x")], "i64")
    w.declare("void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
    block = w.let("alloca [512 x i8]")
    w.do(f"call void @llvm.memset.p0.i64(ptr {block}, i8 1, i64 %x, i1 false)")
    w.do(f"ret i64 {w.let(f'load i64, ptr {block}')}")
    library = Library(HOST, compile_object(Module([w]).text, HOST))
    assert call(library, 512) == 0x0101010101010101


@pytest.mark.slow
@pytest.mark.skipif(not ON_LINUX, reason="reads the memory in use from /proc")
def test_a_thousand_compiles_leave_no_memory_behind():
    def pages():
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1])

    def compile_some(numbers):
        for number in numbers:
            assert call(Library(HOST, compile_object(adding(number), HOST)), 1) == number + 1

    compile_some(range(1, 201))
    before = pages()
    compile_some(range(201, 1001))
    assert (pages() - before) * 4096 < 4 << 20


# --- the cache on disk ----------------------------------------------------------------------------------------


def test_an_object_is_found_again(empty):
    assert cache.get("k") is None
    cache.put("k", [b"code"], {"size": 3})
    assert cache.get("k") == ([b"code"], {"size": 3})
    cache.put("k", [b""], {})
    assert cache.get("k") == ([b""], {})


def test_the_key_names_all_that_matters():
    other = targets.named("x86-64-v3")
    keys = {cache.key_of(text, target) for text in ("a", "b") for target in (HOST, other)}
    assert len(keys) == 4
    assert cache.key_of("a", HOST) in keys


def test_what_was_built_is_not_compiled_again(empty, monkeypatch):
    assert call(build(adding(2), HOST), 1) == 3
    monkeypatch.setattr("koubai.compiler.runtime.objects.compile_object", None)
    assert call(build(adding(2), HOST), 1) == 3


def damages(content):
    flipped = bytearray(content)
    flipped[-3] ^= 1
    head = bytearray(content)
    head[20] ^= 1
    return [b"", content[:10], content[:-1], content + b"x", bytes(flipped), bytes(head), b"\x7fELF" * 100]


def test_damaged_and_foreign_files_count_as_missing(empty):
    cache.put("k", [b"code" * 10], {"a": 1})
    (file,) = empty.iterdir()
    content = file.read_bytes()
    for damage in damages(content):
        file.write_bytes(damage)
        assert cache.get("k") is None
        cache.put("k", [b"new"], {})
        assert cache.get("k") == ([b"new"], {})


@pytest.mark.skipif(os.name != "posix", reason="other systems have other permissions")
def test_a_file_that_others_can_write_is_not_run(empty):
    cache.put("k", [b"code"], {})
    (file,) = empty.iterdir()
    file.chmod(0o666)
    assert cache.get("k") is None


def test_without_a_folder_there_is_no_cache_and_one_line_in_the_log(empty, caplog):
    empty.write_text("a file where the folder should be")
    for _ in range(3):
        cache.put("k", [b"code"], {})
        assert cache.get("k") is None
    assert len(caplog.records) == 1
    assert "KOUBAI_CACHE" in caplog.text


def test_a_full_disk_is_no_cache(empty, monkeypatch, caplog):
    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("koubai.atomic.write_file", full)
    cache.put("k", [b"code"], {})
    assert cache.get("k") is None
    assert "No space left" in caplog.text


def test_the_cache_can_be_off(empty, monkeypatch):
    monkeypatch.setenv("KOUBAI_CACHE", "off")
    cache.put("k", [b"code"], {})
    assert cache.get("k") is None
    assert not Path("off").exists()


def test_the_cache_stays_within_its_limit(empty, monkeypatch):
    for age, key in enumerate(["newest", "used", "old", "older"]):
        cache.put(key, [bytes(1000)], {})
        os.utime(empty / f"{key}.kobj", (1e9 - age, 1e9 - age))
    cache.get("used")
    (empty / "notes.txt").write_text("not ours")
    (empty / ".unfinished-1").write_text("left by a process that was killed")
    os.utime(empty / ".unfinished-1", (1e9, 1e9))
    monkeypatch.setattr(cache, "LIMIT", 3500)
    cache.put("k", [bytes(1000)], {})
    assert {file.name for file in empty.iterdir()} == {"newest.kobj", "used.kobj", "k.kobj", "notes.txt"}


def test_two_processes_share_a_cache(empty):
    code = """
        for turn in range(60):
            key = str(turn % 3)
            cache.put(key, [key.encode() * 5000], {"key": key})
            found = cache.get(key)
            assert found is None or found == ([key.encode() * 5000], {"key": key})
    """
    threads = [threading.Thread(target=in_a_process, args=(code,)) for _ in range(2)]
    failures = []
    hook, threading.excepthook = threading.excepthook, failures.append
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    threading.excepthook = hook
    assert not failures
    assert len(list(empty.iterdir())) == 3


# --- arenas ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 100, 5 << 20])
def test_an_arena_is_zeros_on_a_page(size):
    block = Arena(size)
    assert block.address % 4096 == 0
    assert not block.view(0, (size,), dtypes.uint8).any()


def test_views_are_parts_of_the_arena():
    block = Arena(1000)
    whole, part = block.view(0, (250,), dtypes.float32), block.view(400, (2, 3), dtypes.float32)
    part[:] = 7
    assert part.ctypes.data == block.address + 400
    assert (whole[100:106] == 7).all()
    assert whole.sum() == 42
    for offset, shape in ((996, (2,)), (-4, (1,))):
        with pytest.raises(ValueError, match="1000 bytes"):
            block.view(offset, shape, dtypes.float32)


def test_a_view_keeps_its_arena():
    view = Arena(4 << 20).view(0, (1 << 20,), dtypes.float32)
    gc.collect()
    view[:] = 1
    assert view.sum(dtype=np.float64) == 1 << 20


@pytest.mark.skipif(not ON_LINUX, reason="reads the memory in use from /proc")
def test_an_arena_is_freed():
    def use():
        Arena(32 << 20).view(0, (32 << 20,), dtypes.uint8)[:] = 1

    use()
    before = int(Path("/proc/self/statm").read_text().split()[0])
    for _ in range(5):
        use()
    assert (int(Path("/proc/self/statm").read_text().split()[0]) - before) * 4096 < 32 << 20


def test_too_big_an_arena_is_refused():
    with pytest.raises(MemoryError, match="MiB"):
        Arena(1 << 60)


# --- threads --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_no_thread_leaves_the_barrier_early(threads):
    Meeting().run(threads, rounds=3000)


def test_steps_of_different_numbers_of_threads_follow_each_other():
    meeting = Meeting()
    for turn in range(300):
        meeting.run(turn % 3 + 1, rounds=2)


def test_workers_wake_up_again():
    meeting = Meeting()
    for _ in range(20):
        meeting.run(2)
        time.sleep(0.002)


def test_several_python_threads_take_turns():
    pool()
    failures = []

    def work(threads):
        try:
            meeting = Meeting()
            for _ in range(100):
                meeting.run(threads, rounds=3)
        except BaseException as error:
            failures.append(error)

    callers = [threading.Thread(target=work, args=(threads,)) for threads in (2, 2, 3, 1)]
    for one in callers:
        one.start()
    for one in callers:
        one.join()
    assert not failures


@pytest.mark.skipif(not hasattr(time, "pthread_getcpuclockid"), reason="needs the processor time of a thread")
def test_workers_sleep_soon_after_the_last_step():
    Meeting().run(3)
    clocks = [
        time.pthread_getcpuclockid(thread.ident)
        for thread in threading.enumerate()
        if thread.name.startswith("koubai-")
    ]
    assert len(clocks) >= 2
    time.sleep(0.05)
    before = sum(map(time.clock_gettime, clocks))
    time.sleep(0.2)
    assert sum(map(time.clock_gettime, clocks)) - before < 0.005


def test_an_interrupt_comes_after_the_step():
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals go to the main thread")
    meeting = Meeting()
    meeting.run(2)
    timer = threading.Timer(0.02, signal.raise_signal, [signal.SIGINT])

    def interrupted():
        timer.start()
        meeting.run(2, rounds=100, effort=10_000_000)
        time.sleep(10)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    timer.join()
    meeting.check(2, 100)
    meeting.run(2, rounds=100)


def test_a_signal_handler_may_run_a_step():
    if not hasattr(signal, "setitimer"):
        pytest.skip("needs a timer that sends signals")
    inner, outer, runs = Meeting(), Meeting(), []

    def handler(*_):
        inner.run(2, rounds=5)
        runs.append(1)
        signal.setitimer(signal.ITIMER_REAL, 0.001)

    old = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    try:
        while len(runs) < 20:
            outer.run(2, rounds=5)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def test_a_thread_that_cannot_be_started_is_named_with_the_way_out(monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    workers, meeting = Pool(), Meeting()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match=r"koubai\.set_num_threads\(1\)"):
            meeting.run(2, workers=workers)
    meeting.run(1, workers=workers)
    meeting.run(2, workers=workers)
    workers._dismiss()


def test_a_worker_that_is_dead_is_named_with_the_way_out(monkeypatch):
    monkeypatch.setattr(pools, "_DEAD_SECONDS", 0.05)
    workers, meeting = Pool(), Meeting()
    meeting.run(2, workers=workers)
    (worker,) = workers._workers
    worker.dismiss()
    worker.thread.join()
    with pytest.raises(RuntimeError, match=r"has died; koubai\.set_num_threads\(1\)"):
        meeting.run(2, workers=workers)
    meeting.run(1, workers=workers)


def test_a_step_that_hangs_can_be_aborted():
    w = Writer("step", [("i64", "%thread"), ("ptr", "%control")])
    with w.when(w.let("icmp eq i64 %thread, 0")):  # a mistake: the others do not come
        call_barrier(w, "%control", 3)
    library = build(Module([w, write_barrier(HOST)], HOST.attributes).text, HOST)
    workers = Pool()
    threading.Timer(0.05, workers.abort).start()
    for _ in range(2):
        with pytest.raises(RuntimeError, match="aborted"):
            workers.run(library.address("step"), workers.control, 2)
    workers._dismiss()


def test_more_threads_than_there_can_be():
    with pytest.raises(RuntimeError, match="256 threads at most"):
        pool().run(0, 0, 257)


def test_the_number_of_threads(monkeypatch):
    monkeypatch.setattr(pools, "_chosen_threads", None)
    monkeypatch.delenv("KOUBAI_NUM_THREADS", raising=False)
    assert get_num_threads() == machine.physical_cores()
    monkeypatch.setenv("KOUBAI_NUM_THREADS", "3")
    assert get_num_threads() == 3
    set_num_threads(2)
    assert get_num_threads() == 2
    for wrong in (0, -1, 257):
        with pytest.raises(ValueError, match="from 1 to 256"):
            set_num_threads(wrong)
    monkeypatch.setattr(pools, "_chosen_threads", None)
    monkeypatch.setenv("KOUBAI_NUM_THREADS", "many")
    with pytest.raises(ValueError, match="KOUBAI_NUM_THREADS"):
        get_num_threads()


@pytest.mark.skipif(not CAN_FORK, reason="needs fork")
@pytest.mark.parametrize("pause", [0, 0.01], ids=["spinning", "parked"])
def test_a_forked_child_has_threads_of_its_own(pause):
    out = in_a_process(
        f"""
        meeting = Meeting()
        for _ in range(10):
            meeting.run(3, rounds=10)
            time.sleep({pause})
            child = os.fork()
            meeting.run(2, rounds=10)
            if not child:
                meeting.run(3, rounds=10)
                os._exit(7)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        print("fine")
        """,
        PYTHONWARNINGS="ignore",
    )
    assert out == "fine\n"


@pytest.mark.parametrize("last", ["", "time.sleep(0.01)", "raise SystemExit"])
def test_the_interpreter_ends_at_once(last):
    out = in_a_process(
        f"""
        meeting = Meeting()
        meeting.run(2, rounds=10)
        print(f"{{time.monotonic()}}")
        {last}
        """
    )
    assert time.monotonic() - float(out) < 5


def test_the_interpreter_ends_while_a_daemon_thread_runs_steps():
    in_a_process(
        """
        def work():
            meeting = Meeting()
            try:
                while True:
                    meeting.run(2, rounds=1000)
            except RuntimeError:
                pass

        threading.Thread(target=work, daemon=True).start()
        time.sleep(0.1)
        """
    )


def test_arenas_are_not_shared_with_a_child():
    if not CAN_FORK:
        pytest.skip("needs fork")
    code = """
        block = Arena(100).view(0, (4,), dtypes.int64)
        child = os.fork()
        if not child:
            block[:] = 1
            os._exit(0)
        os.waitpid(child, 0)
        print(block.sum())
    """
    assert in_a_process(code) == "0\n"
