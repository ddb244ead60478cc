"""What the doctor says: a finding, and the causes it knows, in the order in which they are looked into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from koubai.i18n import N_, _

__all__ = ["CAUSES", "STAGES", "Cause", "Finding"]

STAGES = ("data", "contract", "initialisation", "optimizer", "capacity", "generalisation")


@dataclass(frozen=True)
class Cause:
    """Why a training goes wrong.

    Attributes:
        stage: where in `STAGES` it belongs.
        title: in a few words.
        explains: the causes that it brings about: they are not named beside it.
    """

    stage: str
    title: str
    explains: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """One diagnosed cause.

    Attributes:
        cause: its name in `CAUSES`.
        confidence: from 0 to 1: how sure the evidence makes it.
        symptom: what was seen, with its numbers.
        remedy: what to do.
        code: the remedy as a change of code.
        withdrawn_if: what would show that the finding is wrong.
        layer: where, or None.
        step: since when, or None.
        numbers: the evidence by name.
        curve: a series of numbers that shows it, for a small plot; its name is in `curve_name`.
    """

    cause: str
    confidence: float
    symptom: str
    remedy: str
    code: str = ""
    withdrawn_if: str = ""
    layer: str | None = None
    step: int | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)
    curve: Sequence[float] = ()
    curve_name: str = ""

    @property
    def title(self) -> str:
        """The cause in a few words, in the user's language."""
        return _(CAUSES[self.cause].title)

    @property
    def stage(self) -> int:
        """How early the cause stands in `STAGES`."""
        return STAGES.index(CAUSES[self.cause].stage)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**plain, "numbers": dict(self.numbers), "curve": list(self.curve)}

    def __str__(self) -> str:
        where = _(" in {layer}").format(layer=self.layer) if self.layer else ""
        since = _(", since step {step}").format(step=self.step) if self.step else ""
        return "\n".join(
            [
                f"{self.title}{where}{since} ({self.confidence:.0%})",
                _("  symptom: {text}").format(text=self.symptom),
                _("  remedy: {text}").format(text=self.remedy),
                *([f"    {self.code}"] if self.code else []),
            ]
        )


_SIGNAL = (
    "vanishing_gradient",
    "exploding_gradient",
    "dying_relu",
    "hidden_activation",
    "init",
)
_SLOW = ("lr_too_low", "undertrained", "capacity", "batch_too_large", "optimizer", "plateau")
_PACE = (*_SLOW, "lr_too_high", "oscillation", "batch_too_small")
_END = ("undertrained", "capacity", "overfitting")

CAUSES: dict[str, Cause] = {
    # data
    "unnormalised_input": Cause("data", N_("inputs are not normalised"), (*_SIGNAL, *_SLOW)),
    "unnormalised_target": Cause("data", N_("targets are far from unit size"), (*_SIGNAL, *_SLOW)),
    "constant_feature": Cause("data", N_("input columns that never change")),
    "ignored_input": Cause("contract", N_("the answer does not depend on the input")),
    "class_imbalance": Cause("data", N_("classes are imbalanced")),
    "label_noise": Cause("data", N_("labels that seem wrong"), ("overfitting",)),
    "domain_shift": Cause("data", N_("validation data are of another kind"), ("overfitting", "label_noise")),
    # contract of output, loss and target
    "label_encoding": Cause("contract", N_("labels are encoded for another loss"), (*_SIGNAL, *_PACE)),
    "broadcast_shape": Cause(
        "contract",
        N_("output and target have shapes that broadcast"),
        (*_SIGNAL, *_PACE, "missing_nonlinearity"),
    ),
    "output_units": Cause("contract", N_("the number of outputs does not fit"), (*_SIGNAL, *_PACE)),
    "output_activation": Cause(
        "contract", N_("the last activation does not fit the targets"), (*_SIGNAL, *_PACE)
    ),
    "double_softmax": Cause("contract", N_("softmax is applied twice"), (*_SIGNAL, *_PACE)),
    "loss_mismatch": Cause("contract", N_("the loss does not fit the task"), _PACE),
    "detached_graph": Cause("contract", N_("parameters that cannot learn"), (*_SIGNAL, *_PACE)),
    "sample_leakage": Cause(
        "contract", N_("samples leak into each other"), (*_SIGNAL, *_SLOW, "overfitting", "train_eval_mode")
    ),
    "train_eval_mode": Cause("contract", N_("training and evaluation mode disagree"), ("overfitting",)),
    "tiny_batch_batchnorm": Cause(
        "contract", N_("batch normalisation with batches of a few samples"), (*_PACE, "train_eval_mode")
    ),
    "unsafe_math": Cause("contract", N_("an unsafe softmax or logarithm")),
    "wrong_gradient": Cause("contract", N_("a gradient written by hand is wrong")),
    # initialisation
    "hidden_activation": Cause("initialisation", N_("hidden activations that do not fit"), ("init", *_SLOW)),
    "init": Cause(
        "initialisation",
        N_("initial weights out of line"),
        (*_SLOW, "lr_too_high", "dying_relu", "vanishing_gradient"),
    ),
    "vanishing_gradient": Cause("initialisation", N_("gradients vanish"), _SLOW),
    "exploding_gradient": Cause("initialisation", N_("values and gradients explode"), _PACE),
    "dying_relu": Cause("initialisation", N_("dead ReLU units"), _SLOW),
    "depth": Cause("initialisation", N_("too deep for a plain net"), _SLOW),
    "missing_nonlinearity": Cause(
        "initialisation", N_("no nonlinearity between the layers"), ("capacity", "undertrained", "lr_too_low")
    ),
    # optimizer and loop
    "gradient_sign": Cause("optimizer", N_("updates go uphill"), (*_SIGNAL, *_PACE, *_END)),
    "missing_zero_grad": Cause("optimizer", N_("gradients are not cleared"), (*_SIGNAL, *_PACE, *_END)),
    "over_regularised": Cause("optimizer", N_("regularisation is too strong"), (*_SIGNAL, *_PACE, *_END)),
    "lr_too_high": Cause(
        "optimizer",
        N_("the learning rate is too high"),
        (*_SIGNAL, "oscillation", "undertrained", "capacity"),
    ),
    "lr_too_low": Cause("optimizer", N_("the learning rate is too low"), ("capacity", "optimizer")),
    "oscillation": Cause("optimizer", N_("the loss oscillates")),
    "batch_too_small": Cause("optimizer", N_("batches are too small"), ("capacity", "undertrained")),
    "batch_too_large": Cause("optimizer", N_("batches are too large")),
    "optimizer": Cause("optimizer", N_("the optimizer has come to a halt"), ("capacity", "undertrained")),
    "plateau": Cause("optimizer", N_("a plateau")),
    # capacity
    "undertrained": Cause("capacity", N_("the training stopped too early"), ("capacity",)),
    "capacity": Cause(
        "capacity",
        N_("the model is too small"),
    ),
    "memory": Cause("capacity", N_("memory is about to run out")),
    # generalisation
    "overfitting": Cause("generalisation", N_("overfitting")),
}
