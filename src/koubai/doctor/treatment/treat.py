"""Trials: prescriptions against the untreated training, with the same seed and batches, and the winner once more."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from time import perf_counter

import numpy as np

from koubai.doctor.finding import Finding
from koubai.doctor.treatment.changes import changes
from koubai.doctor.treatment.menu import MENU
from koubai.doctor.treatment.prescription import prescriptions
from koubai.doctor.treatment.proof import ENOUGH, NOTHING_TO_WISH_FOR, Coming, Proof, Treated
from koubai.doctor.treatment.training import Training
from koubai.doctor.watch import Doctor
from koubai.train import Callback

__all__ = ["treat", "treating"]

_FIRST = 0.25  # of the epochs: three candidates so cost less than one in full (Jamieson and Talwalkar 2016)


def treat(
    training: Training, findings: Sequence[Finding] | None = None, *, trials: int = 3, fresh: int = 1
) -> Proof[Treated]:
    """Try remedies for findings, and prove the best.

    Args:
        training: before its first step.
        findings: what was found in it; None lets the doctor watch the untreated training, and nothing is tried if it
            finds nothing.
        trials: how many prescriptions to try at most; none is tried after one that leaves nothing to wish for. Each is
            tried for a quarter of its epochs, and what does best then is trained to the end.
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
        proof = replace(proof, trials=(*proof.trials, _trial(training, remedies, _FIRST)))
        if proof.trials[-1].skill > NOTHING_TO_WISH_FOR:
            break
    proof = yield from _to_the_end(training, proof)
    yield from _confirmed(training, proof, fresh)


def _to_the_end(training: Training, proof: Proof[Treated]) -> Generator[Proof[Treated], None, Proof[Treated]]:
    """Train in full what did best, and the others only if that is no better than the untreated training."""
    ranked = sorted(proof.trials, key=lambda trial: trial.skill, reverse=True)
    for short in ranked:
        helped = any(t.settled and t.skill > proof.untreated + ENOUGH for t in proof.trials)
        perfect = any(t.skill > NOTHING_TO_WISH_FOR for t in proof.trials)
        if perfect or (helped and short.skill < ranked[0].skill - ENOUGH):
            break
        if short.fits and not short.settled:
            yield replace(proof, coming=Coming(short.remedies))
            longer = _trial(training, short.remedies)
            proof = replace(proof, trials=tuple(longer if t is short else t for t in proof.trials))
    return proof


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


def _trial(training: Training, remedies: tuple[str, ...], part: float = 1.0) -> Treated:
    """Try some remedies; those that there is nothing to do for are not counted among them."""
    treated, applied = training, []
    for name in remedies:
        before, treated = treated, MENU[name].apply(treated)
        applied += [name] if treated is not before else []
    return _tried(treated, tuple(applied) or remedies, training, part=part)


def _tried(
    treated: Training,
    remedies: tuple[str, ...],
    untreated: Training,
    callbacks: tuple[Callback, ...] = (),
    part: float = 1.0,
) -> Treated:
    begun, epochs = perf_counter(), math.ceil(part * treated.epochs)
    try:
        result, model = treated.run(callbacks=callbacks, epochs=epochs)
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
        part=epochs / treated.epochs,
    )
