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
    "mase": N_("error over the seasonal forecast's"),
    "motif_letters": N_("letters of the motif found"),
    "coverage": N_("coverage of the interval"),
    "bits_per_character": N_("bits per character"),
    "perplexity": N_("perplexity"),
    "novelty": N_("share that is new"),
    "variety": N_("share that is different"),
    "bleu": N_("BLEU"),
    "chrf": N_("chrF"),
    "rouge1": N_("ROUGE-1"),
    "rouge2": N_("ROUGE-2"),
    "rougeL": N_("ROUGE-L"),
    "rare_words": N_("words outside the vocabulary that were copied"),
    "word_error_rate": N_("word error rate"),
    "character_error_rate": N_("character error rate"),
    "greedy_word_error_rate": N_("word error rate without beam search"),
    "sentence_accuracy": N_("utterances without a mistake"),
    "map_50": N_("mAP@0.5"),
    "map_50_95": N_("mAP@0.5:0.95"),
    "scenes_without_mistake": N_("scenes without a mistake"),
    "nab_score": N_("NAB score"),
    "nab_low_fp": N_("NAB score, low false alarms"),
    "nab_low_fn": N_("NAB score, low misses"),
    "nab_transferred": N_("NAB score, threshold from the other half"),
    "average_precision": N_("average precision"),
    "forest_roc_auc": N_("ROC AUC of an isolation forest"),
    "threshold": N_("threshold"),
    "trees_accuracy": N_("accuracy of gradient-boosted trees"),
    "trees_r2": N_("R² of gradient-boosted trees"),
    "lr": N_("learning rate"),
}
# What the doctor calls its evidence; `_` finds the translation of a name where it is shown.
EVIDENCE = (
    N_("batch size"), N_("best epoch"), N_("claimed"), N_("classes"), N_("column"), N_("contradicted"), N_("cosine"),
    N_("first update"), N_("highest curvature"), N_("largest scale"), N_("last update"), N_("layers"), N_("limit"),
    N_("lowest curvature"), N_("lowest possible loss"), N_("majority"), N_("measured"), N_("moved"), N_("needed"),
    N_("outputs"), N_("penalty to data"), N_("ratio"), N_("recall of the rare classes"), N_("share of dead units"),
    N_("share of targets out of reach"), N_("size"), N_("skill on new samples"), N_("skill on training samples"),
    N_("steps"), N_("swing"), N_("told apart"), N_("units"), N_("update to weight"), N_("usual"),
)  # fmt: skip
_SHARES = frozenset(
    {
        "accuracy",
        "character_error_rate",
        "coverage",
        "greedy_word_error_rate",
        "motif_letters",
        "novelty",
        "rare_words",
        "scenes_without_mistake",
        "sentence_accuracy",
        "top_k_accuracy",
        "trees_accuracy",
        "variety",
        "word_error_rate",
    }
)


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
