"""Which remedies are tried for what was found: those of the findings together, then a training known to be good."""

from __future__ import annotations

from collections.abc import Sequence

from koubai.doctor.finding import Finding

__all__ = ["prescriptions"]

_FOR: dict[str, tuple[str, ...]] = {
    "unnormalised_input": ("standard_inputs",),
    "unnormalised_target": ("standard_targets",),
    "class_imbalance": ("class_weights",),
    "label_noise": ("label_smoothing", "early_stopping"),
    "label_encoding": ("matching_output",),
    "broadcast_shape": ("matching_output", "standard_targets"),
    "output_units": ("matching_output",),
    "output_activation": ("matching_output",),
    "double_softmax": ("matching_output",),
    "loss_mismatch": ("matching_output",),
    "hidden_activation": ("relu",),
    "vanishing_gradient": ("relu", "adam"),
    "exploding_gradient": ("relu", "adam", "clip"),
    "dying_relu": ("leaky_relu",),
    "init": ("he_initialisation",),
    "missing_nonlinearity": ("relu",),
    "over_regularised": ("less_regularisation", "less_dropout"),
    "lr_too_high": ("lr_divided_by_10", "clip"),
    "lr_too_low": ("lr_times_10",),
    "oscillation": ("larger_batch", "schedule"),
    "batch_too_small": ("larger_batch",),
    "train_eval_mode": ("layer_norm",),
    "undertrained": ("more_epochs",),
    "capacity": ("wider",),
    "optimizer": ("adam",),
    "plateau": ("momentum", "smaller_batch", "warm_restarts"),
    "overfitting": ("early_stopping", "dropout", "weight_decay"),
}
# When in doubt: what practitioners start from (Karpathy 2019, "A Recipe for Training Neural Networks").
_KNOWN_GOOD = (
    "standard_inputs",
    "matching_output",
    "standard_targets",
    "relu",
    "adam",
    "clip",
    "long_enough",
    "schedule",
)


def prescriptions(findings: Sequence[Finding]) -> list[tuple[str, ...]]:
    """Return three lists of remedies, each to be tried as a whole: the likeliest first."""
    named = [remedy for finding in findings for remedy in _FOR.get(finding.cause, ())]
    first = tuple(dict.fromkeys(named)) or ("lr_divided_by_10",)
    return [first, _KNOWN_GOOD, (*_KNOWN_GOOD[:4], "wider", *_KNOWN_GOOD[4:])]
