"""Cases from a file: what is wrong with each, its data, and the plans of the faulty training and of the healthy one.

`read_cases("cases.json")` needs the `generate.py` that lies beside the file: it makes the data and applies the fix.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from doctor.losses import HINGES, LOSSES, SPARSE
from doctor.plan import Plan

__all__ = ["Case", "Data", "read_cases"]

Array = np.ndarray[Any, Any]
Pair = tuple[Array, Array]


@dataclass(frozen=True)
class Data:
    """Inputs and targets, scaled and encoded as the loss wants them: float32, or int64 for numbers of classes."""

    train: Pair
    validation: Pair


@dataclass(frozen=True)
class Case:
    """One entry of a cases file.

    Attributes:
        spec: the entry as it stands there.
        generator: the module that makes its data.
    """

    spec: Mapping[str, Any]
    generator: ModuleType

    @property
    def id(self) -> str:
        """Its name."""
        return str(self.spec["id"])

    @property
    def root_cause(self) -> tuple[str, ...]:
        """What is wrong with it; each of these is a right answer."""
        return tuple(self.spec["root_cause"])

    def verified(self, fixed: bool) -> list[float | None]:
        """Return the scores that the file says were reached, seed by seed; None for numbers without end."""
        return list(self.spec.get("verified_in_torch", {}).get("fixed" if fixed else "buggy", []))

    def scaled_down(self) -> Case:
        """Return the case with as few data and epochs as the file's scores were reached with."""
        smaller = self.spec.get("scaled_down_for_verification")
        return Case(self._overlaid(smaller), self.generator) if smaller else self

    def plan(self, fixed: bool) -> Plan:
        """Return the plan of the faulty training, or of the healthy one."""
        return Plan.of(self._chosen(fixed))

    def data(self, seed: int, fixed: bool) -> Data:
        """Return the data of the faulty training, or of the healthy one."""
        spec = self._chosen(fixed)
        plan = Plan.of(spec)
        x, y, x_test, y_test = self.generator.generate(spec, seed)
        x, x_test = self.generator.scale(x, x_test, plan.x_scale)
        y, y_test = self.generator.scale(_columns(y), _columns(y_test), plan.y_scale)
        classes = int(max(y.max(), y_test.max())) + 1 if plan.onehot is True else int(plan.onehot)
        pairs = [(_inputs(x), _targets(y, plan, classes)), (_inputs(x_test), _targets(y_test, plan, classes))]
        return Data(_no_batch_of_one(pairs[0], plan), pairs[1])

    def _chosen(self, fixed: bool) -> Mapping[str, Any]:
        return self._overlaid(self.spec["reference_fix"]) if fixed else self.spec

    def _overlaid(self, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        changed = self.generator.apply_fix({**self.spec, "reference_fix": changes})
        return {**changed, "reference_fix": self.spec["reference_fix"]}


def read_cases(path: Path) -> list[Case]:
    """Return the cases of a file.

    Raises:
        UnknownWord: one of them says what has no meaning here.
    """
    specification = importlib.util.spec_from_file_location("generate", path.parent / "generate.py")
    assert specification is not None
    assert specification.loader is not None
    generator = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(generator)
    cases = [Case(spec, generator) for spec in json.loads(path.read_text())["cases"]]
    for case in cases:
        case.plan(False), case.plan(True)
    return cases


def _columns(y: Array) -> Array:
    return y.reshape(len(y), -1)


def _inputs(x: Array) -> Array:
    return np.ascontiguousarray(x.reshape(len(x), -1), np.float32)


def _targets(y: Array, plan: Plan, classes: int) -> Array:
    """Encode targets: numbers of classes `(N,)`, one-hot `(N, C)`, else `(N, 1)` or as many columns as there are."""
    loss = LOSSES[plan.loss]
    if classes and y.shape[1] == 1 and loss not in SPARSE:
        return np.eye(classes, dtype=np.float32)[y[:, 0].astype(int)]
    if loss in SPARSE:
        return y[:, 0].astype(np.int64) if y.shape[1] == 1 else y.argmax(1)
    y = y.astype(np.float32)
    return 2 * y - 1 if loss in HINGES and np.isin(y, (0, 1)).all() else y


def _no_batch_of_one(pair: Pair, plan: Plan) -> Pair:
    """Leave out a last sample that would be alone in its batch: of one sample there are no batch statistics."""
    normalised = any(layer.batchnorm for layer in plan.layers)
    alone = normalised and plan.batch_size > 1 and len(pair[0]) % plan.batch_size == 1
    return (pair[0][:-1], pair[1][:-1]) if alone else pair
