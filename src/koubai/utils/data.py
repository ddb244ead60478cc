"""`torch.utils.data`: data sets and loaders."""

from koubai.data import *
