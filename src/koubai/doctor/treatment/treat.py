"""Trials: prescriptions against the untreated training, with the same seed and batches, and the winner once more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from time import perf_counter

import numpy as np

from koubai.doctor.finding import Finding
from koubai.doctor.treatment.changes import changes
from koubai.doctor.treatment.menu import MENU
from koubai.doctor.treatment.prescription import prescriptions
from koubai.doctor.treatment.proof import Coming, Proof, Treated
from koubai.doctor.treatment.training import Training
from koubai.doctor.watch import Doctor
from koubai.train import Callback

__all__ = ["treat", "treating"]

_NOTHING_TO_WISH_FOR = 0.99  # of skill


def treat(
    training: Training, findings: Sequence[Finding] | None = None, *, trials: int = 3, fresh: int = 1
) -> Proof[Treated]:
    """Try remedies for findings, and prove the best.

    Args:
        training: before its first step.
        findings: what was found in it; None lets the doctor watch the untreated training, and nothing is tried if it
            finds nothing.
        trials: how many prescriptions to try at most; none is tried after one that leaves nothing to wish for.
        fresh: with how many further seeds the best is confirmed.

    Returns:
        the trials, and what fresh seeds said.
    """
    *_, proof = treating(training, findings, trials=trials, fresh=fresh)
    return proof


def treating(
    training: Training, findings: Sequence[Finding] | None = None, *, trials: int = 3, fresh: int = 1
) -> Iterator[Proof[Treated]]:
    """Do the same one training at a time, and yield after each what has been shown so far; see `treat`."""
    doctor = Doctor()
    before = _tried(training, (), training, (doctor,) if findings is None else ())
    found = doctor.findings if findings is None else findings
    plan = prescriptions(found)[:trials] if found or findings is not None else []
    proof = Proof(before, causes=tuple(finding.cause for finding in found))
    for remedies in plan:
        yield replace(proof, coming=Coming(remedies))
        proof = replace(proof, trials=(*proof.trials, _trial(training, remedies)))
        if proof.trials[-1].skill > _NOTHING_TO_WISH_FOR:
            break
    yield from _confirmed(training, proof, fresh)


def _confirmed(training: Training, proof: Proof[Treated], fresh: int) -> Iterator[Proof[Treated]]:
    """Train the best and the untreated one with fresh seeds."""
    best = proof.leading
    if best is None:
        yield proof
        return
    for seed in range(1, 1 + fresh):
        yield replace(proof, coming=Coming(best.remedies, seed))
        pair = training.run(seed)[0].skill, best.training.run(seed)[0].skill
        proof = replace(proof, confirmed=(*proof.confirmed, pair))
    yield proof


def _trial(training: Training, remedies: tuple[str, ...]) -> Treated:
    """Try some remedies; those that there is nothing to do for are not counted among them."""
    treated, applied = training, []
    for name in remedies:
        before, treated = treated, MENU[name].apply(treated)
        applied += [name] if treated is not before else []
    return _tried(treated, tuple(applied) or remedies, training)


def _tried(
    treated: Training, remedies: tuple[str, ...], untreated: Training, callbacks: tuple[Callback, ...] = ()
) -> Treated:
    begun = perf_counter()
    try:
        result, model = treated.run(callbacks=callbacks)
    except (
        RuntimeError,
        ValueError,
        IndexError,
    ):  # a loss that refuses, a remedy that does not fit this model
        return Treated(remedies=remedies, skill=-np.inf, fits=False, training=treated, model=treated.model)
    return Treated(
        remedies=remedies,
        skill=float(result.skill),
        losses=result.losses,
        seconds=perf_counter() - begun,
        same_loss=treated.loss is untreated.loss and treated.train[1] is untreated.train[1],
        changes=changes(untreated, treated),
        training=treated,
        model=model,
    )
