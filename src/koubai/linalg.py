"""`koubai.linalg`: norms, products and decompositions under the names that `torch.linalg` gives them."""

from koubai.functions.norms import linalg_norm as norm
from koubai.functions.norms import matrix_norm, svd, svdvals, vector_norm
from koubai.functions.products import matmul

__all__ = ["matmul", "matrix_norm", "norm", "svd", "svdvals", "vector_norm"]
