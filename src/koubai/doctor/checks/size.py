"""Whether the model has room for what it is to learn."""

from __future__ import annotations

from koubai.doctor.checks.check import Evidence, check, found
from koubai.doctor.consultation import Consultation
from koubai.i18n import N_, _

_NARROW = 3  # units, through which hardly anything passes
_SETTLED = 0.05  # of the loss in a hundred steps


@check("capacity")
def capacity(c: Consultation) -> Evidence | None:
    """The training has settled, nearest neighbours do far better, and a layer is very narrow."""
    widths = [(layer.path, int(layer.weight.shape[0])) for layer in c.anatomy.weighted[:-1]]
    if not widths or c.neighbours - max(c.skill, 0.0) < 0.2:
        return None
    path, width = min(widths, key=lambda pair: pair[1])
    if width > _NARROW or c.trial(1.0).fall > _SETTLED:
        return None
    return found(
        0.82,
        _(
            "{path} has {width} units and the loss has settled: "
            "the model reaches a skill of {skill:.2f}, nearest neighbours {other:.2f}"
        ).format(path=path, width=width, other=c.neighbours, skill=c.skill),
        _("make the hidden layers wider"),
        code="nn.Linear(…, 32)",
        withdrawn_if=_("a wider model does no better"),
        layer=path,
        numbers={N_("units"): width},
    )
