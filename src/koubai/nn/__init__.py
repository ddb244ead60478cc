"""Neural networks: `Module`, the layers, their first weights, and `summary`."""

from koubai.nn import functional as functional
from koubai.nn import init as init
from koubai.nn import utils as utils
from koubai.nn.activation import *
from koubai.nn.attention import *
from koubai.nn.batchnorm import *
from koubai.nn.containers import *
from koubai.nn.conv import *
from koubai.nn.distance import *
from koubai.nn.dropout import *
from koubai.nn.embedding import *
from koubai.nn.graph_convolution import *
from koubai.nn.graph_pooling import *
from koubai.nn.key_value_cache import *
from koubai.nn.linear import *
from koubai.nn.loss import *
from koubai.nn.module import *
from koubai.nn.normalization import *
from koubai.nn.output_losses import *
from koubai.nn.padding import *
from koubai.nn.parameter import *
from koubai.nn.parameter_containers import *
from koubai.nn.pooling import *
from koubai.nn.positions import *
from koubai.nn.recurrent import *
from koubai.nn.recurrent_cells import *
from koubai.nn.residual import *
from koubai.nn.separable_conv import *
from koubai.nn.shape import *
from koubai.nn.squeeze_excitation import *
from koubai.nn.summary import *
from koubai.nn.transformer import *
from koubai.nn.transformer_layers import *
from koubai.nn.upsampling import *
