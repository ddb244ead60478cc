"""Whole networks, to train or to change: for images, sequences, texts, tables, compression, recommendation."""

from koubai.models.autoencoder import *
from koubai.models.character_rnn import *
from koubai.models.gpt import *
from koubai.models.pointer_generator import *
from koubai.models.recommendation import *
from koubai.models.resnet import *
from koubai.models.sequence_cnn import *
from koubai.models.tabular import *
from koubai.models.text_classifier import *
from koubai.models.translator import *
