"""The report's first view: the result in large figures, beside the trivial baseline and the target."""

from __future__ import annotations

from koubai.i18n import _
from koubai.recipes.outcome import Outcome
from koubai.report.html import Html, table, tag
from koubai.report.labels import label, written


def result(outcome: Outcome) -> Html:
    """The headline metric as a large number, with a ruler where it lies between 0 and 1."""
    metric = outcome.headline
    number = tag("div", written(metric, outcome.result), class_="number")
    words = tag(
        "p", _("{metric} on {count:,} test samples").format(metric=label(metric), count=outcome.samples)
    )
    return tag(
        "div",
        tag("div", number, words, _target_chip(outcome)),
        tag("div", _ruler(outcome), tag("p", baseline_sentence(outcome), class_="soft")),
        class_="hero card",
    )


def metrics_table(outcome: Outcome) -> Html:
    """Every metric on the test part, beside the baseline's."""
    rows = (
        (label(name), written(name, value), written(name, outcome.baseline.get(name)))
        for name, value in outcome.metrics.items()
    )
    return table(["", _("this model"), _("baseline")], rows, class_="numbers")


def baseline_sentence(outcome: Outcome) -> str:
    """Says what the trivial answer would have reached."""
    value = written(outcome.headline, outcome.baseline.get(outcome.headline))
    return _("Baseline ({what}): {value}").format(what=_(outcome.baseline_name), value=value)


def target_sentence(outcome: Outcome) -> str:
    """Says whether the target is met; that there is none, where the user set none."""
    target = written(outcome.headline, outcome.target)
    match outcome.target_met:
        case None:
            return _("No target was set (--target).")
        case True:
            return _("Target {target} met").format(target=target)
        case _:
            return _("Target {target} not met").format(target=target)


def _target_chip(outcome: Outcome) -> Html:
    met = outcome.target_met
    if met is None:
        return tag("p", target_sentence(outcome), class_="soft")
    mark, kind = ("✓", "good") if met else ("✗", "bad")
    return tag("p", tag("span", f"{mark} {target_sentence(outcome)}", class_=f"chip {kind}"))


def _ruler(outcome: Outcome) -> Html | None:
    """A bar from 0 to 1 with the result filled in and ticks at the baseline and the target."""
    if not 0 <= outcome.result <= 1:
        return None
    ticks = (
        _tick("baseline", _("baseline"), outcome.baseline.get(outcome.headline)),
        _tick("target", _("target"), outcome.target),
    )
    fill = tag("div", class_="fill", style=f"width: {100 * outcome.result:.2f}%")
    return tag("div", fill, ticks, class_="ruler", aria_hidden="true")


def _tick(kind: str, name: str, value: float | None) -> Html | None:
    if value is None or not 0 <= value <= 1:
        return None
    edge = " near-start" if value < 0.08 else " near-end" if value > 0.92 else ""
    return tag("div", tag("span", name), class_=f"tick {kind}{edge}", style=f"left: {100 * value:.2f}%")
