"""Whether what was learnt holds for new data, and whether the labels and the metric can be trusted."""

from __future__ import annotations

import numpy as np

from koubai.doctor.checks.check import Evidence, check, found
from koubai.doctor.consultation import Consultation
from koubai.doctor.facts.anatomy import first_tensor
from koubai.doctor.facts.reference import linear_skill, vote
from koubai.doctor.facts.task import labels_of, noise_of
from koubai.i18n import N_, _

_GAP = 0.15  # between two skills of a few hundred samples: three times the noise of each
_TURNED = (
    1.2  # times the lowest validation loss: a generalisation loss of 20 % (Prechelt 1998, "Early Stopping")
)
_TURNED_SLOWLY = 1.1  # where the gap leaves no doubt
_MAJORITY = 0.8
_MISSED = 1 / 3  # between the shares of the frequent and of the rare classes that are recognised
_NOISE = 0.1  # share of labels
_ENOUGH = 60  # samples


@check("overfitting", harms=True)
def overfitting(c: Consultation) -> Evidence | None:
    """Training samples are known far better than new ones, and validation has turned up."""
    if c.validation is None or not c.skill - c.validation_skill >= _gap(c):
        return None
    losses = np.array(c.history.values.get("val_loss", ()), np.float64)
    bound = _TURNED if c.skill - c.validation_skill < 2 * _GAP else _TURNED_SLOWLY
    # The mean of n squared errors is known to sqrt(2 / n) of itself, for chi-squared numbers vary by twice their mean.
    bound = max(bound, 1 + np.sqrt(2 / len(c.validation)))
    turned = len(losses) > 3 and np.isfinite(losses).all() and losses[-1] > bound * losses.min()
    if not turned or losses.min() <= 0:
        return None
    best = int(losses.argmin()) + 1
    return found(
        0.88,
        _(
            "validation was best in epoch {best} of {epochs}, and its loss is {factor:.1f} times as high now; "
            "skill {train:.2f} on training samples, {val:.2f} on new ones"
        ).format(
            best=best,
            epochs=len(losses),
            factor=losses[-1] / losses.min(),
            train=c.skill,
            val=c.validation_skill,
        ),
        _("stop early, or regularise: more data, augmentation, dropout, weight decay, a smaller model"),
        code="EarlyStopping(patience=5)   # or weight_decay=1e-2, nn.Dropout(0.5)",
        withdrawn_if=_("validation falls again"),
        numbers={
            N_("best epoch"): best,
            N_("skill on training samples"): c.skill,
            N_("skill on new samples"): c.validation_skill,
        },
        curve=losses.tolist(),
        curve_name=_("validation loss"),
    )


def _gap(c: Consultation) -> float:
    """Return by how much two skills have to differ: two standard deviations where a rare class leaves them vague."""
    return max(_GAP, 2 * noise_of(c.task, c.validation_target))


@check("domain_shift", harms=True)
def domain_shift(c: Consultation) -> Evidence | None:
    """A linear model can tell training from validation inputs (two-sample test, Lopez-Paz and Oquab 2017)."""
    if (
        c.validation is None
        or c.features is None
        or c.validation_features is None
        or min(len(c.features), len(c.validation_features)) < 20
    ):
        return None
    if not c.skill - c.validation_skill >= _gap(c):
        return None
    size = min(len(c.features), len(c.validation_features))
    both = np.concatenate([c.features[:size], c.validation_features[:size]])
    told = linear_skill("binary", both, np.repeat([0.0, 1.0], size))
    if told < 0.4:  # 70 % told apart: chance gives 50 % ± 3 % for 2 × 128 samples
        return None
    return found(
        0.9,
        _("a linear model tells training from validation inputs in {share:.0%} of the cases").format(
            share=0.5 + told / 2
        ),
        _("draw both parts from the same source: shuffle before splitting, scale both by the same numbers"),
        code="train, validation = random_split(dataset, [0.8, 0.2])",
        withdrawn_if=_("both parts are shuffled together and the gap stays"),
        numbers={N_("told apart"): 0.5 + told / 2},
    )


@check("label_noise", harms=True)
def label_noise(c: Consultation) -> Evidence | None:
    """Training labels contradict similar validation samples more often than those contradict each other.

    The idea is that of confident learning (Northcutt et al. 2021): judge each label by others' evidence. The nearest
    validation samples judge here, so that a net that has learnt the wrong labels by heart has no say.
    """
    if not c.has_one_label or c.features is None or c.validation_features is None:
        return None
    size = min(len(c.features), len(c.validation_features))
    if size < _ENOUGH:
        return None
    labels, others = labels_of(c.target)[:size], labels_of(c.validation_target)[:size]
    seen = c.validation_features[:size]
    wrong = float(np.mean(vote(seen, others, c.features[:size]) != labels))
    usual = float(np.mean(vote(seen, others) != others))
    if wrong - usual < max(
        _NOISE, 3 * np.sqrt(0.5 / size)
    ):  # three standard deviations of a difference of shares
        return None
    return found(
        0.87,
        _(
            "{wrong:.0%} of the training labels contradict the nearest validation samples, "
            "which contradict each other in {usual:.0%}"
        ).format(wrong=wrong, usual=usual),
        _(
            "look at the samples whose label the model doubts most, correct or leave them out; label smoothing helps"
        ),
        code="nn.CrossEntropyLoss(label_smoothing=0.1)",
        withdrawn_if=_("the doubted samples are labelled right"),
        numbers={N_("contradicted"): wrong, N_("usual"): usual},
    )


@check("class_imbalance", harms=True)
def class_imbalance(c: Consultation) -> Evidence | None:
    """One class fills the data, and the model never answers another, which accuracy does not show."""
    if c.task not in ("classes", "binary"):
        return None
    labels = labels_of(c.target)
    classes, counts = np.unique(labels, return_counts=True)
    majority = counts.max() / counts.sum()
    if majority < _MAJORITY or len(classes) < 2:
        return None
    said = c.said_classes
    if len(said) != len(labels):
        return None
    rare = [k for k in classes if k != classes[counts.argmax()]]
    recall = float(np.mean([(said[labels == k] == k).mean() for k in rare]))
    usual = classes[counts.argmax()]
    gap = float((said[labels == usual] == usual).mean()) - recall
    if (
        gap - 1 / np.sqrt(len(labels) - counts.max()) < _MISSED
    ):  # two standard deviations of a share of so few
        return None
    return found(
        0.9,
        _(
            "{majority:.0%} of the samples are of one class; of the others the model recognises {recall:.0%}, "
            "which accuracy hides"
        ).format(majority=majority, recall=recall),
        _("weigh the classes, draw the rare ones more often, and judge by balanced accuracy, F1 or AUC"),
        code="nn.CrossEntropyLoss(weight=class_weights)   # metrics=['f1']",
        withdrawn_if=_("the rare classes do not matter"),
        numbers={N_("majority"): majority, N_("recall of the rare classes"): recall},
    )


@check("train_eval_mode", harms=True)
def train_eval_mode(c: Consultation) -> Evidence | None:
    """The model answers well in training mode and badly in evaluation mode, or the modes are mixed up in the loop."""
    if c.history.evaluated_in_training_mode >= 3:
        return _modes(
            _("the model is evaluated in training mode: dropout and batch statistics are still on"),
            "model.eval()",
        )
    if c.history.trained_in_evaluation_mode >= 3:
        return _modes(
            _("the model is trained in evaluation mode: dropout and batch statistics are off"),
            "model.train()",
        )
    if _draws_in_evaluation(c):
        symptom = _(
            "in evaluation mode the same samples get another answer each time: something random is still on"
        )
        return _modes(symptom, "F.dropout(x, 0.5, training=self.training)")
    drawn = c.training_skill if c.history.steps > 1 else 0.0
    if not (drawn - c.skill >= 2 * _GAP and drawn >= 0.3):
        return None
    return _modes(
        _(
            "on the same samples the skill is {train:.2f} in training mode and {evaluation:.2f} in evaluation mode"
        ).format(train=drawn, evaluation=c.skill),
        "nn.GroupNorm(…)   # instead of BatchNorm, or larger batches",
    )


def _draws_in_evaluation(c: Consultation) -> bool:
    """Whether the answers in evaluation mode depend on the random generator."""
    few, framework = c.sample.take(slice(0, 16)), c.patient.framework
    answers = []
    with framework.undisturbed(c.patient.model, training=False), framework.no_grad():
        for seed in (1, 2):
            framework.seed(seed)
            output = first_tensor(c.patient.model(*few.inputs, **few.options))
            answers.append(framework.array(output).copy())
    return not np.allclose(answers[0], answers[1], rtol=1e-3, atol=1e-5, equal_nan=True)


def _modes(symptom: str, code: str) -> Evidence:
    return found(
        0.9,
        symptom,
        _("switch modes around evaluation; with batches of a few samples use group or layer normalisation"),
        code=code,
        withdrawn_if=_("both modes agree"),
    )


@check("tiny_batch_batchnorm", harms=True)
def tiny_batch_batchnorm(c: Consultation) -> Evidence | None:
    """Batch normalisation over so few samples that their mean says little (Wu and He 2018, "Group Normalization")."""
    size = c.history.batch_size
    layers = [layer.path for layer in c.anatomy.layers if layer.kind.startswith("BatchNorm")]
    if not layers or not 0 < size <= 4 or c.history.steps < 2:
        return None
    if not abs(c.training_skill - c.skill) >= _GAP:
        return None
    return found(
        0.88,
        _(
            "{path} normalises by the mean and variance of {size} samples: on the same samples "
            "the skill is {train:.2f} in training mode and {evaluation:.2f} in evaluation mode"
        ).format(path=layers[0], size=size, train=c.training_skill, evaluation=c.skill),
        _("use layer or group normalisation, or batches of 16 and more"),
        code="nn.LayerNorm(width)   # nn.GroupNorm(8, channels)",
        withdrawn_if=_("the same batches do as well without batch normalisation"),
        layer=layers[0],
        numbers={N_("batch size"): size},
    )
