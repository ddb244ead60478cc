"""`koubai.special`: the special functions under the names that `torch.special` gives them."""

from koubai.functions.exponential import exp2, expm1, log1p, logit, sigmoid as expit, xlogy
from koubai.functions.reduction import logsumexp
from koubai.functions.rounding import round
from koubai.functions.transcendental import (
    digamma,
    digamma as psi,
    entr,
    erf,
    erfc,
    erfinv,
    lgamma as gammaln,
    ndtr,
    polygamma,
    xlog1py,
)
from koubai.functions.trigonometric import sinc

__all__ = [
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammaln",
    "log1p",
    "logit",
    "logsumexp",
    "ndtr",
    "polygamma",
    "psi",
    "round",
    "sinc",
    "xlog1py",
    "xlogy",
]
