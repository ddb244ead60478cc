"""Autoencoders reproduce what they were trained on, and not what is unlike it; variational ones draw new samples."""

import math

import numpy as np
import pytest

import koubai
from koubai import models, nn

from ..nn.agreement import check, check_layer, close, double


@pytest.fixture(autouse=True, params=[0, 1])
def _seed(request):
    koubai.manual_seed(request.param)


def test_dense_layers_go_to_the_code_and_back():
    model = models.Autoencoder.dense(8, 5, 2, activation=nn.Tanh).double()
    shapes = [layer.weight.shape for layer in model.modules() if isinstance(layer, nn.Linear)]
    assert shapes == [(5, 8), (2, 5), (5, 2), (8, 5)]
    x = double(3, 8)
    assert model.encode(x).shape == (3, 2)
    assert model(x).equal(model.decode(model.encode(x)))
    expected = ((model(x) - x) ** 2).mean(1)
    close(model.reconstruction_error(x), expected.numpy(force=True))
    check_layer(model, x)


def test_anomalies_are_reproduced_badly():
    model = models.Autoencoder.dense(6, 8, 1, activation=nn.Tanh)
    optimizer = koubai.optim.Adam(model.parameters(), lr=0.02)
    angles = koubai.rand(64, 1) * 2
    usual = koubai.cat([angles.sin(), angles.cos()], 1).repeat(1, 3)

    @koubai.compile
    def step():
        optimizer.zero_grad()
        loss = model.reconstruction_error(usual).mean()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(300):
        step()
    strange = koubai.randn(64, 6)
    assert model.reconstruction_error(strange).mean() > 10 * model.reconstruction_error(usual).mean()


def test_a_denoising_autoencoder_corrupts_while_training():
    model = models.DenoisingAutoencoder.dense(4, 3, noise=0.5, masking=0.25).double()
    x = koubai.ones(2000, 4, dtype=koubai.float64)
    corrupted = model.corrupt(x).numpy()
    assert (corrupted == 0).mean() == pytest.approx(0.25, abs=0.03)
    assert corrupted[corrupted != 0].std() == pytest.approx(0.5, abs=0.03)
    assert not model(x).equal(model(x))
    model.eval()
    assert model(x).equal(model.decode(model.encode(x)))
    check_layer(models.DenoisingAutoencoder.dense(4, 3).double().eval(), double(2, 4))
    with pytest.raises(ValueError, match=r"masking a probability, got 0\.1 and 2"):
        models.DenoisingAutoencoder.dense(4, 3, masking=2)


def test_a_variational_autoencoder_draws_codes_while_training():
    model = models.VariationalAutoencoder.dense(6, 5, 2).double()
    x = double(3, 6)
    reconstruction, mean, log_variance = model(x)
    assert not model(x)[0].equal(reconstruction)
    assert model(x)[1].equal(mean)
    model.eval()
    assert model(x)[0].equal(model.decode(mean))
    assert log_variance.shape == (3, 2)
    assert model.sample(7).shape == (7, 6)
    assert model.sample(7).dtype == koubai.float64
    check_layer(model, x, order=1)


def test_drawn_codes_have_their_mean_and_variance():
    model = models.VariationalAutoencoder(nn.Identity(), nn.Identity(), 2, 1).double()
    x = double(1, 2).expand(20000, 2)
    codes, mean, log_variance = model(x)
    assert codes.mean().item() == pytest.approx(mean[0].item(), abs=0.05)
    assert codes.var().item() == pytest.approx(math.exp(log_variance[0].item()), rel=0.05)


def test_the_loss_is_the_negative_bound():
    parts = double(4, 3), double(4, 2, seed=1), double(4, 2, seed=2)
    x = double(4, 3, seed=3)
    reconstruction, mean, log_variance, target = (part.numpy() for part in (*parts, x))
    kl = 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance).sum(1)
    error = 0.5 * ((reconstruction - target) ** 2).sum(1)
    close(models.vae_loss(*parts, x), (error + kl).mean())
    close(models.vae_loss(*parts, x, beta=4.0), (error + 4 * kl).mean())
    ones = (x > 0).double()
    p = 1 / (1 + np.exp(-reconstruction))
    entropy = -np.where(ones.numpy() > 0, np.log(p), np.log(1 - p)).sum(1)
    close(models.vae_loss(*parts, ones, likelihood="bernoulli"), (entropy + kl).mean())
    check(models.vae_loss, *parts, x)
    zeros = koubai.zeros(4, 2)
    assert models.vae_loss(x, zeros, zeros, x) == 0
    with pytest.raises(ValueError, match="'gaussian' or 'bernoulli', got 'poisson'"):
        models.vae_loss(*parts, x, likelihood="poisson")
    with pytest.raises(ValueError, match="shape"):
        models.vae_loss(*parts, x[:, :1])
