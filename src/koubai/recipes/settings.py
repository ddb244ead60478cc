"""The settings every training has, declared once: from them come the command's options, checks and record."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from koubai.i18n import N_

OptimizerName = Literal[
    "sgd",
    "momentum",
    "nesterov",
    "adagrad",
    "adadelta",
    "rmsprop",
    "adam",
    "adamw",
    "adamax",
    "nadam",
    "radam",
    "lion",
    "lamb",
    "adafactor",
    "asgd",
]
ScheduleName = Literal["constant", "step", "exponential", "cosine", "warmup-cosine", "one-cycle", "plateau"]


class Settings(BaseModel):
    """What every training can be told; a recipe adds its own by subclassing.

    A field's description is the help of its option. `argument=True` in its extra makes it a positional
    argument, and `unset` says what happens when an option without a default is not given.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    epochs: int = Field(20, ge=1, description=N_("how often each training sample is seen"))
    batch_size: int = Field(64, ge=1, description=N_("samples per step; 32 to 256 are usual"))
    optimizer: OptimizerName = Field("adam", description=N_("the update rule, when in doubt adam"))
    lr: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description=N_("learning rate; SGD 0.01 to 0.1 and Adam 0.001 are usual"),
        json_schema_extra={"unset": N_("0.01 for sgd, 0.001 for adam, as usual for the others")},
    )
    schedule: ScheduleName = Field("constant", description=N_("how the learning rate changes"))
    weight_decay: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description=N_("how strongly weights are pulled to zero"),
        json_schema_extra={"unset": N_("the optimizer's own")},
    )
    clip_norm: float | None = Field(
        None,
        gt=0,
        description=N_("shorten gradients longer than this"),
        json_schema_extra={"unset": N_("never")},
    )
    patience: int | None = Field(
        None,
        ge=1,
        description=N_(
            "stop early after this many epochs without a better validation loss, and keep the best weights"
        ),
        json_schema_extra={"unset": N_("never")},
    )
    target: float | None = Field(
        None,
        allow_inf_nan=False,
        description=N_("the test result to reach, such as 0.97; the report says whether it is met"),
        json_schema_extra={"unset": N_("none")},
    )
    seed: int = Field(0, ge=0, description=N_("the same seed gives the same result, bit for bit"))
    smoke: bool = Field(
        False, description=N_("a trial: one epoch on a few samples, to see that everything works")
    )
