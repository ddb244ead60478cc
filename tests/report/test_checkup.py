"""A run's checkup in its report: findings as cards, pictures of the gradients, in both languages."""

import re
import sys
from dataclasses import replace

import pytest

from koubai import i18n
from koubai.doctor.finding import Finding
from koubai.doctor.vital_signs import LayerSigns, ParameterSigns, Signs
from koubai.report import Content, page
from koubai.report.checkup import Checkup
from koubai.report.verdict import read_curves

LOSSES = [1.0, 0.5, 0.3, 0.2, 0.15, 0.1]
FINDING = Finding(
    "vanishing_gradient",
    0.92,
    "the gradient <fades>",
    "use ReLU",
    code="nn.ReLU()",
    withdrawn_if="it comes back",
    layer="0",
    step=7,
    numbers={"ratio": 1.5e-6},
    curve=[1e-7, 1e-5, 1e-3, 1e-1],
    curve_name="gradient by layer",
)


def signs(step: int, layers: int = 4) -> Signs:
    outputs = {f"{n}": LayerSigns(1, 1, 0, 0, 0, 10.0 ** (n - layers)) for n in range(layers)}
    weights = {f"{n}.weight": ParameterSigns(1, 0.1, 1e-3 / step, -1, -1, 1, 0.1) for n in range(layers)}
    return Signs(step, 1.0, 0.9, outputs, weights)


def report(**changes: object) -> str:
    checkup = Checkup(read_curves(LOSSES, LOSSES), [FINDING], [signs(step) for step in (1, 2, 4, 101)])
    content = Content("digits", "digits-1", "2026-11-21 10:15", 8.4, {"loss": LOSSES, "val_loss": LOSSES})
    return page(replace(content, checkup=replace(checkup, **changes)))


def test_a_finding_is_a_card_of_symptom_cause_and_remedy() -> None:
    text = report()
    for words in (
        "Not healthy: gradients vanish.",
        "layer 0 · since step 7 · confidence 92%",
        "the gradient &lt;fades&gt;",
        "<strong>gradients vanish</strong>",
        "<code>nn.ReLU()</code>",
        "ratio 1.5e-06",
        "withdrawn if: it comes back",
        "<polyline",
    ):
        assert words in text
    order = [text.index(f"<h3>{name}</h3>") for name in ("symptom", "cause", "remedy")]
    assert order == sorted(order)


def test_a_healthy_run_says_so() -> None:
    text = report(findings=[])
    assert "✓ Healthy" in text
    assert "<article" not in text


def test_a_run_that_no_doctor_has_seen() -> None:
    text = report(findings=None, signs=())
    assert "has not looked at this run" in text
    assert "Gradients inside" not in text


def test_japanese() -> None:
    with i18n.speaking("ja"):
        text = report()
    for words in ("診断", "症状", "原因", "対策", "勾配消失", "ネットワーク内の勾配"):
        assert words in text


@pytest.mark.parametrize("layers", [1, 4, 90])
def test_gradients_are_drawn_for_nets_of_any_depth(layers: int) -> None:
    text = report(signs=[signs(step, layers) for step in (1, 2)])
    pictures = re.findall(r'<img src="data:image/png;base64,[^"]+" alt="([^"]+)"', text)
    assert pictures[1:] == [
        "Gradients through the layers",
        "Gradients from output to input",
        "Update by weight, |Δ|/|w|",
    ]


def test_gradients_that_are_zero_or_no_number_are_drawn_too() -> None:
    broken = signs(1)
    broken.layers["1"] = broken.layers["1"]._replace(gradient=float("nan"))
    broken.layers["2"] = broken.layers["2"]._replace(gradient=0.0)
    assert "Gradients inside" in report(signs=[broken])


def test_without_matplotlib_the_findings_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    text = report()
    assert "use ReLU" in text
    assert "pip install" in text
