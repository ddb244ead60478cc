"""Writes a run's report as one HTML page that needs no other file and fetches nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from koubai.doctor.treatment import Proof, Trial
from koubai.i18n import _, language
from koubai.recipes.outcome import Outcome
from koubai.report.canvas import MatplotlibMissing, Theme
from koubai.report.checkup import Checkup
from koubai.report.content import Content
from koubai.report.curves import draw_curve
from koubai.report.exhibits import shown
from koubai.report.findings import findings
from koubai.report.flow_pictures import draw_bars, draw_flow_over_time, draw_updates
from koubai.report.html import Html, table, tag
from koubai.report.labels import duration
from koubai.report.lines import draw_lines
from koubai.report.pictures import themed
from koubai.report.result import metrics_table, result
from koubai.report.treatment import losses, treatment
from koubai.report.verdict import Verdict, read_curves

_STYLE = Path(__file__).with_name("report.css")


def page(content: Content) -> str:
    """The report as HTML, in the user's language."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{content.name} · Koubai"),
        tag("style", Html(_STYLE.read_text(encoding="utf-8"))),
    )
    body = tag("body", tag("main", _sections(content)))
    return f"<!doctype html>\n{tag('html', head, body, lang=language())}\n"


def _sections(content: Content) -> Iterator[Html]:
    yield _heading(content)
    outcome = content.outcome
    if outcome:
        yield result(outcome)
    if content.checkup:
        yield _section(_("Checkup"), findings(content.checkup))
    if content.proof:
        yield _section(_("Treatment"), treatment(content.proof), _losses(content.proof))
    if content.history:
        yield _section(_("Learning curves"), _curves(content))
    if content.checkup and content.checkup.flowing:
        yield _section(_("Gradients inside the network"), _flow(content.checkup))
    if outcome:
        yield from _answers(outcome)
    if content.layers:
        header, *rows = content.layers
        yield _section(_("The model"), _card(table(header, rows, class_="numbers wide")))
    configuration = _section(_("Configuration"), _pairs(content.configuration))
    versions = _section(_("Versions"), _pairs(content.versions))
    yield tag("div", configuration, versions, class_="beside")
    yield tag("footer", _("Made by Koubai from the run {run}.").format(run=content.run))


def _metrics(outcome: Outcome) -> Html:
    return _section(_("Metrics on the test part"), _card(metrics_table(outcome)))


def _answers(outcome: Outcome) -> Iterator[Html]:
    """The metrics, then the exhibits; a narrow first one stands beside the metrics."""
    exhibits = [_section(_(exhibit.title), shown(exhibit)) for exhibit in outcome.exhibits]
    beside = exhibits[:1] if exhibits and not outcome.exhibits[0].wide else []
    yield tag("div", _metrics(outcome), beside, class_="beside")
    yield from exhibits[len(beside) :]


def _heading(content: Content) -> Html:
    line = " · ".join([content.started, duration(content.seconds), content.run])
    return tag("header", tag("h1", content.name), tag("p", line, class_="soft"))


def _section(title: str, *children: object) -> Html:
    return tag("section", tag("h2", title), *children)


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

    return _picture(draw, metric)


def _flow(checkup: Checkup) -> Html:
    """Three pictures: gradients over time, those of the last measured step, and the updates they made."""
    signs, title = checkup.flowing, checkup.title
    try:
        pictures = [
            _picture(
                lambda theme: draw_flow_over_time(signs, title, theme), _("Gradients through the layers")
            ),
            _picture(lambda theme: draw_bars(signs[-1], title, theme), _("Gradients from output to input")),
            _picture(lambda theme: draw_updates(signs, theme), _("Update by weight, |Δ|/|w|")),
        ]
    except MatplotlibMissing as missing:
        return tag("p", missing, class_="soft")
    return tag("div", pictures, class_="curves")


def _losses(proof: Proof[Trial]) -> Html:
    """The untreated and the treated training in one picture."""
    curves = losses(proof)
    try:
        drawn = _picture(lambda theme: draw_lines(_("loss"), _("epoch"), curves, theme), _("loss"))
    except MatplotlibMissing as missing:
        return tag("p", missing, class_="soft")
    return tag("div", drawn, class_="curves treated")


def _picture(draw: Callable[[Theme], bytes], name: str) -> Html:
    return _card(themed(draw, name))


def _pairs(values: Mapping[str, object]) -> Html:
    rows = ((name, tag("code", value)) for name, value in values.items())
    body = tag("tbody", (tag("tr", tag("th", name, scope="row"), tag("td", value)) for name, value in rows))
    return _card(tag("div", tag("table", body), class_="scroll"))


def _card(child: Html) -> Html:
    return tag("div", child, class_="card")
