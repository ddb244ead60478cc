"""`koubai.special`: the special functions under the names that `torch.special` gives them."""

from koubai.functions.exponential import exp2, expm1, log1p, logit, xlogy
from koubai.functions.exponential import sigmoid as expit
from koubai.functions.reduction import logsumexp
from koubai.functions.rounding import round
from koubai.functions.transcendental import (
    digamma,
    entr,
    erf,
    erfc,
    erfinv,
    ndtr,
    polygamma,
    xlog1py,
)
from koubai.functions.transcendental import (
    digamma as psi,
)
from koubai.functions.transcendental import (
    lgamma as gammaln,
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
