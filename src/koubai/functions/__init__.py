"""What users call: PyTorch's functions, one family a file, written in the primitive ops.

A function here turns numbers into tensors, promotes types, checks dimensions, and calls ops. Most are methods of
`Tensor` too.
"""

import sys as _sys

from koubai.engine.tensor import Tensor as _Tensor
from koubai.functions import operators as operators
from koubai.functions.arithmetic import *
from koubai.functions.bounds import *
from koubai.functions.broadcasting import *
from koubai.functions.calculus import *
from koubai.functions.comparison import *
from koubai.functions.conversion import *
from koubai.functions.convolution import *
from koubai.functions.creation import *
from koubai.functions.cumulative import *
from koubai.functions.diagonal import *
from koubai.functions.distinct import *
from koubai.functions.einsum import *
from koubai.functions.embedding import *
from koubai.functions.exponential import *
from koubai.functions.extremes import *
from koubai.functions.gathering import *
from koubai.functions.indexing import *
from koubai.functions.joining import *
from koubai.functions.layout import *
from koubai.functions.linear_systems import *
from koubai.functions.logic import *
from koubai.functions.matrix_chain import *
from koubai.functions.norms import *
from koubai.functions.numpy_names import take_numpy_names as _take_numpy_names
from koubai.functions.operands import IN_PLACE as _IN_PLACE
from koubai.functions.padding import *
from koubai.functions.pooling import *
from koubai.functions.product_sums import *
from koubai.functions.products import *
from koubai.functions.ranges import *
from koubai.functions.rearranging import *
from koubai.functions.reduction import *
from koubai.functions.replacing import *
from koubai.functions.rounding import *
from koubai.functions.scattering import *
from koubai.functions.shape import *
from koubai.functions.softmaxes import *
from koubai.functions.sorting import *
from koubai.functions.splitting import *
from koubai.functions.statistics import *
from koubai.functions.tensor_types import *
from koubai.functions.transcendental import *
from koubai.functions.transposition import *
from koubai.functions.trigonometric import *
from koubai.functions.vectors import *
from koubai.functions.vision import *

globals().update(_IN_PLACE)
for _namespace in (_sys.modules[__name__], _Tensor):
    _take_numpy_names(_namespace)
