"""What users call: PyTorch's functions, one family a file, written in the primitive ops.

A function here turns numbers into tensors, promotes types, checks dimensions, and calls ops. Most are methods of
`Tensor` too.
"""

from koubai.functions.arithmetic import *
from koubai.functions.creation import *
from koubai.functions.reduction import *
from koubai.functions.shape import *
