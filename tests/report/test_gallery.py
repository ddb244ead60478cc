"""The gallery's page and picture: a browser shows what was measured."""

import numpy as np
import pytest
from tests.report.browser import BROWSER, probed

from koubai.explain.gallery import NORMS, Setting, curve, measure, settings
from koubai.report.gallery import write_gallery

SMALL = {"depth": 6, "width": 8, "samples": 8, "seeds": 2}


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("KOUBAI_LANG", "en")


@pytest.fixture(scope="module")
def flows():
    return [
        measure(setting, **SMALL)
        for setting in settings(["relu", "sigmoid"], ["he", "small"], (False, True), NORMS)
    ]


PROBE = """
const room = document.querySelector(".gallery"), find = (what) => room.querySelector(what);
const buttons = () => [...room.querySelectorAll(".fates button")];
const cells = () => Object.fromEntries(buttons().map((cell) => [cell.dataset.setting, Number(cell.dataset.ratio)]));
const heights = (what) => find(what).getAttribute("points").split(" ").map((point) => Number(point.split(",")[1]));
found.plain = cells();
find('[data-setting="sigmoid small"]').click();
found.chosen = find(".chosen").textContent;
found.sentence = find(".sentence").textContent;
found.lines = room.querySelectorAll("svg.flow .line-own").length;
found.flow = heights("svg.flow .line-own");
found.slope = heights("svg.graph .line-slope");
find(".residual").click();
room.querySelector("input[value=layer]").click();
found.helped = cells()
"""


@pytest.mark.skipif(BROWSER is None, reason="no browser is installed (Chromium)")
def test_switches_and_cells_show_what_was_measured(flows, tmp_path):
    page = write_gallery(flows, tmp_path / "gallery.html").read_text(encoding="utf-8")
    found = probed(page, PROBE, tmp_path)
    assert found["errors"] == []
    assert found["fetched"] == 0
    by_setting = {flow.setting: flow for flow in flows}
    for shown, residual, norm in ((found["plain"], False, "none"), (found["helped"], True, "layer")):
        assert len(shown) == 4
        for name, ratio in shown.items():
            setting = Setting(*name.split(" "), residual, norm)
            assert ratio == pytest.approx(by_setting[setting].ratio, rel=5e-3)
            assert ratio == pytest.approx(measure(setting, **SMALL).ratio, rel=5e-3)
    assert found["chosen"] == "sigmoid · small"
    assert "vanishes" in found["sentence"]
    assert found["lines"] == 2
    assert found["flow"] == sorted(found["flow"], reverse=True)  # up towards the last layer
    slope = curve("sigmoid", reach=4.0, points=len(found["slope"])).slope
    assert np.corrcoef(slope, found["slope"])[0, 1] < -0.999


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_picture_is_drawn(language, flows, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setenv("KOUBAI_LANG", language)
    assert write_gallery(flows, tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_written_is_refused(flows, tmp_path):
    with pytest.raises(ValueError, match=r"\.html or \.png"):
        write_gallery(flows, tmp_path / "a.svg")
    with pytest.raises(ValueError, match="empty"):
        write_gallery([], tmp_path / "a.html")
