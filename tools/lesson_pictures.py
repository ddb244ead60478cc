"""Draws the pictures of the lessons in docs/learn, from the engine's own numbers.

    python tools/lesson_pictures.py        # needs Chromium, pdftoppm, and fonts with Japanese characters

The network forward and backward, the four moves of training, five steps down, and the cheat sheet as it is printed.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from PIL import Image

import koubai
from koubai import i18n
from koubai.explain import preset, solve
from koubai.explain.notation import decimal
from koubai.report import write_cheat_sheet
from koubai.report.html import Html, tag
from koubai.report.worksheet.neurons import neurons_svg

IMAGES = Path(__file__).parent.parent / "docs" / "images" / "learn"
FONT = "system-ui, 'Noto Sans CJK JP', sans-serif"
WORDS = {
    "en": ("1 Forward", "2 Loss", "3 Backward", "4 Update", "weight w", "loss L", "step"),
    "ja": ("1 順伝播", "2 損失", "3 逆伝播", "4 更新", "重み w", "損失 L", "ステップ"),
}
INK, SOFT, BLUE, ORANGE, GREEN = "#1d2429", "#66737b", "#2667a8", "#c2501c", "#1b7f53"


def loop(language: str) -> str:
    """The four moves as boxes in a circle, each with a number of the 2-2-1 network."""
    sheet = solve(preset("2-2-1"))
    shown = (
        f"y = {decimal(sheet['y'])}",
        f"L = {decimal(sheet.loss.value)}",
        f"∂L/∂w = {decimal(sheet['dL/dw2_1'])}",
        f"w: {decimal(sheet['w2_1'])} → {decimal(sheet['w2_1_new'])}",
    )
    places = ((20, 30), (420, 30), (420, 170), (20, 170))
    colours = (BLUE, INK, ORANGE, GREEN)
    arrows = ((230, 75, 412, 75), (520, 124, 520, 162), (410, 215, 238, 215), (120, 166, 120, 128))
    tip = tag("path", d="M0 0 L8 4 L0 8 z", fill=SOFT)
    return str(
        tag(
            "svg",
            tag("rect", width=640, height=280, rx=14, fill="#ffffff"),
            tag(
                "defs",
                tag("marker", tip, id="tip", markerWidth=8, markerHeight=8, refX=7, refY=4, orient="auto"),
            ),
            (box(*row) for row in zip(places, colours, WORDS[language], shown)),
            (
                tag("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=SOFT, stroke_width=2.5, marker_end="url(#tip)")
                for x1, y1, x2, y2 in arrows
            ),
            xmlns="http://www.w3.org/2000/svg",
            viewBox="0 0 640 280",
            width=640,
            height=280,
        )
    )


def box(place: tuple[int, int], colour: str, heading: str, number: str) -> Html:
    """A move."""
    x, y = place
    common = {"text_anchor": "middle", "font_family": FONT}
    return tag(
        "g",
        tag("rect", x=x, y=y, width=200, height=90, rx=12, fill="#ffffff", stroke=colour, stroke_width=2.5),
        tag("text", heading, x=x + 100, y=y + 38, font_size=19, font_weight=600, fill=colour, **common),
        tag("text", number, x=x + 100, y=y + 66, font_size=16, fill=INK, **common),
    )


def descent(language: str) -> str:
    """The loss of lesson 1 over its weight, and five steps of gradient descent."""
    *_moves, weight, loss, step = WORDS[language]
    taken = [at(*point) for point in steps()]
    curve = [at(w / 100, (2 * w / 100 - 1) ** 2 / 2) for w in range(18, 84)]
    words = {"font_family": FONT, "font_size": 15, "fill": INK}
    (left, bottom), (right, _y), (_x, top) = at(0.15, 0), at(0.86, 0), at(0.15, 0.24)
    return str(
        tag(
            "svg",
            tag("rect", width=640, height=320, rx=14, fill="#ffffff"),
            tag("path", d=f"M{left} {top} V{bottom} H{right}", fill="none", stroke=SOFT, stroke_width=1.5),
            tag("text", loss, x=left - 10, y=top - 12, **words),
            tag("text", weight, x=right, y=bottom + 24, text_anchor="end", **words),
            path_through(curve, SOFT, 2),
            path_through(taken, ORANGE, 2.5),
            (tag("circle", cx=x, cy=y, r=5, fill=ORANGE) for x, y in taken),
            (
                tag("text", f"{step} {number}", x=x + 13, y=y + 5, **words)
                for number, (x, y) in enumerate(taken[:3])
            ),
            xmlns="http://www.w3.org/2000/svg",
            viewBox="0 0 640 320",
            width=640,
            height=320,
        )
    )


def at(weight: float, loss: float) -> tuple[float, float]:
    """Where a weight and its loss are in the picture."""
    return round(40 + (weight - 0.15) * 720, 1), round(275 - loss * 960, 1)


def path_through(points: list[tuple[float, float]], colour: str, width: float) -> Html:
    """A line from point to point."""
    path = " ".join(f"{x} {y}" for x, y in points)
    return tag("polyline", points=path, fill="none", stroke=colour, stroke_width=width)


def steps() -> list[tuple[float, float]]:
    """The weights and losses of lesson 1, by the engine."""
    w = koubai.tensor(0.8, requires_grad=True, dtype=koubai.float64)
    taken = []
    for _step in range(6):
        loss = (w * 2 - 1) ** 2 / 2
        taken.append((w.item(), loss.item()))
        (gradient,) = koubai.grad(loss, [w])
        w = (w - 0.1 * gradient).detach().requires_grad_()
    return taken


def cheat_sheet(path: Path) -> None:
    """The cheat sheet as it comes from the printer, as a picture."""
    with tempfile.TemporaryDirectory() as temporary:
        printed = write_cheat_sheet(solve(preset("2-2-1")), Path(temporary) / "sheet.pdf")
        command = ["pdftoppm", "-r", "96", "-png", "-singlefile", str(printed), str(printed.with_suffix(""))]
        subprocess.run(command, check=True)
        with Image.open(printed.with_suffix(".png")) as image:
            image.convert("P", palette=Image.Palette.ADAPTIVE, colors=64).save(path, optimize=True)


def main() -> None:
    """Draw all pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    sheet = solve(preset("2-2-1"))
    for name, backward in (("forward", False), ("backward", True)):
        (IMAGES / f"{name}.svg").write_text(neurons_svg(sheet, backward), encoding="utf-8")
    for language, ending in (("en", ""), ("ja", "_ja")):
        with i18n.speaking(language):
            (IMAGES / f"loop{ending}.svg").write_text(loop(language), encoding="utf-8")
            (IMAGES / f"descent{ending}.svg").write_text(descent(language), encoding="utf-8")
            cheat_sheet(IMAGES / f"cheatsheet{ending}.png")


if __name__ == "__main__":
    main()
