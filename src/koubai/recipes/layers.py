"""A model's summary as rows of a table, kept in the run's folder so that a report needs no model."""

from __future__ import annotations

import json
from pathlib import Path

from koubai.atomic import write_file
from koubai.engine.tensor import Tensor
from koubai.i18n import N_, _
from koubai.nn import Module
from koubai.nn.summary import LayerSummary, summary

FILE = "layers.json"
HEADER = (
    N_("layer"),
    N_("output shape"),
    N_("parameters"),
    N_("multiply-adds"),
    N_("activations per sample"),
)

Row = list[str]


def write_layers(model: Module, inputs: tuple[Tensor, ...], folder: Path) -> None:
    """Summarise the model for one sample, batch first; keep a row for each layer, then the totals."""
    table = summary(model, inputs, mode="eval", show=False)  # one sample has no variance to train with
    rows = [_row(layer) for layer in table.layers if layer.is_worth_a_row]
    sums = (f"{table.total(what):,}" for what in ("parameters", "multiply_adds"))
    rows.append(["", "", *sums, _bytes(table.total("activations"))])
    write_file(folder / FILE, json.dumps(rows).encode())


def read_layers(folder: Path) -> list[Row]:
    """The rows with their header in the user's language; none where the run has no summary."""
    if not (folder / FILE).is_file():
        return []
    return [[_(title) for title in HEADER], *json.loads((folder / FILE).read_text("utf-8"))]


def _row(layer: LayerSummary) -> Row:
    """The batch dimension is called N."""
    shapes = ", ".join(str(("N", *shape[1:])).replace("'", "") for shape in layer.output_shapes)
    counts = (f"{count:,}" if count else "" for count in (layer.parameters, layer.multiply_adds))
    return [f"{layer.path} {layer.kind}".strip(), shapes, *counts, _bytes(layer.activations)]


def _bytes(count: int) -> str:
    if not count:
        return ""
    return (
        f"{count} B"
        if count < 1024
        else f"{count / 1024:.1f} KiB"
        if count < 1024**2
        else f"{count / 1024**2:.1f} MiB"
    )
