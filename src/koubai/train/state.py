"""All that decides how a training goes on, taken out as one tree and put back in: all of it, or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from warnings import warn

from koubai.i18n import _
from koubai.train.events import Callback
from koubai.train.rng import load_random_state, random_state
from koubai.tree import copied

if TYPE_CHECKING:
    from koubai.train.trainer import Trainer

__all__ = ["load", "state_of"]

_PLAN = ("epochs", "steps", "total_samples")  # of the progress: what the present fit was asked for


def state_of(trainer: Trainer) -> dict[str, Any]:
    """Return the trainer's state. The tensors in it are its own, not copies."""
    return {
        "model": trainer.model.state_dict(),
        "optimizer": _stateful(trainer.optimizer),
        "lr_scheduler": _stateful(trainer.lr_scheduler),
        "random": random_state(trainer.model),
        "loader": trainer.feed.state_dict(),
        "validation_loader": trainer.validation.state_dict() if trainer.validation else None,
        "plan": _plan(trainer),
        "progress": {name: v for name, v in asdict(trainer.progress).items() if name not in _PLAN},
        "meter": trainer.meter.state_dict(),
        "history": trainer.history,
        "stop_reason": trainer.stop_reason,
        "callbacks": {name: s for name, callback in _named(trainer) if (s := callback.state_dict())},
    }


def load(trainer: Trainer, saved: dict[str, Any]) -> None:
    """Do what `Trainer.load_state_dict` promises."""
    _check_model(trainer, saved["model"])
    _check_plan(trainer, saved["plan"])
    before, objects = copied(state_of(trainer)), (trainer.optimizer, trainer.lr_scheduler)
    try:
        _put(trainer, saved)
    except BaseException:
        trainer.optimizer, trainer.lr_scheduler = objects
        _put(trainer, before)
        raise


def _put(trainer: Trainer, saved: dict[str, Any]) -> None:
    trainer.model.load_state_dict(saved["model"])
    _load_callbacks(trainer, saved["callbacks"])
    _load_kind("optimizer", trainer.optimizer, saved["optimizer"])
    _load_kind("lr_scheduler", trainer.lr_scheduler, saved["lr_scheduler"])
    trainer.feed.load_state_dict(saved["loader"])
    if trainer.validation is not None and saved["validation_loader"] is not None:
        trainer.validation.load_state_dict(saved["validation_loader"])
    for name, value in saved["progress"].items():
        setattr(trainer.progress, name, value)
    trainer.optimizer._opt_called = trainer.progress.updates > 0  # else schedulers think they come too early
    trainer.meter.load_state_dict(saved["meter"])
    trainer.history = {name: list(values) for name, values in saved["history"].items()}
    trainer.stop_reason = saved["stop_reason"]
    load_random_state(trainer.model, saved["random"])


def _check_model(trainer: Trainer, saved: dict[str, Any]) -> None:
    """Refuse weights of another model, before anything is changed."""
    difference = _("{name}: {was} in the checkpoint, {now} in the model")
    own = {name: _kind(tensor) for name, tensor in trainer.model.state_dict().items()}
    others = {name: _kind(tensor) for name, tensor in saved.items()}
    differing = [
        difference.format(name=name, was=others.get(name, "-"), now=own.get(name, "-"))
        for name in {**own, **others}
        if own.get(name) != others.get(name)
    ]
    if differing:
        shown = differing if len(differing) <= 10 else [*differing[:10], "..."]
        problem = _("this checkpoint is of another model; nothing was loaded:")
        raise ValueError("\n  ".join([problem, *shown]))


def _kind(tensor: Any) -> str:
    return f"{tensor.dtype}{list(tensor.shape)}"


def _plan(trainer: Trainer) -> dict[str, Any]:
    """Return what has to be the same for the training to go on as it would have."""
    return {
        "samples": trainer.feed.samples,
        "batches": trainer.feed.batches,
        "accumulate": trainer.accumulate,
        "metrics": [metric.name for metric in trainer.metrics],
    }


def _check_plan(trainer: Trainer, saved: dict[str, Any]) -> None:
    for name, now in _plan(trainer).items():
        _check_same(name, saved[name], now)


def _check_same(name: str, was: Any, now: Any) -> None:
    if was != now:
        problem = _("this is not the training of the checkpoint: {name} was {was} and is now {now}")
        raise ValueError(problem.format(name=name, was=was, now=now))


def _stateful(thing: Any) -> dict[str, Any] | None:
    return None if thing is None else {"kind": type(thing).__name__, "state": thing.state_dict()}


def _load_kind(role: str, thing: Any, saved: dict[str, Any] | None) -> None:
    """Load an optimizer's or scheduler's state, if it is of the same class."""
    kind = None if thing is None else type(thing).__name__
    _check_same(role, saved and saved["kind"], kind)
    if saved is not None:
        thing.load_state_dict(copied(saved["state"]))


def _named(trainer: Trainer) -> Iterator[tuple[str, Callback]]:
    """Yield the callbacks under names that are the same in each run: the class and a number."""
    seen: Counter[str] = Counter()
    for callback in trainer.callbacks:
        kind = type(callback).__name__
        seen[kind] += 1
        yield f"{kind} {seen[kind]}", callback


def _load_callbacks(trainer: Trainer, saved: dict[str, Any]) -> None:
    callbacks = dict(_named(trainer))
    for name, state in saved.items():
        if name in callbacks:
            callbacks[name].load_state_dict(state, trainer)
        else:
            problem = _("the checkpoint's {name} is not among this training's callbacks")
            warn(problem.format(name=name.rpartition(" ")[0]), stacklevel=2)
