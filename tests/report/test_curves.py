"""Learning curves are drawn in both themes and languages, and a missing Matplotlib is said plainly."""

import sys

import pytest

from koubai import i18n
from koubai.report import canvas
from koubai.report.canvas import DARK, LIGHT, MatplotlibMissing
from koubai.report.curves import draw_agreement, draw_curve

LOSSES = [1.0, 0.5, 0.3, 0.25, 0.2]
PNG = b"\x89PNG\r\n"


@pytest.fixture
def matplotlib() -> None:
    pytest.importorskip("matplotlib")


@pytest.mark.usefixtures("matplotlib")
class TestWithMatplotlib:
    @pytest.mark.parametrize("theme", [LIGHT, DARK])
    @pytest.mark.parametrize("validation", [[], [1.1, 0.6, 0.5, 0.6, 0.7]])
    def test_a_curve(self, theme: canvas.Theme, validation: list[float]) -> None:
        assert draw_curve("loss", LOSSES, validation, best=3, turned_up=True, theme=theme).startswith(PNG)

    def test_values_that_are_no_numbers(self) -> None:
        assert draw_curve("loss", [1.0, float("nan"), float("inf")], best=2).startswith(PNG)

    def test_agreement_of_predictions(self) -> None:
        assert draw_agreement([1.0, 2.0], [1.1, 2.2]).startswith(PNG)

    def test_the_same_curve_gives_the_same_bytes(self) -> None:
        assert draw_curve("loss", LOSSES) == draw_curve("loss", LOSSES)

    def test_japanese_without_a_font_falls_back_to_english(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(canvas, "japanese_family", lambda: None)
        with i18n.speaking("ja"):
            japanese = draw_curve("loss", LOSSES)
        with i18n.speaking("en"):
            assert draw_curve("loss", LOSSES) == japanese

    def test_japanese_with_a_font_is_drawn_in_japanese(self) -> None:
        if canvas.japanese_family() is None:
            pytest.skip("no Japanese font is installed")
        with i18n.speaking("ja"):
            japanese = draw_curve("loss", LOSSES)  # a missing glyph would be a warning, and so an error
        with i18n.speaking("en"):
            assert draw_curve("loss", LOSSES) != japanese


def test_without_matplotlib_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MatplotlibMissing, match=r"pip install 'koubai\[recipes\]'"):
        draw_curve("loss", LOSSES)
