"""`koubai.backends`: the switches of PyTorch's back ends, which programs set and ask; Koubai has none of these."""

from koubai.backends import cudnn as cudnn
from koubai.backends import mps as mps
