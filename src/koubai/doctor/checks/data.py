"""What is wrong with the data, before any model sees them."""

from __future__ import annotations

import numpy as np

from koubai.doctor.checks.check import Evidence, check, found
from koubai.doctor.consultation import Consultation
from koubai.doctor.facts.anatomy import SATURATING, saturated
from koubai.i18n import N_, _

# Inputs of root mean square s multiply the curvature for the first weights by s² (it is the inputs' second moment,
# LeCun et al. 1998, "Efficient BackProp", section 4.3), so at s = 10 the largest safe learning rate is a hundredth.
_LARGE = 10.0
# The bias is the weight of an input that is always 1. Where all inputs of a sample together have a norm below a tenth,
# the same rule lets their weights learn a hundred times slower than the bias. One-hot and tf-idf rows have norm 1.
_SMALL = 0.1
# The gradient of a squared error at the start is twice the target, and what Adam moves in a step does not grow with it.
_FAR, _VERY_FAR = 10.0, 100.0
_MOSTLY = 0.5  # of the columns
_SAME = 1e-5  # of the size of the answers: float32 rounds at 1e-7
_NORMALISERS = ("BatchNorm", "LayerNorm", "InstanceNorm", "GroupNorm", "RMSNorm", "Normal")


@check("unnormalised_input")
def unnormalised_input(c: Consultation) -> Evidence | None:
    """Columns are far from mean 0 and standard deviation 1, and the first layer suffers from it."""
    if c.features is None or not c.features.size or _normalised_first(c):
        return None
    scale = np.sqrt((c.features**2).mean(0))
    largest, length = float(scale.max()), float(np.sqrt((scale**2).sum()))
    if 0 < length < _SMALL:
        return _tiny(length)
    if largest < _LARGE:
        return None
    column = int(scale.argmax())
    return found(
        0.9 if largest > 3 * _LARGE or _first_suffers(c) else 0.7,
        _("column {column} has mean {mean:.3g} and standard deviation {std:.3g}").format(
            column=column, mean=c.features[:, column].mean(), std=c.features[:, column].std()
        ),
        _("bring every column to mean 0 and standard deviation 1, by the training data's own numbers"),
        code="x = (x - mean) / std   # koubai.data.Normalize",
        withdrawn_if=_("scaled inputs train no better"),
        numbers={N_("largest scale"): largest, N_("column"): column},
    )


def _tiny(length: float) -> Evidence:
    return found(
        0.9 if length < _SMALL / 3 else 0.7,
        _("all inputs of a sample together have a root mean square norm of {length:.1e}").format(
            length=length
        ),
        _("bring every column to mean 0 and standard deviation 1, by the training data's own numbers"),
        code="x = (x - mean) / std   # koubai.data.Normalize",
        withdrawn_if=_("scaled inputs train no better"),
        numbers={N_("size"): length},
    )


def _normalised_first(c: Consultation) -> bool:
    return bool(c.anatomy.layers) and c.anatomy.layers[0].kind.startswith(_NORMALISERS)


def _first_suffers(c: Consultation) -> bool:
    """Whether most of the first activation is saturated, so that hardly any gradient passes it."""
    layer = next((layer for layer in c.anatomy.layers if layer.kind in SATURATING), None)
    if layer is None or layer is not next(x for x in c.anatomy.layers if x.weight is None):
        return False
    return saturated(layer) > 0.5


@check("unnormalised_target")
def unnormalised_target(c: Consultation) -> Evidence | None:
    """Numbers to be predicted are far from unit size."""
    if c.task != "numbers" or c.expects not in ("numbers", "unknown"):
        return None
    size = float(np.sqrt(np.mean(c.target.astype(np.float64) ** 2)))
    if size < _FAR:
        return None
    return found(
        0.9 if size > _VERY_FAR else 0.6,
        _("targets have a root mean square of {size:.3g}").format(size=size),
        _("bring the targets to mean 0 and standard deviation 1, and scale predictions back"),
        code="y = (y - y.mean()) / y.std()",
        withdrawn_if=_("scaled targets train no better"),
        numbers={N_("size"): size},
    )


@check("constant_feature")
def constant_feature(c: Consultation) -> Evidence | None:
    """Columns that never change feed nothing but their weights."""
    if c.features is None or c.features.shape[1] < 2 or len(c.features) < 16:
        return None
    constant = np.flatnonzero(np.ptp(c.features, axis=0) == 0)
    share = len(constant) / c.features.shape[1]
    if share < _MOSTLY:  # images have dark corners
        return None
    return found(
        0.7,
        _("{share:.0%} of the input columns never change, the first of them column {column}").format(
            share=share, column=int(constant[0])
        ),
        _("look at how these columns are made, and leave out what stays constant"),
        code="x = x[:, x.std(0) > 0]",
        withdrawn_if=_("they change in other samples"),
        numbers={N_("share of constant columns"): share},
    )


@check("ignored_input")
def ignored_input(c: Consultation) -> Evidence | None:
    """The model answers the same whatever it is given, so real inputs teach it no more than zeros would."""
    answers = c.answers.reshape(len(c.answers), -1).astype(np.float64)
    if len(answers) < 8 or not np.isfinite(answers).all():
        return None
    moved = float(answers.std(0).max() / (np.abs(answers).max() + 1e-12))
    if moved > _SAME:
        return None
    return found(
        0.5,  # many causes end here: it is named if no other one is
        _("the answers to {count} different samples differ by {moved:.1e} of their size").format(
            count=len(answers), moved=moved
        ),
        _("follow the input through the layers: where does it get lost?"),
        code="koubai.doctor.checklist(model, loss, optimizer, data)",
        withdrawn_if=_("the samples are all alike"),
        numbers={N_("moved"): moved},
    )
