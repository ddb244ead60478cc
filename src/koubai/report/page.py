"""Writes a run's report as one HTML page that needs no other file and fetches nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from koubai.doctor.treatment import Proof, Trial
from koubai.i18n import _
from koubai.recipes.outcome import Outcome
from koubai.report.canvas import MatplotlibMissing, Theme
from koubai.report.content import Content
from koubai.report.curves import draw_curve
from koubai.report.document import html_document
from koubai.report.exhibits import shown
from koubai.report.findings import findings
from koubai.report.html import Html, table, tag
from koubai.report.labels import duration
from koubai.report.lines import draw_lines
from koubai.report.parts import card, flow, framed, heading, made_from, section
from koubai.report.result import metrics_table, result
from koubai.report.treatment import losses, treatment
from koubai.report.verdict import Verdict, read_curves


def page(content: Content) -> str:
    """The report as HTML, in the user's language."""
    return html_document(content.name, tag("main", _sections(content)))


def _sections(content: Content) -> Iterator[Html]:
    yield _heading(content)
    outcome = content.outcome
    if outcome:
        yield result(outcome)
    if content.checkup:
        yield section(_("Checkup"), findings(content.checkup))
    if content.proof:
        yield section(_("Treatment"), treatment(content.proof), _losses(content.proof))
    if content.history:
        yield section(_("Learning curves"), _curves(content))
    if content.checkup and content.checkup.flowing:
        yield section(_("Gradients inside the network"), flow(content.checkup))
    if outcome:
        yield from _answers(outcome)
    if content.layers:
        header, *rows = content.layers
        yield section(_("The model"), card(table(header, rows, class_="numbers wide")))
    configuration = section(_("Configuration"), _pairs(content.configuration))
    versions = section(_("Versions"), _pairs(content.versions))
    yield tag("div", configuration, versions, class_="beside")
    yield made_from(content.run)


def _metrics(outcome: Outcome) -> Html:
    return section(_("Metrics on the test part"), card(metrics_table(outcome)))


def _answers(outcome: Outcome) -> Iterator[Html]:
    """The metrics, then the exhibits; a narrow first one stands beside the metrics."""
    exhibits = [section(_(exhibit.title), shown(exhibit)) for exhibit in outcome.exhibits]
    beside = exhibits[:1] if exhibits and not outcome.exhibits[0].wide else []
    yield tag("div", _metrics(outcome), beside, class_="beside")
    yield from exhibits[len(beside) :]


def _heading(content: Content) -> Html:
    return heading(content.name, " · ".join([content.started, duration(content.seconds), content.run]))


def _curves(content: Content) -> list[Html]:
    """The verdict, then a picture of the loss and one of the headline metric."""
    verdict = read_curves(*content.curve("loss"))
    sentence = tag("p", verdict.sentence, class_="verdict" if verdict.healthy else "verdict warn")
    try:
        pictures = [_curve(content, metric, verdict) for metric in shown_metrics(content)]
    except MatplotlibMissing as missing:
        return [sentence, tag("p", missing, class_="soft")]
    return [sentence, tag("div", pictures, class_="curves")]


def shown_metrics(content: Content) -> list[str]:
    """The metrics that get a picture: the loss and the headline metric."""
    wanted = ["loss", content.outcome.headline] if content.outcome else ["loss"]
    return [metric for metric in dict.fromkeys(wanted) if any(content.curve(metric))]


def _curve(content: Content, metric: str, verdict: Verdict) -> Html:
    training, validation = content.curve(metric)
    turned_up = metric == "loss" and verdict.turned_up is not None

    def draw(theme: Theme) -> bytes:
        return draw_curve(metric, training, validation, best=verdict.best, turned_up=turned_up, theme=theme)

    return framed(draw, metric)


def _losses(proof: Proof[Trial]) -> Html:
    """The untreated and the treated training in one picture."""
    curves = losses(proof)
    try:
        drawn = framed(lambda theme: draw_lines(_("loss"), _("epoch"), curves, theme), _("loss"))
    except MatplotlibMissing as missing:
        return tag("p", missing, class_="soft")
    return tag("div", drawn, class_="curves treated")


def _pairs(values: Mapping[str, object]) -> Html:
    rows = ((name, tag("code", value)) for name, value in values.items())
    body = tag("tbody", (tag("tr", tag("th", name, scope="row"), tag("td", value)) for name, value in rows))
    return card(tag("div", tag("table", body), class_="scroll"))
