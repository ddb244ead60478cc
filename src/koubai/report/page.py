"""Writes a run's report as one HTML page that needs no other file and fetches nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from koubai.doctor.treatment import Proof, Trial
from koubai.i18n import _
from koubai.recipes.outcome import Outcome
from koubai.report.canvas import DARK, LIGHT, MatplotlibMissing, Theme
from koubai.report.checkup import Checkup
from koubai.report.content import Content
from koubai.report.curves import draw_agreement, draw_curve
from koubai.report.document import html_document
from koubai.report.findings import findings
from koubai.report.flow_pictures import draw_bars, draw_flow_over_time, draw_updates
from koubai.report.html import Html, table, tag
from koubai.report.labels import duration
from koubai.report.lines import draw_lines
from koubai.report.mistakes import confusion_matrix, worst_samples
from koubai.report.pictures import data_uri
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
        yield _section(_("Checkup"), findings(content.checkup))
    if content.proof:
        yield _section(_("Treatment"), treatment(content.proof), _losses(content.proof))
    if content.history:
        yield _section(_("Learning curves"), _curves(content))
    if content.checkup and content.checkup.flowing:
        yield _section(_("Gradients inside the network"), _flow(content.checkup))
    if outcome:
        yield tag("div", _metrics(outcome), _answers(outcome), class_="beside")
        if len(outcome.worst):
            yield _section(_("Samples it got most wrong"), worst_samples(outcome))
    if content.layers:
        header, *rows = content.layers
        yield _section(_("The model"), _card(table(header, rows, class_="numbers wide")))
    configuration = _section(_("Configuration"), _pairs(content.configuration))
    versions = _section(_("Versions"), _pairs(content.versions))
    yield tag("div", configuration, versions, class_="beside")
    yield tag("footer", _("Made by Koubai from the run {run}.").format(run=content.run))


def _metrics(outcome: Outcome) -> Html:
    return _section(_("Metrics on the test part"), _card(metrics_table(outcome)))


def _answers(outcome: Outcome) -> Html:
    """What was answered for what: a matrix of classes, or a picture of numbers."""
    if outcome.task == "classification":
        return _section(_("Confusion matrix"), confusion_matrix(outcome))
    return _section(_("Predicted and true values"), _agreement(outcome))


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


def _agreement(outcome: Outcome) -> Html:
    truth, predicted = outcome.truth.tolist(), outcome.predicted.tolist()
    try:
        return _picture(lambda theme: draw_agreement(truth, predicted, theme), _("Predicted and true values"))
    except MatplotlibMissing as missing:
        return tag("p", missing, class_="soft")


def _picture(draw: Callable[[Theme], bytes], name: str) -> Html:
    """A picture in two themes, of which the reader's screen takes one."""
    dark = tag("source", srcset=data_uri(draw(DARK)), media="(prefers-color-scheme: dark)")
    return _card(tag("picture", dark, tag("img", src=data_uri(draw(LIGHT)), alt=name)))


def _pairs(values: Mapping[str, object]) -> Html:
    rows = ((name, tag("code", value)) for name, value in values.items())
    body = tag("tbody", (tag("tr", tag("th", name, scope="row"), tag("td", value)) for name, value in rows))
    return _card(tag("div", tag("table", body), class_="scroll"))


def _card(child: Html) -> Html:
    return tag("div", child, class_="card")
