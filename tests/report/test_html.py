"""HTML is built from calls, and what users wrote stays text."""

from koubai.report.html import Html, join, table, tag


def test_children_are_escaped_but_elements_are_not() -> None:
    assert tag("p", "<b>", tag("i", "a & b"), 3, None) == "<p>&lt;b&gt;<i>a &amp; b</i>3</p>"


def test_attributes_are_escaped_and_renamed() -> None:
    assert tag("a", class_="x", data_y='"', title=None) == '<a class="x" data-y="&quot;"></a>'


def test_elements_without_an_end() -> None:
    assert tag("img", alt="<") == '<img alt="&lt;">'


def test_iterables_are_flattened() -> None:
    assert join(["a", ["b", (tag("i", n) for n in (1, 2))]]) == "ab<i>1</i><i>2</i>"


def test_a_table_escapes_its_cells() -> None:
    made = table(["<h>"], [["<script>alert(1)</script>"]])
    assert isinstance(made, Html)
    assert "<script>" not in made
    assert "&lt;h&gt;" in made
