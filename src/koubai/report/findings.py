"""The report's view of a run's health: whether it is healthy, and a card for each finding, symptom → cause → remedy."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from koubai.doctor.finding import Finding
from koubai.i18n import _
from koubai.report.checkup import Checkup
from koubai.report.html import Html, tag

_SIZE = (160, 36)
_FAR = 100.0  # times the smallest value


def findings(checkup: Checkup) -> list[Html]:
    """A sentence, then the cards."""
    kind = "good" if checkup.healthy else "warn" if checkup.findings else "soft"
    mark = {"good": "✓ ", "warn": "! ", "soft": ""}[kind]
    sentence = tag("p", mark + checkup.summary, class_=f"health {kind}")
    return [sentence, *(_card(number, finding) for number, finding in enumerate(checkup.findings or (), 1))]


def place(finding: Finding) -> str:
    """Where, since when, and how sure, in one line."""
    parts = [
        finding.layer and _("layer {layer}").format(layer=finding.layer),
        finding.step is not None and _("since step {step:,}").format(step=finding.step),
        _("confidence {share:.0%}").format(share=finding.confidence),
    ]
    return " · ".join(part for part in parts if part)


def numbers(finding: Finding) -> str:
    """The evidence by name, in one line."""
    return " · ".join(f"{_(name)} {value:.4g}" for name, value in finding.numbers.items())


def _card(number: int, finding: Finding) -> Html:
    chain = tag(
        "div",
        _link(_("symptom"), finding.symptom),
        _link(_("cause"), tag("strong", finding.title)),
        _link(_("remedy"), finding.remedy, tag("code", finding.code) if finding.code else None),
        class_="chain",
    )
    head = tag("p", tag("b", number), f" {place(finding)}", class_="soft")
    return tag(
        "article", head, chain, tag("div", _evidence(finding), class_="evidence"), class_="card finding"
    )


def _link(name: str, *content: object) -> Html:
    return tag("div", tag("h3", name), (tag("p", part) for part in content if part is not None))


def _evidence(finding: Finding) -> Iterator[Html]:
    if len(finding.curve) > 1:
        low, high = min(finding.curve), max(finding.curve)
        yield tag(
            "figure",
            _curve(finding.curve),
            tag("figcaption", f"{finding.curve_name}, {low:.3g} – {high:.3g}"),
        )
    if finding.numbers:
        yield tag("p", numbers(finding))
    if finding.withdrawn_if:
        yield tag("p", _("It would be withdrawn if: {text}").format(text=finding.withdrawn_if))


def _curve(values: Sequence[float]) -> Html:
    """A small line; by the logarithm where the values are far apart."""
    width, height = _SIZE
    low, high = min(values), max(values)
    if low > 0 and high > _FAR * low:
        values, low, high = [math.log(value) for value in values], math.log(low), math.log(high)
    points = (
        f"{2 + n * (width - 4) / (len(values) - 1):.1f},"
        f"{height - 3 - (value - low) / ((high - low) or 1) * (height - 6):.1f}"
        for n, value in enumerate(values)
    )
    line = tag("polyline", points=" ".join(points))
    return tag("svg", line, viewBox=f"0 0 {width} {height}", role="img", aria_hidden="true")
