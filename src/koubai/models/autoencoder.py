"""Networks that reproduce their input through few numbers: plain, denoising and variational autoencoders."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Self

import koubai
from koubai import nn
from koubai.engine.tensor import Tensor
from koubai.nn import functional as F

__all__ = ["Autoencoder", "DenoisingAutoencoder", "VariationalAutoencoder", "vae_loss"]


def _dense(sizes: tuple[int, ...], activation: Callable[[], nn.Module]) -> nn.Sequential:
    """Linear layers with activations between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])


class Autoencoder(nn.Module):
    """decoder(encoder(x)), trained to be x (Hinton and Salakhutdinov 2006).

    What is unlike the training data is reproduced badly, which finds anomalies.

    Args:
        encoder: from the input to the code.
        decoder: from the code to the input's shape.

    Shape:
        input and output (N, *).

    Example:
        >>> model = models.Autoencoder.dense(784, 128, 16)
        >>> model.encode(koubai.zeros(2, 784)).shape
        koubai.Size([2, 16])
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    @classmethod
    def dense(cls, *sizes: int, activation: Callable[[], nn.Module] = nn.ReLU, **settings: Any) -> Self:
        """Make one of linear layers, with the features of the input first and those of the code last."""
        encoder, decoder = (_dense(way, activation) for way in (sizes, sizes[::-1]))
        return cls(encoder, decoder, **settings)

    def encode(self, input: Tensor) -> Tensor:
        """Return the code."""
        return self.encoder(input)  # type: ignore[no-any-return]

    def decode(self, code: Tensor) -> Tensor:
        """Return what a code stands for."""
        return self.decoder(code)  # type: ignore[no-any-return]

    def forward(self, input: Tensor) -> Tensor:
        """Reproduce the input."""
        return self.decode(self.encode(input))

    def reconstruction_error(self, input: Tensor) -> Tensor:
        """Return the mean squared error of each sample, (N,)."""
        return (self(input) - input).square().flatten(1).mean(1)  # type: ignore[no-any-return]


class DenoisingAutoencoder(Autoencoder):
    """An autoencoder that, while training, sees its input corrupted and must return it clean (Vincent et al. 2008).

    Args:
        encoder: from the input to the code.
        decoder: from the code to the input's shape.
        noise: standard deviation of what is added to each element.
        masking: probability of an element being set to 0.

    Shape:
        input and output (N, *).

    Raises:
        ValueError: if noise is negative, or masking is no probability.

    Example:
        >>> model = models.DenoisingAutoencoder.dense(784, 128, 16, noise=0.2)
        >>> loss = F.mse_loss(model(images), images)
    """

    def __init__(
        self, encoder: nn.Module, decoder: nn.Module, noise: float = 0.1, masking: float = 0.0
    ) -> None:
        super().__init__(encoder, decoder)
        if noise < 0 or not 0 <= masking <= 1:
            raise ValueError(
                f"DenoisingAutoencoder: noise is not negative and masking a probability, got {noise} and {masking}"
            )
        self.noise, self.masking = noise, masking

    def corrupt(self, input: Tensor) -> Tensor:
        """Return the input with noise and without some of its elements."""
        noisy = input + self.noise * koubai.randn_like(input) if self.noise else input
        return (
            noisy.masked_fill(koubai.rand(*input.shape, device=input.device) < self.masking, 0)
            if self.masking
            else noisy
        )

    def forward(self, input: Tensor) -> Tensor:
        """Reproduce the input, which is corrupted first while training."""
        return super().forward(self.corrupt(input) if self.training else input)


class VariationalAutoencoder(nn.Module):
    """An autoencoder whose codes are normal numbers, so that new ones can be drawn (Kingma and Welling 2014).

    The encoder's features give mean and logarithm of the variance of each code; while training a code is drawn from
    these, else it is the mean. Train it with `vae_loss`.

    Args:
        encoder: from the input to features, (N, features).
        decoder: from a code, (N, latent), to the input's shape.
        features: of the encoder's output.
        latent: numbers in a code.

    Shape:
        input (N, *); output: the reproduction (N, *), mean and log-variance of the codes, (N, latent) each.

    Example:
        >>> model = models.VariationalAutoencoder.dense(784, 128, 16)
        >>> loss = models.vae_loss(*model(images), images)
        >>> model.sample(8).shape
        koubai.Size([8, 784])
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, features: int, latent: int) -> None:
        super().__init__()
        self.encoder, self.decoder, self.latent = encoder, decoder, latent
        self.mean = nn.Linear(features, latent)
        self.log_variance = nn.Linear(features, latent)

    @classmethod
    def dense(cls, *sizes: int, activation: Callable[[], nn.Module] = nn.ReLU) -> Self:
        """Make one of linear layers, with the features of the input first and the numbers in a code last."""
        encoder = nn.Sequential(*_dense(sizes[:-1], activation), activation())
        return cls(encoder, _dense(sizes[::-1], activation), sizes[-2], sizes[-1])

    def encode(self, input: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of the codes, (N, latent) each."""
        features = self.encoder(input)
        return self.mean(features), self.log_variance(features)

    def decode(self, code: Tensor) -> Tensor:
        """Return what a code stands for."""
        return self.decoder(code)  # type: ignore[no-any-return]

    def forward(self, input: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Reproduce the input; return also mean and log-variance of its code."""
        mean, log_variance = self.encode(input)
        code = mean
        if self.training:  # drawn so that gradients reach both
            code = mean + (log_variance / 2).exp() * koubai.randn_like(mean)
        return self.decode(code), mean, log_variance

    def sample(self, count: int) -> Tensor:
        """Return what `count` codes from the standard normal distribution stand for."""
        return self.decode(
            koubai.randn(count, self.latent, dtype=self.mean.weight.dtype, device=self.mean.weight.device)
        )


def vae_loss(
    reconstruction: Tensor,
    mean: Tensor,
    log_variance: Tensor,
    input: Tensor,
    beta: float = 1.0,
    likelihood: str = "gaussian",
) -> Tensor:
    """The negative evidence lower bound, -log p(x|z) + β KL(q(z|x) ‖ N(0, 1)), on average over the samples.

    The divergence is -½ Σ (1 + log σ² - μ² - σ²) (Kingma and Welling 2014, appendix B).

    Args:
        reconstruction: (N, *).
        mean: of the codes, (N, latent).
        log_variance: likewise.
        input: (N, *).
        beta: 1 for the bound; more makes codes more independent (Higgins et al. 2017).
        likelihood: "gaussian" takes half the squared error (variance 1); "bernoulli" takes reconstructions as scores,
            before the sigmoid, of inputs in [0, 1].

    Raises:
        ValueError: for another likelihood, or if reconstruction and input differ in shape.

    Example:
        >>> x, zeros = koubai.ones(2, 4), koubai.zeros(2, 3)
        >>> models.vae_loss(x, zeros, zeros, x)
        tensor(0.)
    """
    if likelihood not in ("gaussian", "bernoulli"):
        raise ValueError(f"vae_loss: likelihood is 'gaussian' or 'bernoulli', got {likelihood!r}")
    if likelihood == "gaussian":
        error = F.mse_loss(reconstruction, input, reduction="sum") / 2
    else:
        error = F.binary_cross_entropy_with_logits(reconstruction, input, reduction="sum")
    divergence = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()
    return (error + beta * divergence) / input.shape[0]
