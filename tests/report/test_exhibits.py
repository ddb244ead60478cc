"""Each kind of exhibit survives the disk, is shown in a report, and is a picture where it can be one."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from koubai.recipes import Outcome
from koubai.recipes.exhibit import (
    KINDS,
    Agreement,
    Bars,
    Box,
    Confusion,
    Exhibit,
    HeatMap,
    Lines,
    Pictures,
    Table,
    Texts,
    Tokens,
)
from koubai.report import draw_exhibit
from koubai.report.exhibits import shown

pytest.importorskip("matplotlib")

WAVE = np.sin(np.linspace(0, 6, 40))
EXHIBITS: tuple[Exhibit, ...] = (
    Table(title="rows", header=("name", "value"), rows=(("a", 1), ("b", 2.5))),
    Texts(title="samples", passages=(("temperature 0.8", "To be,\nor not"),), note="drawn at random"),
    Pictures(
        title="boxes",
        images=np.random.default_rng(0).random((2, 1, 20, 30)),
        captions=((("seen", "7"),), (("seen", "1"),)),
        boxes=((Box(left=2, top=3, right=12, bottom=13, true=True),), ()),
    ),
    Pictures(title="heat", images=np.ones((1, 3, 8, 8)), captions=((("class", "3"),),), heat=np.eye(8)[None]),
    Confusion(title="confusion", names=("a", "b"), counts=np.array([[3, 1], [0, 4]])),
    Agreement(title="agreement", truth=WAVE, predicted=WAVE + 0.1),
    Lines(
        title="series",
        curves={"measured": WAVE, "forecast 1.5": WAVE + 0.1},
        places=np.arange(40.0),
        axis="month",
        bands={"90 %": np.stack([WAVE - 1, WAVE + 1])},
        windows=((3.0, 5.0),),
        marks=(4.0,),
    ),
    HeatMap(title="attention", values=np.eye(3), rows=("a", "b", "c"), columns=("x", "猫", "z")),
    HeatMap(
        title="surprise",
        values=np.eye(2),
        rows=("", ""),
        columns=("", ""),
        cells=(("a", "↵"), ("犬", "")),
    ),
    Bars(title="importance", names=("height", "width"), values=np.array([0.5, -0.25])),
    Tokens(title="words", words=("not", "<b>good</b>"), weights=np.array([-0.5, 2.0])),
)


def outcome() -> Outcome:
    return Outcome(
        "accuracy", {"accuracy": 0.5}, {}, "chance", 10, exhibits=EXHIBITS, answers={"truth": WAVE}
    )


def test_every_kind_is_here() -> None:
    assert {type(exhibit) for exhibit in EXHIBITS} == set(KINDS.values())


def test_they_survive_the_disk(tmp_path: Path) -> None:
    outcome().save(tmp_path)
    again = Outcome.load(tmp_path)
    assert [type(exhibit) for exhibit in again.exhibits] == [type(exhibit) for exhibit in EXHIBITS]
    for before, after in zip(EXHIBITS, again.exhibits, strict=True):
        for (name, value), (_, kept) in zip(before, after, strict=True):
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(kept, value, err_msg=name)
            elif isinstance(value, dict) and value:
                assert list(kept) == list(value)
                np.testing.assert_array_equal(list(kept.values()), list(value.values()))
            else:
                assert kept == value
    np.testing.assert_array_equal(again.answers["truth"], WAVE)


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda exhibit: exhibit.title)
def test_they_are_shown(exhibit: Exhibit) -> None:
    html = "".join(shown(exhibit))
    assert html.startswith("<div")
    assert exhibit.note in html
    picture = draw_exhibit(exhibit)
    assert (picture is None) == isinstance(exhibit, Table | Texts | Tokens)
    assert picture is None or picture.startswith(b"\x89PNG")


def test_negative_heat_has_a_colour_of_its_own() -> None:
    heat = np.array([[[1.0, -1.0], [0.0, 0.0]]]).repeat(4, axis=1).repeat(4, axis=2)
    exhibit = Pictures(images=np.zeros((1, 8, 8)), captions=((),), heat=heat)
    from PIL import Image

    picture = draw_exhibit(exhibit)
    assert picture is not None
    with Image.open(BytesIO(picture)) as image:
        red, _green, blue = image.convert("RGB").split()
        left, right = (0, 0), (image.width - 1, 0)
        assert red.getpixel(left) > 2 * blue.getpixel(left)  # type: ignore[operator]
        assert blue.getpixel(right) > 2 * red.getpixel(right)  # type: ignore[operator]


def test_words_are_coloured_by_their_weights_and_stay_text() -> None:
    html = "".join(shown(Tokens(words=("not", "<b>good</b>"), weights=np.array([-0.5, 2.0]))))
    assert '<span class="token cold" style="--share: 0.250" title="-0.5">not</span>' in html
    assert '<span class="token" style="--share: 1.000" title="2">&lt;b&gt;good&lt;/b&gt;</span>' in html


@pytest.mark.parametrize(
    ("smaller", "target", "met"), [(False, 0.4, True), (True, 0.4, False), (True, 0.6, True)]
)
def test_errors_meet_their_target_from_above(smaller: bool, target: float, met: bool) -> None:
    result = Outcome("error", {"error": 0.5}, {}, "chance", 10, target=target, smaller_is_better=smaller)
    assert result.target_met is met
