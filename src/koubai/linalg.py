"""`koubai.linalg`: norms, products and decompositions under the names that `torch.linalg` gives them."""

import sys

from koubai.functions.decompositions import cholesky, eigh, eigvalsh, qr, svd, svdvals
from koubai.functions.linear_systems import det, inv, slogdet, solve
from koubai.functions.matrix_chain import matrix_power, multi_dot
from koubai.functions.norms import linalg_norm as norm
from koubai.functions.norms import matrix_norm, vector_norm
from koubai.functions.numpy_names import take_numpy_names
from koubai.functions.products import matmul
from koubai.functions.vectors import linalg_cross as cross
from koubai.functions.vectors import vecdot

__all__ = [
    "cholesky",
    "cross",
    "det",
    "eigh",
    "eigvalsh",
    "inv",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "multi_dot",
    "norm",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "vecdot",
    "vector_norm",
]

take_numpy_names(sys.modules[__name__])
