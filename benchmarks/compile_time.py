"""How long compiling takes over depth: a training step of a Transformer of equal layers, with nothing taken from disk.

What counts is the processor's time, which does not change with what else runs on the machine: compiling is one thread.

python benchmarks/compile_time.py --layers 4 8 16 32 --dropout 0.1 --clip
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence

os.environ["KOUBAI_CACHE"] = "off"

import koubai
from koubai import nn, optim

WIDTH, HEADS, BATCH, TOKENS = 128, 4, 8, 32


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

    began = time.process_time()
    step.prepare((koubai.randn(BATCH, TOKENS, WIDTH),))
    return time.process_time() - began


def main(depths: Sequence[int], rounds: int, dropout: float, clip: bool) -> None:
    """Print the shortest of some interleaved times for each depth, and what each further layer costs."""
    seconds(1, dropout, clip)  # what happens once in a process
    times = [[seconds(layers, dropout, clip) for layers in depths] for _ in range(rounds)]
    best = [min(column) for column in zip(*times)]
    for number, (layers, took) in enumerate(zip(depths, best)):
        more = (took - best[number - 1]) / (layers - depths[number - 1]) if number else None
        print(f"{layers:3} layers {took:6.2f} s" + (f", {1e3 * more:5.1f} ms a layer" if more else ""))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, nargs="+", default=[4, 8, 16, 32])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--clip", action="store_true", help="clip the norm of the gradients")
    arguments = parser.parse_args()
    main(arguments.layers, arguments.rounds, arguments.dropout, arguments.clip)
