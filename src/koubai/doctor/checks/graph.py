"""Whether the computation graph is what its author thinks: connected, held by the optimizer, samples kept apart."""

from __future__ import annotations

import numpy as np

from koubai.doctor.checks.check import Evidence, check, found
from koubai.doctor.consultation import Consultation
from koubai.i18n import N_, _

_LEAK = 1e-3  # of an output's size; rounding in another order moves it by 1e-6


@check("detached_graph")
def detached_graph(c: Consultation) -> Evidence | None:
    """Parameters that no gradient reaches, or that no optimizer holds."""
    model = c.patient.model
    held = {id(p) for group in c.patient.optimizer.param_groups for p in group["params"]}
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if not named or not c.anatomy.compared:
        return None  # a loss that refuses gives nobody a gradient
    unheld = [name for name, p in named.items() if id(p) not in held]
    unreached = [name for name in named if name not in c.anatomy.gradients]
    for names, symptom, code in (
        (
            unreached,
            _("no gradient reaches {names}"),
            _("# no .detach(), .numpy() or no_grad() between the layer and the loss"),
        ),
        (unheld, _("the optimizer does not hold {names}"), "optim.Adam(model.parameters())"),
    ):
        if names:
            listed = ", ".join(names[:4]) + (
                _(" and {count} more").format(count=len(names) - 4) if len(names) > 4 else ""
            )
            return found(
                0.95,
                symptom.format(names=listed),
                _("connect the layer to the loss, and give the optimizer all of the model's parameters"),
                code=code,
                withdrawn_if=_("these parameters are frozen on purpose: then requires_grad=False says so"),
                layer=names[0].rpartition(".")[0] or None,
                numbers={N_("parameters"): len(names)},
            )
    return None


@check("sample_leakage", static=True, harms=True)
def sample_leak(c: Consultation) -> Evidence | None:
    """In evaluation mode, what the model answers for a sample depends on the samples beside it."""
    if len(c.sample) < 8:
        return None
    half, ends = (
        len(c.sample) // 2,
        [0, -1],
    )  # first and last: a recurrent net that takes samples for times looks back
    one = c.patient.answers(c.sample.take([0, *range(1, half), 0]))
    other = c.patient.answers(c.sample.take([0, *range(half, 2 * half - 1), 0]))
    if one.shape != other.shape or not np.isfinite(one[ends]).all() or not np.isfinite(other[ends]).all():
        return None
    moved = float(np.abs(one[ends] - other[ends]).max() / (np.abs(one[ends]).max() + 1e-6))
    if moved < _LEAK:
        return None
    return found(
        0.95,
        _("with other samples in the batch, the answer for the same sample moves by {moved:.1%}").format(
            moved=moved
        ),
        _("reduce, normalise and attend over features and time, never over the first dimension"),
        code="x.mean(dim=1)   # not dim=0",
        withdrawn_if=_("the samples of a batch belong together"),
        numbers={N_("moved"): moved},
    )
