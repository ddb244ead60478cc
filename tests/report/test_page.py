"""The report shows what it should, in both languages, for classes and numbers, whole and interrupted runs."""

import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from koubai import i18n
from koubai.recipes.exhibit import Agreement, Confusion, Pictures, Table
from koubai.recipes.outcome import Outcome
from koubai.report import Content, page

HISTORY = {
    "loss": [1.0, 0.5, 0.3, 0.2, 0.15, 0.1],
    "val_loss": [1.1, 0.6, 0.5, 0.4, 0.42, 0.41],
    "accuracy": [0.5, 0.7, 0.8, 0.9, 0.95, 0.99],
    "val_accuracy": [0.4, 0.6, 0.7, 0.8, 0.8, 0.8],
}


def outcome(names: tuple[str, ...] = ("class 0", "class 1", "class 2"), **changes: Any) -> Outcome:
    truth = np.arange(30) % len(names)
    predicted = np.where(np.arange(30) < 4, (truth + 1) % len(names), truth)
    counts = np.zeros((len(names), len(names)), np.int64)
    np.add.at(counts, (truth, predicted), 1)
    whole = Outcome(
        headline="accuracy",
        metrics={"accuracy": 26 / 30, "f1": 0.8},
        baseline={"accuracy": 0.4, "f1": 0.2},
        baseline_name="always answering the most frequent class",
        samples=30,
        exhibits=(Confusion(title="Confusion matrix", names=names, counts=counts), PICTURES),
        target=0.8,
    )
    return replace(whole, **changes)


PICTURES = Pictures(
    title="Samples it got most wrong",
    images=np.random.default_rng(0).random((4, 1, 8, 8)),
    captions=((("true", "3"), ("predicted", "8"), ("certainty", "87.0 %")),) * 4,
)
ROWS = Table(title="Samples it got most wrong", header=("sample", "height", "width"), rows=((1, "1.5", "2"),))


def regression() -> Outcome:
    truth = np.linspace(0, 1, 30)
    agreement = Agreement(title="Predicted and true values", truth=truth, predicted=truth[::-1])
    return outcome(
        headline="r2",
        metrics={"r2": 0.5, "mae": 3.0},
        baseline={"r2": 0.0, "mae": 6.0},
        baseline_name="always answering the mean",
        exhibits=(agreement, ROWS),
        target=None,
    )


def many_classes() -> Outcome:
    return outcome(tuple(f"class {number}" for number in range(40)))


def content(result: Outcome | None, **changes: Any) -> Content:
    whole = Content(
        name="digits",
        run="digits-1",
        started="2026-11-21 10:15",
        seconds=8.4,
        history=HISTORY,
        outcome=result,
        layers=[["layer", "parameters"], ["0 Linear", "650"]],
        configuration={"epochs": 6, "lr": 0.001},
        versions={"koubai": "0.1.0"},
    )
    return replace(whole, **changes)


class Balance(HTMLParser):
    """Fails where an element is not closed in its place."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in ("meta", "img", "source"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_result_stands_beside_baseline_and_target() -> None:
    text = page(content(outcome()))
    for words in (
        "86.67 %",
        "40.00 %",
        "most frequent class",
        "✓ Target 80.00 % met",
        "26",
        "Confusion matrix",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("target", "words"), [(0.9, "✗ Target 90.00 % not met"), (None, "No target was set (--target).")]
)
def test_a_target_that_is_not_met_or_not_set(target: float | None, words: str) -> None:
    assert words in page(content(outcome(target=target)))


@pytest.mark.parametrize("result", [outcome(), outcome(exhibits=()), many_classes(), regression(), None])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_it_is_well_formed_and_needs_no_other_file(result: Outcome | None, language: str) -> None:
    with i18n.speaking(language):
        text = page(content(result))
    parser = Balance()
    parser.feed(text)
    assert not parser.open
    assert f'<html lang="{language}">' in text
    assert not re.search(r'(?:src|srcset|href)="(?!data:)', text)
    assert "url(" not in text


def test_worst_pictures_are_shown_as_pictures_and_rows_as_a_table() -> None:
    assert page(content(outcome())).count("<figure>") == 4
    rows = page(content(outcome(exhibits=(ROWS,))))
    assert "<figure>" not in rows
    assert "height" in rows


def test_many_classes_become_a_list_of_confusions() -> None:
    text = page(content(many_classes()))
    assert 'class="confusion"' not in text
    assert "class 1" in text


def test_a_regression_shows_its_values() -> None:
    text = page(content(regression()))
    assert "Predicted and true values" in text
    assert "<h2>Confusion matrix" not in text
    assert "mean absolute error" in text


def test_what_users_name_is_never_markup() -> None:
    evil = "<script>alert(1)</script>\"'"
    named = outcome((evil, "b", "c"))
    text = page(content(named, name=evil, run=evil, configuration={evil: evil}, versions={evil: evil}))
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_japanese() -> None:
    with i18n.speaking("ja"):
        text = page(content(outcome()))
    for words in ("学習曲線", "混同行列", "ベースライン", "正解率", "目標 80.00 % を達成"):
        assert words in text


def test_without_matplotlib_the_rest_is_there_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    text = page(content(outcome()))
    assert "pip install" in text
    assert "Confusion matrix" in text
