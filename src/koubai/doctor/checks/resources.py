"""Whether the machine holds the training."""

from __future__ import annotations

import numpy as np

from koubai.doctor.checks.check import Evidence, check, found
from koubai.doctor.consultation import Consultation
from koubai.i18n import N_, _

_FULL = 0.9  # of the memory: the rest is for everything else


@check("memory", static=True, harms=True)
def memory(c: Consultation) -> Evidence | None:
    """Weights, gradients, the optimizer's state and what layers keep for backward come near what there is."""
    if not c.memory:
        return None
    needed = _needed(c)
    if needed < _FULL * c.memory:
        return None
    return found(
        0.9,
        _("a step needs about {needed:.0f} MiB, of {limit:.0f} MiB").format(
            needed=needed / 2**20, limit=c.memory / 2**20
        ),
        _("use smaller batches with accumulate, recomputation (checkpoint), or a smaller model"),
        code="Trainer(..., accumulate=4)   # batch_size //= 4",
        withdrawn_if=_("the machine has more memory"),
        numbers={N_("needed"): needed, N_("limit"): c.memory},
    )


def _needed(c: Consultation) -> float:
    """Return bytes: weights, gradients, moments of the optimizer, and each layer's output with its gradient."""
    weights = 4 * sum(int(np.prod(p.shape)) for p in c.patient.model.parameters())
    copies = 2 + (2 if "betas" in c.patient.optimizer.defaults else 1 if c.patient.option("momentum") else 0)
    batch = max(c.history.batch_size, 1)
    kept = sum(layer.output.nbytes for layer in c.anatomy.layers) / max(1, len(c.sample))
    return float(copies * weights + 2 * kept * batch)
