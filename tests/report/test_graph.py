"""The computation graph: what is made of what, where it is drawn, and what a browser shows as the slider moves."""

import xml.etree.ElementTree as xml

import pytest
from tests.report.browser import BROWSER, probed

import koubai
from koubai import nn
from koubai.explain import PRESETS, preset, solve
from koubai.explain.graph import graph_of
from koubai.explain.notation import decimal
from koubai.report import write_worksheet

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("KOUBAI_LANG", "en")


def by_key(nodes):
    return {node.values[0].letter.key: node for node in nodes}


def test_every_value_knows_what_it_is_made_of():
    nodes = by_key(graph_of(solve(preset("2-2-1"))))
    parts = {key: {part.values[0].letter.key for part in node.inputs} for key, node in nodes.items()}
    assert parts["z1"] == {"x", "w1", "b1"}
    assert parts["a1"] == {"z1"}
    assert parts["L"] == {"y", "t"}
    assert parts["w1"] == set()
    order = sorted((node for node in nodes.values() if node.backward), key=lambda node: node.backward)
    assert [node.values[0].letter.key for node in order] == [
        "L",
        "y",
        "z2",
        "b2",
        "w2",
        "a1",
        "z1",
        "b1",
        "w1",
    ]


def test_modules_are_folded_with_their_parameters():
    nodes = graph_of(solve(preset("2-2-1")), fold=True)
    assert [(node.module, node.kind) for node in nodes if node.kind] == [
        ("0", "Linear"),
        ("1", "Sigmoid"),
        ("2", "Linear"),
        ("3", "Sigmoid"),
    ]
    linear = next(node for node in nodes if node.module == "2")
    assert [value.letter.key for value in linear.values] == ["w2", "b2", "z2"]
    assert [part.module for part in linear.inputs] == ["1"]


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("name", [*PRESETS, "deep"])
def test_nodes_stand_apart_and_behind_what_they_are_made_of(name, fold):
    if name == "deep":
        koubai.manual_seed(0)
        layers = [layer for _layer in range(60) for layer in (nn.Linear(2, 2), nn.Tanh())]
        x = koubai.ones(1, 2)
        sheet = koubai.explain(nn.Sequential(*layers), x, target=x)
        assert len(graph_of(sheet)) > 240
    else:
        sheet = solve(preset(name))
    nodes = graph_of(sheet, fold)
    places = [(node.column, node.row) for node in nodes]
    for node in nodes:
        assert all(part.column < node.column for part in node.inputs)
        others = [row for column, row in places if column == node.column]
        assert sum(abs(row - node.row) < 1 for row in others) == 1


@pytest.mark.parametrize("name", list(PRESETS))
def test_the_svg_shows_the_engines_numbers(name, tmp_path):
    sheet = solve(preset(name))
    root = xml.parse(write_worksheet(sheet, tmp_path / "graph.svg")).getroot()
    groups = {group.get("data-key"): group for group in root.iter(f"{SVG}g") if group.get("data-key")}
    assert len(groups) == len(sheet.inputs) + len(sheet.parameters) + len(sheet.forward)
    gradients = {value.letter.key: value for value in sheet.backward}
    for value in (*sheet.inputs, *sheet.parameters, *sheet.forward):
        texts = [text.text or "" for text in groups[value.letter.key].iter(f"{SVG}text")]
        assert texts[1] == "×".join(map(str, value.shape))
        assert texts[2].startswith(decimal(next(iter(value)).value, 3))
        if value.letter.key in gradients:
            assert texts[3].startswith("∂ " + decimal(next(iter(gradients[value.letter.key])).value, 3))


PROBE = """
const seen = [], graph = document.querySelector(".graph"), slider = graph.querySelector("input[type=range]");
for (let at = 0; at <= Number(slider.max); at += 1) {
  slider.value = at;
  slider.dispatchEvent(new Event("input"));
  const keys = (name) => [...graph.querySelectorAll(".whole .node." + name)].map((node) => node.dataset.key);
  const caption = graph.querySelector(".caption").textContent;
  seen.push({ computed: keys("computed"), reached: keys("reached"), now: keys("now"), caption });
}
const fold = graph.querySelector("input[type=checkbox]");
const shown = () => [...graph.querySelectorAll(".scroll")].map((part) => getComputedStyle(part).display);
const before = shown();
fold.click();
Object.assign(found, { seen, before, after: shown() })
"""


@pytest.mark.skipif(BROWSER is None, reason="no browser is installed (Chromium)")
def test_the_slider_moves_through_both_passes_in_a_browser(tmp_path):
    sheet = solve(preset("2-2-1"))
    page = write_worksheet(sheet, tmp_path / "step.html").read_text(encoding="utf-8")
    probe = probed(page, PROBE, tmp_path)
    assert probe["errors"] == []
    assert probe["fetched"] == 0
    assert probe["before"] == ["block", "none"]
    assert probe["after"] == ["none", "block"]
    first, *steps = probe["seen"]
    assert set(first["computed"]) == {"x", "t", "w1", "b1", "w2", "b2"}
    assert [step["now"][0] for step in steps[:5]] == ["z1", "a1", "z2", "y", "L"]
    backward = ["L", "y", "z2", "b2", "w2", "a1", "z1", "b1", "w1"]
    assert [step["now"][0] for step in steps[5:]] == backward
    assert set(steps[4]["reached"]) == set()
    assert set(steps[-1]["reached"]) == set(backward)
    assert steps[3]["caption"] == f"Forward pass: y = {decimal(sheet['y'])}"
    assert steps[6]["caption"] == f"Backward pass: ∂L/∂y = {decimal(sheet['dL/dy'])}"
