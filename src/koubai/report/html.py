"""Builds HTML from nested calls: `tag("p", "1 < 2", class_="note")`.

Plain strings are always escaped, so whatever a user named a class or a column stays text.
"""

import html
from collections.abc import Iterable

_WITHOUT_END = frozenset({"meta", "img", "br", "source", "input"})


class Html(str):
    """Text that is HTML already and is not escaped again."""

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """One element.

    Args:
        name: the element's name, such as "p".
        children: Html is taken as it is, None is left out, iterables are flattened, anything else becomes
            escaped text.
        attributes: "class_" stands for "class" and "data_x" for "data-x"; None leaves the attribute out.
    """
    opening = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None)
    if name in _WITHOUT_END:
        return Html(f"<{name}{opening}>")
    return Html(f"<{name}{opening}>{join(children)}</{name}>")


def join(children: object) -> Html:
    """Children one after the other, as `tag` takes them."""
    if children is None:
        return Html("")
    if isinstance(children, Html):
        return children
    if isinstance(children, Iterable) and not isinstance(children, str):
        return Html("".join(join(child) for child in children))
    return Html(html.escape(str(children)))


def table(header: Iterable[object], rows: Iterable[Iterable[object]], **attributes: object) -> Html:
    """A table that scrolls sideways by itself where the screen is narrow."""
    head = tag("thead", tag("tr", (tag("th", cell, scope="col") for cell in header)))
    body = tag("tbody", (tag("tr", (tag("td", cell) for cell in row)) for row in rows))
    return tag("div", tag("table", head, body, **attributes), class_="scroll")


def _attribute(key: str, value: object) -> str:
    return f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
