"""What a training that looks for anomalies can be told."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from koubai.i18n import N_
from koubai.recipes.settings import Settings


class Shape(NamedTuple):
    """What a network is like.

    Attributes:
        hidden: neurons of the layers between data and code.
        code: numbers that a sample is squeezed into.
        masking: share of a sample's numbers that are hidden from the network while it learns.
    """

    hidden: int
    code: int
    masking: float


_USUAL = {
    "nab": Shape(32, 8, 0.0),
    "images": Shape(256, 12, 0.0),
    "table": Shape(256, 128, 0.1),
    "logs": Shape(256, 32, 0.1),
}


class AnomalySettings(Settings):
    """Settings of a detector of anomalies."""

    data: Literal["nab", "images", "table", "logs"] = Field(
        "nab",
        description=N_(
            "58 series of NAB, digits of a kind never seen, tampered rows of a table, lines of a log"
        ),
    )
    hidden: int | None = Field(
        None,
        ge=1,
        description=N_("neurons of the layers between data and code"),
        json_schema_extra={"unset": N_("32 for nab, 256 else")},
    )
    code: int | None = Field(
        None,
        ge=1,
        description=N_("numbers that a window or a sample is squeezed into"),
        json_schema_extra={"unset": N_("8 for nab, 12 for images, 128 for a table, 32 for logs")},
    )
    window: int = Field(32, ge=2, description=N_("nab: values that the network sees at once"))
    error: Literal["reconstruction", "forecast", "both"] = Field(
        "reconstruction",
        description=N_("nab: judge by the newest value reproduced, by the next one forecast, or by both"),
    )
    unseen: int = Field(8, ge=0, le=9, description=N_("images: the digit that is left out of the training"))
    samples: int = Field(20000, ge=100, description=N_("logs: lines to learn from"))
    masking: float | None = Field(
        None,
        ge=0,
        lt=1,
        description=N_("not nab: share of a sample's numbers hidden while training"),
        json_schema_extra={"unset": N_("0 for images, 0.1 else")},
    )
    false_alarms: float = Field(
        0.01, gt=0, lt=1, description=N_("not nab: share of usual samples that may reach the threshold")
    )

    @property
    def shape(self) -> Shape:
        """The network's, with what is usual for the data where nothing was asked for."""
        usual = _USUAL[self.data]
        masking = usual.masking if self.masking is None else self.masking
        return Shape(self.hidden or usual.hidden, self.code or usual.code, masking)
