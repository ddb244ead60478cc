"""Metrics: equal to scikit-learn's, whatever the batches, and clear about what they cannot compute."""

import warnings

import numpy as np
import pytest

import koubai
from koubai.train.metrics import (
    F1,
    METRICS,
    R2,
    ROCAUC,
    Accuracy,
    ConfusionMatrix,
    MeanAbsoluteError,
    MeanSquaredError,
    Metric,
    Precision,
    Recall,
    TopKAccuracy,
    make_metric,
)

reference = pytest.importorskip("sklearn.metrics")

SAMPLES, CLASSES = 101, 5


def in_batches(metric, output, target, size=8):
    """The metric over batches of `size`, the last one shorter."""
    for start in range(0, len(target), size):
        metric.update(output[start : start + size], target[start : start + size])
    return metric.compute()


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def scores(rng):
    """Scores with many ties."""
    return rng.integers(0, 4, (SAMPLES, CLASSES)).astype(np.float32)


@pytest.fixture
def labels(rng):
    return rng.integers(0, CLASSES, SAMPLES)


@pytest.fixture
def rare_labels(rng):
    """Classes 1 and 4 never occur."""
    return rng.choice([0, 2, 3], SAMPLES)


def test_accuracy_is_the_share_of_right_answers(scores, labels):
    expected = reference.accuracy_score(labels, scores.argmax(1))
    assert in_batches(Accuracy(), scores, labels) == expected


@pytest.mark.parametrize("average", ["macro", "micro", "weighted", None])
@pytest.mark.parametrize(
    ("metric", "function"),
    [(Precision, "precision_score"), (Recall, "recall_score"), (F1, "f1_score")],
)
def test_averages_agree_with_scikit_learn(metric, function, average, scores, labels):
    expected = getattr(reference, function)(labels, scores.argmax(1), average=average, zero_division=0)
    np.testing.assert_allclose(in_batches(metric(average), scores, labels), expected, rtol=1e-12)


@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
@pytest.mark.parametrize(
    ("metric", "function"),
    [(Precision, "precision_score"), (Recall, "recall_score"), (F1, "f1_score")],
)
def test_a_class_that_never_occurs_and_is_never_predicted_does_not_count(
    metric, function, average, scores, rare_labels
):
    scores[:, 1] = -1  # class 1 is neither target nor prediction, class 4 is only predicted
    expected = getattr(reference, function)(rare_labels, scores.argmax(1), average=average, zero_division=0)
    assert in_batches(metric(average), scores, rare_labels) == pytest.approx(expected, rel=1e-12)


def test_binary_average_is_that_of_class_one(rng):
    target, score = rng.integers(0, 2, SAMPLES), rng.random(SAMPLES)
    expected = reference.f1_score(target, score > 0.5)
    assert in_batches(F1("binary"), score, target) == pytest.approx(expected, rel=1e-12)


def test_a_single_score_is_positive_above_zero_for_logits_and_above_one_half_for_probabilities():
    score, target = np.array([-0.2, 0.3, 0.7]), np.array([0.0, 1.0, 1.0])
    assert in_batches(Accuracy(logits=True), score, target) == 1
    assert in_batches(Accuracy(), score, target) == pytest.approx(2 / 3)
    assert in_batches(Accuracy(logits=True), score[:, None], target) == 1


def test_confusion_matrix_has_true_classes_in_rows(scores, labels):
    expected = reference.confusion_matrix(labels, scores.argmax(1))
    assert in_batches(ConfusionMatrix(), scores, labels) == expected.tolist()


def test_segmentation_scores_have_their_classes_in_dimension_one(rng):
    score, target = rng.random((6, 3, 4, 4)), rng.integers(0, 3, (6, 4, 4))
    assert in_batches(Accuracy(), score, target) == pytest.approx((score.argmax(1) == target).mean())


def test_ignored_targets_do_not_count(scores, labels):
    with_ignored = np.where(labels == 0, -100, labels)
    kept = labels != 0
    assert in_batches(Accuracy(), scores, with_ignored) == in_batches(Accuracy(), scores[kept], labels[kept])
    assert in_batches(TopKAccuracy(2), scores, with_ignored) == in_batches(
        TopKAccuracy(2), scores[kept], labels[kept]
    )


@pytest.mark.parametrize("k", [1, 2, 3])
def test_top_k_accuracy_agrees_with_scikit_learn_on_ties(k, scores, labels):
    expected = reference.top_k_accuracy_score(labels, scores, k=k)
    assert in_batches(TopKAccuracy(k), scores, labels) == expected


def test_top_k_with_fewer_classes_than_k_is_always_a_hit(scores, labels):
    assert in_batches(TopKAccuracy(9), scores, labels) == 1


def test_binary_roc_auc_agrees_with_scikit_learn_on_ties(rng):
    target, score = rng.integers(0, 2, SAMPLES), rng.integers(0, 5, SAMPLES) / 4
    expected = reference.roc_auc_score(target, score)
    assert in_batches(ROCAUC(), score, target) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("average", ["macro", "weighted", "micro"])
def test_one_vs_rest_roc_auc_agrees_with_scikit_learn(average, scores, labels):
    probabilities = (scores + 1) / (scores + 1).sum(1, keepdims=True)
    expected = reference.roc_auc_score(labels, probabilities, multi_class="ovr", average=average)
    assert in_batches(ROCAUC(average), probabilities, labels) == pytest.approx(expected, rel=1e-12)


def test_logits_become_probabilities_before_samples_are_compared(labels, rng):
    logits = rng.normal(size=(SAMPLES, CLASSES))
    powers = np.exp(logits)
    expected = reference.roc_auc_score(labels, powers / powers.sum(1, keepdims=True), multi_class="ovr")
    assert in_batches(ROCAUC(logits=True), logits, labels) == pytest.approx(expected, rel=1e-12)


def test_roc_auc_of_one_class_is_an_error():
    metric = ROCAUC()
    metric.update(np.array([0.1, 0.9]), np.array([1, 1]))
    with pytest.raises(ValueError, match="one class"):
        metric.compute()


def test_roc_auc_names_the_classes_without_samples(scores, rare_labels):
    with pytest.raises(ValueError, match="no sample of class 1, 4"):
        in_batches(ROCAUC(), scores, rare_labels)


@pytest.mark.parametrize("shape", [(SAMPLES,), (SAMPLES, 3)])
def test_regression_metrics_agree_with_scikit_learn(shape, rng):
    target = 1000 + rng.normal(size=shape)
    output = target + rng.normal(size=shape)
    for name, function in [
        ("mse", "mean_squared_error"),
        ("rmse", None),
        ("mae", "mean_absolute_error"),
        ("r2", "r2_score"),
    ]:
        value = in_batches(make_metric(name), output, target)
        if function is None:
            assert value == pytest.approx(np.sqrt(np.mean((output - target) ** 2)), rel=1e-12)
        else:
            assert value == pytest.approx(getattr(reference, function)(target, output), rel=1e-10)


@pytest.mark.parametrize("error", [0.0, 0.5])
def test_r2_of_a_constant_target_follows_scikit_learn(error):
    target = np.full(10, 3.0)
    assert in_batches(R2(), target + error, target) == reference.r2_score(target, target + error)


def test_r2_of_a_single_sample_is_an_error():
    metric = R2()
    metric.update(np.array([1.0]), np.array([2.0]))
    with pytest.raises(ValueError, match="two samples"):
        metric.compute()


def test_regression_metrics_refuse_to_broadcast():
    with pytest.raises(ValueError, match=r"\[4, 1\] and \[4\]"):
        MeanSquaredError().update(np.zeros((4, 1)), np.zeros(4))


@pytest.mark.parametrize("name", sorted(METRICS))
def test_no_metric_depends_on_the_batches(name, rng):
    regression = name in ("mse", "rmse", "mae", "r2")
    output = rng.random((60, CLASSES))
    target = rng.random((60, CLASSES)) if regression else rng.permutation(np.arange(60) % CLASSES)
    values = [in_batches(make_metric(name), output, target, size) for size in (1, 7, 60)]
    np.testing.assert_allclose(values[0], values[2], rtol=1e-12)
    np.testing.assert_allclose(values[1], values[2], rtol=1e-12)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_a_metric_goes_on_from_its_state(name, rng):
    output = rng.random((60, CLASSES))
    target = output + 1 if name in ("mse", "rmse", "mae", "r2") else rng.permutation(np.arange(60) % CLASSES)
    whole, first = make_metric(name), make_metric(name)
    whole.update(output[:30], target[:30])
    first.update(output[:30], target[:30])
    second = first.fresh()
    second.load_state_dict(first.state_dict())
    for metric in (whole, second):
        metric.update(output[30:], target[30:])
    assert whole.compute() == second.compute()


@pytest.mark.parametrize("name", sorted(set(METRICS) - {"confusion_matrix"}))
def test_a_metric_without_samples_says_so(name):
    with pytest.raises(ValueError, match="samples"):
        make_metric(name).compute()


def test_reset_forgets(scores, labels):
    metric = MeanAbsoluteError()
    metric.update(scores, scores + 5)
    metric.reset()
    metric.update(scores, scores + 1)
    assert metric.compute() == 1


def test_names_follow_the_average():
    assert [make_metric(name).name for name in ("f1", "f1_micro", "top_3_accuracy")] == [
        "f1",
        "f1_micro",
        "top_3_accuracy",
    ]
    assert F1("weighted").name == "f1_weighted"


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"no metric is called 'acuracy'; there are accuracy"):
        make_metric("acuracy")


def test_targets_that_are_not_classes_are_refused():
    with pytest.raises(ValueError, match="whole-number"):
        Accuracy().update(np.zeros(3), np.array([0.2, 0.8, 1.0]))
    with pytest.raises(ValueError, match=r"shape \[3, 4\]"):
        Accuracy().update(np.zeros((3, 4)), np.zeros((2,)))
    with pytest.raises(ValueError, match="counted from 0"):
        Accuracy().update(np.zeros((1, 4)), np.array([-1]))


def test_a_metric_of_ones_own_is_taken_as_it_is():
    class Count(Metric):
        name = "count"
        accumulators = ("count",)

        def reset(self):
            self.count = 0

        def update(self, output, target):
            self.count += len(target)

        def compute(self):
            return float(self.count)

    metric = Count()
    assert make_metric(metric) is metric
    with warnings.catch_warnings():
        assert in_batches(metric, np.zeros(9), np.zeros(9), 4) == 9


def test_batches_that_wait_to_be_counted_together_are_counted_as_they_were():
    metric, split = make_metric("accuracy"), make_metric("accuracy")
    output, target = koubai.tensor([[0.0, 1.0], [1.0, 0.0]]), koubai.tensor([1, 1])
    for _ in range(3):
        metric.update(output, target)
        split.update(output.numpy(), target.numpy())
    before = split.compute()
    target.add_(-1)
    output.mul_(-1)
    assert metric.state_dict()["counts"].tolist() == [[0, 0], [3, 3]]
    assert metric.compute() == before == 0.5
    metric.update(output, target)
    assert metric.fresh().counts.sum() == 0
    assert metric.counts.sum() == 8
