"""What metrics and settings are called and how their values are written, in the user's language."""

import math

from koubai.i18n import N_, _

_NAMES = {
    "loss": N_("loss"),
    "accuracy": N_("accuracy"),
    "top_k_accuracy": N_("top-k accuracy"),
    "precision": N_("precision"),
    "recall": N_("recall"),
    "f1": N_("F1 score"),
    "macro_f1": N_("macro F1 score"),
    "micro_f1": N_("micro F1 score"),
    "roc_auc": N_("ROC AUC"),
    "mse": N_("mean squared error"),
    "rmse": N_("root mean squared error"),
    "mae": N_("mean absolute error"),
    "r2": N_("R²"),
    "lr": N_("learning rate"),
}
_SHARES = frozenset({"accuracy", "top_k_accuracy"})


def label(metric: str) -> str:
    """The metric's name to show: "accuracy" is 正解率 in Japanese; a user's own metric keeps its name."""
    return _(_NAMES[metric]) if metric in _NAMES else metric.replace("_", " ")


def written(metric: str, value: float | None) -> str:
    """The metric's value to show: shares in percent, the others with four decimals or four significant digits."""
    if value is None:
        return "–"
    if metric in _SHARES and math.isfinite(value):
        return f"{100 * value:.2f} %"
    return f"{value:.4f}" if metric != "lr" and 1e-3 <= abs(value) < 10 else f"{value:.4g}"


def duration(seconds: float) -> str:
    """A length of time to show: "8.4 s", "2:05 min" or "1:02:05 h"."""
    if seconds < 60:
        return _("{seconds:.1f} s").format(seconds=seconds)
    form = _("{clock} min") if seconds < 3600 else _("{clock} h")
    return form.format(clock=clock(seconds))


def clock(seconds: float) -> str:
    """Seconds as on a clock: "2:05" or "1:02:05"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
