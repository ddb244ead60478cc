"""The computation graph as SVG: values and gradients appear in the order of both passes, as a slider is moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from koubai.explain.expression import Named
from koubai.explain.graph import Node, graph_of
from koubai.explain.notation import decimal
from koubai.explain.text import TextNotation
from koubai.explain.worksheet import Worksheet
from koubai.i18n import _
from koubai.report.document import embedded_data, embedded_script
from koubai.report.html import Html, tag

__all__ = ["graph_section", "graph_svg"]

_FOLDER = Path(__file__).parent
_WIDTH, _HEIGHT = 132, 62  # of a node
_ACROSS, _DOWN = 172, 78  # from node to node
_SHOWN = 3  # numbers of a tensor
_LETTERS = 14  # that fit into a node
_GAP = "\u2002"
_MANY = 60  # nodes, above which a page shows modules first


def graph_svg(sheet: Worksheet, digits: int = 4, fold: bool = False) -> str:
    """Return the computation graph as an SVG file with everything calculated, in the user's language.

    Args:
        sheet: the worksheet.
        digits: decimals to round to.
        fold: one node for each module.
    """
    style = tag("style", Html((_FOLDER / "graph.css").read_text(encoding="utf-8")))
    return str(_picture(graph_of(sheet, fold), digits, style, xmlns="http://www.w3.org/2000/svg"))


def graph_section(sheet: Worksheet, digits: int) -> Html:
    """The graph for a page: whole and folded by module, with a slider through both passes."""
    whole, folded = graph_of(sheet), graph_of(sheet, fold=True)
    last = max(node.forward for node in whole) + max(node.backward for node in whole)
    slider = tag("input", type="range", min=0, max=last, value=last, aria_label=_("step of both passes"))
    many = len(whole) > _MANY
    fold = tag("label", tag("input", type="checkbox", checked="" if many else None), " ", _("fold modules"))
    words = embedded_data(list(_captions(whole)))
    pictures = (
        tag("div", _picture(nodes, digits), class_=f"scroll {name}")
        for name, nodes in (("whole", whole), ("folded", folded))
    )
    controls = tag("p", slider, fold, class_="controls")
    caption = tag("p", class_="caption", aria_live="polite")
    script = embedded_script(_FOLDER / "graph.js")
    return tag("div", controls, caption, pictures, words, script, class_="card graph")


def _captions(nodes: Sequence[Node]) -> Iterator[str]:
    """What happens at each position of the slider."""
    yield _("What is given: inputs, target, weights and biases.")
    notation = TextNotation()
    forward = sorted((node for node in nodes if node.forward), key=lambda node: node.forward)
    for node in forward:
        yield _("Forward pass: {name}").format(name=_named(node.values[0].cells.flat, notation))
    for node in sorted((node for node in nodes if node.backward), key=lambda node: node.backward):
        yield _("Backward pass: {name}").format(name=_named(node.gradients[0].cells.flat, notation))


def _named(cells: Iterator[Named], notation: TextNotation) -> str:
    listed = list(cells)
    shown = ", ".join(
        f"{notation.name(cell.symbol)} = {notation.number(cell.value)}" for cell in listed[:_SHOWN]
    )
    return shown + (" …" if len(listed) > _SHOWN else "")


def _picture(nodes: Sequence[Node], digits: int, *before: Html, **attributes: str) -> Html:
    """The graph as an svg element."""
    forward = max(node.forward for node in nodes)
    width = max(node.column for node in nodes) * _ACROSS + _WIDTH + 16
    height = (max(node.row for node in nodes)) * _DOWN + _HEIGHT + 16
    edges = (_edge(part, node, forward) for node in nodes for part in node.inputs)
    boxes = (_box(node, digits, forward) for node in nodes)
    return tag(
        "svg",
        before,
        tag("g", edges),
        tag("g", boxes),
        viewBox=f"-8 -8 {width:g} {height:g}",
        style=f"width: 100%; min-width: {0.65 * width:.0f}px; max-width: {width:.0f}px",
        role="img",
        aria_label=_("computation graph"),
        **attributes,
    )


def _edge(start: Node, end: Node, forward: int) -> Html:
    x, y = start.column * _ACROSS + _WIDTH, start.row * _DOWN + _HEIGHT / 2
    to_x, to_y = end.column * _ACROSS, end.row * _DOWN + _HEIGHT / 2
    bend = max(30.0, (to_x - x) / 2)
    path = f"M{x:g} {y:g} C{x + bend:g} {y:g} {to_x - bend:g} {to_y:g} {to_x:g} {to_y:g}"
    back = forward + start.backward if start.backward and end.backward else None  # on both ends of its way
    state = " reached" if back else ""
    return tag("path", d=path, class_=f"edge computed{state}", data_forward=end.forward, data_backward=back)


def _box(node: Node, digits: int, forward: int) -> Html:
    x, y = node.column * _ACROSS, node.row * _DOWN
    back = forward + node.backward if node.backward else None
    lines = [
        _text(_title(node), 18, "name"),
        _text(_shape(node), 18, "shape", end=True),
        _text(_numbers(node.values[-1].cells.flat, digits), 37, "number"),
    ]
    if node.gradients:
        lines.append(_text(_numbers(_shown_gradient(node), digits, "∂ "), 54, "gradient"))
    return tag(
        "g",
        tag("rect", width=_WIDTH, height=_HEIGHT, rx=9),
        lines,
        tag("title", _tooltip(node)),
        class_=f"node is-{node.role.name.lower()} computed{' reached' if back else ''}",
        transform=f"translate({x:g} {y:g})",
        data_forward=node.forward,
        data_backward=back,
        data_key="" if node.kind else node.values[0].letter.key,
    )


def _title(node: Node) -> str:
    return _shortened(node.module) if node.kind else TextNotation().letter(node.values[0].letter)


def _shape(node: Node) -> str:
    """The shape of the tensor, or what a module is."""
    if node.kind:
        return _shortened(node.kind)
    return "×".join(map(str, node.values[-1].shape))


def _shortened(name: str) -> str:
    return name if len(name) <= _LETTERS // 2 + 1 else f"{name[: _LETTERS // 2]}…"


def _shown_gradient(node: Node) -> Iterator[Named]:
    """The gradient of the value that the node shows."""
    last = node.values[-1].letter
    value = next((gradient for gradient in node.gradients if gradient.letter == last), node.gradients[-1])
    return iter(value.cells.flat)


def _numbers(cells: Iterator[Named], digits: int, before: str = "") -> str:
    """The first numbers of a tensor, as many as fit."""
    listed = [decimal(cell.value, min(digits, 3)) for cell in cells]
    shown = listed[:_SHOWN]
    while len(shown) > 1 and len(before + _GAP.join(shown)) > _LETTERS:
        shown.pop()
    return before + _GAP.join(shown) + (" …" if len(shown) < len(listed) else "")


def _text(words: str, y: int, kind: str, end: bool = False) -> Html:
    return tag(
        "text", words, x=_WIDTH - 9 if end else 9, y=y, class_=kind, text_anchor="end" if end else None
    )


def _tooltip(node: Node) -> str:
    notation = TextNotation()
    cells = [cell for value in (*node.values, *node.gradients) for cell in value]
    return "\n".join(f"{notation.name(cell.symbol)} = {notation.number(cell.value)}" for cell in cells[:40])
