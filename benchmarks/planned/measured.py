"""Makes one training, alone in its process, and prints what it took: python -m planned.measured NAME."""

from __future__ import annotations

import json
import logging
import statistics
import sys
import time

import koubai
from koubai.plan.apart import peak_memory, resident_memory
from koubai.train import Trainer
from planned.cases import CASES


def main(name: str) -> None:
    logging.disable(logging.WARNING)
    koubai.compile(koubai.neg)(koubai.zeros(1))  # the compiler is there, and counts as part of the process
    process = resident_memory()
    workload = CASES[name].workload()
    train, validation = (workload.examples.take(n) for n in (workload.samples, workload.validation))
    trainer = Trainer(workload.model, workload.loss, workload.optimizer(workload.model), **workload.trainer)
    began = time.perf_counter()
    history = trainer.fit(train, validation, workload.epochs, batch_size=workload.batch_size)
    fit = time.perf_counter() - began
    epoch = statistics.median(history["seconds"][1:])  # the first one compiles or loads
    result = {"epoch": epoch, "fit": fit, "memory": peak_memory() - process, "process": process}
    print(json.dumps({**result, "accuracy": history["val_accuracy"][-1]}))


if __name__ == "__main__":
    main(sys.argv[1])
