"""Pages and pictures of descents: what is on them is what the optimizers did, and a browser plays it."""

import json
import re

import numpy as np
import pytest
from tests.report.browser import BROWSER, probed

from koubai.explain.downhill import compare_batches, compare_optimizers, descend, regression, surface
from koubai.report.downhill import write_downhill

RATES = (0.01, 0.1, 0.2)
pytest.importorskip("contourpy")


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("KOUBAI_LANG", "en")


@pytest.fixture(scope="module")
def data():
    x = np.linspace(-1.5, 1.5, 40)
    return regression(x, 0.8 * x + 0.3 + 0.2 * np.sin(17 * x))


def payload(page):
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)[1])


def test_points_on_the_page_are_the_engines(tmp_path):
    bowl = surface("bowl")
    groups = [compare_optimizers(bowl, ["sgd", "adam"], RATES, steps=20)]
    page = write_downhill(groups, tmp_path / "bowl.html").read_text(encoding="utf-8")
    (group,) = payload(page)["groups"]
    assert group["rates"] == list(RATES)
    for walker, name in zip(group["walkers"], ("sgd", "adam")):
        for shown, rate in zip(walker["paths"], RATES):
            own = descend(bowl, name, rate, steps=20)
            assert np.reshape(shown["p"], (-1, 2)) == pytest.approx(own.points, rel=1e-5)
            assert shown["l"] == pytest.approx(own.losses, rel=1e-5)
            assert shown["kind"] == own.verdict.value


def test_pages_fetch_nothing(tmp_path, data):
    groups = [compare_optimizers(data, ["sgd"], RATES, steps=5), compare_batches(data, rates=RATES, steps=5)]
    page = write_downhill(groups, tmp_path / "line.html").read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)\s*=\s*["'](?!#)|@import|url\((?!#)""", page)
    assert "40 samples" in page
    assert [walker["epochUpdates"] for walker in payload(page)["groups"][1]["walkers"]] == [1, 2, 40]


PROBE = """
const room = document.querySelector(".downhill"), find = (what) => room.querySelector(what);
const move = (slider, value) => { slider.value = value; slider.dispatchEvent(new Event("input")); };
const rows = () => [...room.querySelectorAll("tbody tr")].map((row) => ({
  point: JSON.parse(row.dataset.point), loss: Number(row.querySelector("[data-value]").dataset.value),
  name: row.cells[0].textContent, text: row.cells[1].textContent, verdict: row.lastChild.textContent }));
const ball = () => find(".walkers g").getAttribute("transform");
found.start = { rate: find(".rate").textContent, count: find(".count").textContent, rows: rows() };
const at = (index) => { move(find("#rate"), index); return { rate: find(".rate").textContent, rows: rows() }; };
found.rates = [0, 1, 2].map(at);
move(find("#rate"), 0);
move(find(".time"), 7);
found.seventh = { count: find(".count").textContent, rows: rows(), ball: ball() };
find(".on").click();
found.eighth = { count: find(".count").textContent, rows: rows(), ball: ball() };
find(".back").click(); find(".back").click();
found.sixth = rows();
find(".play").click();
found.playing = find(".play").textContent;
find(".play").click();
find("tbody button").click();
found.hidden = find(".trails g").classList.contains("is-hidden");
find("tbody button").click();
find(".fogged").click();
found.fog = getComputedStyle(find(".fog")).display;
room.querySelectorAll("input[name=group]")[1]?.click();
found.batches = [...room.querySelectorAll("tbody tr")].map((row) => [...row.cells].map((cell) => cell.textContent));
find(".by-data")?.click();
found.axis = [...room.querySelectorAll(".frame text")].at(-1).textContent
"""


@pytest.mark.skipif(BROWSER is None, reason="no browser is installed (Chromium)")
def test_a_browser_plays_the_descent(tmp_path, data):
    groups = [
        compare_optimizers(data, ["sgd", "adam"], RATES, steps=20),
        compare_batches(data, (None, 8, 1), RATES),
    ]
    page = write_downhill(groups, tmp_path / "line.html").read_text(encoding="utf-8")
    found = probed(page, PROBE, tmp_path)
    assert found["errors"] == []
    assert found["fetched"] == 0
    for shown, rate in zip(found["rates"], RATES):
        assert float(shown["rate"]) == rate
        for row, name in zip(shown["rows"], ("sgd", "adam")):
            own = descend(data, name, rate, steps=20)
            assert row["point"] == pytest.approx(own.points[-1], rel=1e-5, abs=1e-12)
            assert row["loss"] == pytest.approx(own.losses[-1], rel=1e-5)
            assert own.verdict.words in row["verdict"]
    own = descend(data, "sgd", RATES[0], steps=20)
    assert found["start"]["count"] == "update 20 of 20"
    assert found["seventh"]["count"] == "update 7 of 20"
    for moment, rows in ((7, found["seventh"]["rows"]), (8, found["eighth"]["rows"]), (6, found["sixth"])):
        assert rows[0]["point"] == pytest.approx(own.points[moment], rel=1e-5)
    assert found["seventh"]["ball"] != found["eighth"]["ball"]
    w = float(found["seventh"]["rows"][0]["text"].split(",")[0].replace("−", "-"))
    assert w == pytest.approx(own.points[7, 0], abs=1e-4)
    assert found["playing"] == "❚❚"
    assert found["hidden"]
    assert found["fog"] != "none"
    assert [row[0] for row in found["batches"]] == ["batch", "mini-batch of 8", "one sample"]
    assert [row[3] for row in found["batches"]] == ["1", "5", "40"]
    assert found["axis"] == "epochs"


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_picture_is_drawn(language, tmp_path, monkeypatch):
    monkeypatch.setenv("KOUBAI_LANG", language)
    path = write_downhill(
        [compare_optimizers(surface("saddle"), ["sgd", "adam"], RATES, steps=10)], tmp_path / "a.png"
    )
    assert path.read_bytes().startswith(b"\x89PNG")


def test_other_endings_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"\.html or \.png"):
        write_downhill([compare_optimizers(surface("bowl"), ["sgd"], RATES, steps=2)], tmp_path / "a.gif")
    assert not list(tmp_path.iterdir())
