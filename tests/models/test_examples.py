"""The examples in the docstrings of models, and of the layers that they are made of, do what they say."""

import doctest
from importlib import import_module

import pytest

import koubai
from koubai import models, nn
from koubai.nn import functional as F

MODULES = [
    "models.autoencoder",
    "models.recommendation",
    "models.resnet",
    "models.sequence_cnn",
    "models.tabular",
    "nn.functional.ctc_decoding",
    "nn.functional.graph",
    "nn.graph_convolution",
    "nn.graph_pooling",
    "nn.key_value_cache",
    "nn.positions",
    "nn.recurrent",
    "nn.separable_conv",
    "nn.squeeze_excitation",
    "nn.utils.rnn",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = import_module(f"koubai.{name}")
    names = {
        "koubai": koubai,
        "models": models,
        "nn": nn,
        "F": F,
        "images": koubai.rand(3, 784),
        "encoder": nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 8, batch_first=True), 2),
        "tokens": koubai.randn(5, 1, 1, 8),
        "users": koubai.arange(12),
        "items": koubai.arange(12),
    }
    failed, tried = doctest.testmod(module, extraglobs=names)
    assert tried
    assert not failed
