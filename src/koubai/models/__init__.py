"""Whole networks, to train as they are or to change: for images, sequences, compression and recommendation."""

from koubai.models.autoencoder import *
from koubai.models.recommendation import *
from koubai.models.resnet import *
from koubai.models.sequence_cnn import *
from koubai.models.text_classifier import *
