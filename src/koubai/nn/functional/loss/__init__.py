"""Losses: how far a prediction is from its target, as one number (or one for each element)."""

from koubai.nn.functional.loss.binary import *
from koubai.nn.functional.loss.classification import *
from koubai.nn.functional.loss.contrastive import *
from koubai.nn.functional.loss.ctc import *
from koubai.nn.functional.loss.distribution import *
from koubai.nn.functional.loss.imbalance import *
from koubai.nn.functional.loss.margin import *
from koubai.nn.functional.loss.regression import *
