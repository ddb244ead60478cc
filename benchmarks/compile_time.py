"""How long compiling takes over depth: a training step of a Transformer of equal layers, with nothing taken from disk.

What counts is the processor's time, also that of compilers that are started, which does not change with what else runs
on the machine.

python benchmarks/compile_time.py --layers 4 8 16 32 --dropout 0.1 --clip
python benchmarks/compile_time.py --layers 4 16 --rounds 1 --peers torch.compile jax
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

os.environ.update(
    KOUBAI_CACHE="off", TORCHINDUCTOR_FORCE_DISABLE_CACHES="1", TORCHINDUCTOR_COMPILE_THREADS="1"
)

from native import peers_jax, peers_torch
from native.contestant import Start
from native.koubai_step import KoubaiStep
from native.workloads import gpt_workload

import koubai
from koubai import nn, optim

WIDTH, HEADS, BATCH, TOKENS = 128, 4, 8, 32
PEERS = {peer.name: peer for peer in (*peers_torch.PEERS, *peers_jax.PEERS)}
Seconds = Callable[[int], float]  # how much time compiling for so many layers took


def processor_time() -> float:
    """Return how much this process and those that it has started have used, in seconds."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def seconds(layers: int, dropout: float, clip: bool) -> float:
    """Trace and compile a training step, and return how much of the processor's time it took."""
    koubai.manual_seed(0)
    stack = (
        nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, dropout=dropout, batch_first=True)
        for _ in range(layers)
    )
    model = nn.Sequential(*stack)
    optimizer = optim.Adam(model.parameters())

    @koubai.compile(verify=False)
    def step(x: koubai.Tensor) -> koubai.Tensor:
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    began = processor_time()
    step.prepare((koubai.randn(BATCH, TOKENS, WIDTH),))
    return processor_time() - began


def peer_seconds(name: str, layers: int) -> float:
    """Make the first step of a GPT with Koubai or a peer, and return how much of the processor's time it took."""
    workload = gpt_workload("", layers=layers)
    start = Start.of(workload)
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
    began = processor_time()
    if name == "koubai":
        KoubaiStep(workload, start, 1, verify=False).run(1)
    else:
        PEERS[name].build(workload, start, 1).run(1)
    return processor_time() - began


def table(title: str, depths: Sequence[int], rounds: int, seconds_of: Seconds) -> None:
    """Print the shortest of some interleaved times for each depth, and what each further layer costs."""
    seconds_of(1)  # what happens once in a process
    times = [[seconds_of(layers) for layers in depths] for _ in range(rounds)]
    best = [min(column) for column in zip(*times)]
    print(title)
    for number, (layers, took) in enumerate(zip(depths, best)):
        more = (took - best[number - 1]) / (layers - depths[number - 1]) if number else None
        print(f"{layers:5} layers {took:6.2f} s" + (f", {1e3 * more:6.1f} ms a layer" if more else ""))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, nargs="+", default=[4, 8, 16, 32])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--clip", action="store_true", help="clip the norm of the gradients")
    parser.add_argument("--peers", nargs="+", default=[], choices=sorted(PEERS), help="others, with a GPT")
    given = parser.parse_args()
    if given.peers:
        for name in ("koubai", *given.peers):
            table(name, given.layers, given.rounds, lambda layers, name=name: peer_seconds(name, layers))
    else:
        table("koubai", given.layers, given.rounds, lambda layers: seconds(layers, given.dropout, given.clip))
