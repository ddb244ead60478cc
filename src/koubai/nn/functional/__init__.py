"""What the layers compute, as plain functions: `torch.nn.functional.X` is `koubai.nn.functional.X`."""

from koubai.nn.functional.activation import *
from koubai.nn.functional.attention import *
from koubai.nn.functional.boxes import *
from koubai.nn.functional.conv import *
from koubai.nn.functional.ctc_decoding import *
from koubai.nn.functional.distance import *
from koubai.nn.functional.dropout import *
from koubai.nn.functional.embedding import *
from koubai.nn.functional.graph import *
from koubai.nn.functional.linear import *
from koubai.nn.functional.loss import *
from koubai.nn.functional.normalization import *
from koubai.nn.functional.pooling import *
from koubai.nn.functional.softmaxes import *
from koubai.nn.functional.vision import *
