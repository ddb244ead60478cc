"""A plan on the screen: the layers, the memory by batch size, the time, the cost, and what it all means."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from koubai.cli.tables import plain_table
from koubai.cli.wrapping import lines_of
from koubai.i18n import _
from koubai.plan.claim import Claim
from koubai.plan.depth import (
    deepest_that_learns,
    hidden_width,
    is_fully_connected,
    reach_by_depth,
    reach_of,
)
from koubai.plan.memory import Footprint
from koubai.plan.outlook import Outlook
from koubai.plan.planner import Plan
from koubai.plan.recomputation import Unit
from koubai.plan.risk import risk
from koubai.plan.study import Study
from koubai.report.labels import duration

_MOST = 24  # rows of layers; of deeper models the first and the last are shown
_NOISY = 0.25  # between epochs of the short training
_STUCK = 1e-2


def show_plan(console: Console, planned: Plan, claims: Sequence[Claim]) -> None:
    """Print a plan, and the verdicts on what somebody claims."""
    console.print(_head(planned, console.width))
    _title(console, _("Layers, for one sample"))
    console.print(_layers(planned))
    _title(console, _("Memory by batch size"))
    console.print(_memory(planned))
    for sentence in _fitting(planned):
        _say(console, sentence)
    if planned.prediction is not None:
        _title(console, _("Time on this machine"))
        console.print(_times(planned))
        for sentence in _time_sentences(planned):
            _say(console, sentence)
    for claim in claims:
        _title(console, _("Is that plausible?"))
        for line in _arithmetic(claim):
            console.print(f"  {line}")
        _say(console, claim.sentence)
    _title(console, _("What to expect"))
    for sentence in _expectations(planned):
        _say(console, sentence)


def show_outlook(console: Console, seen: Outlook) -> None:
    """Print whether more epochs will help a run."""
    _title(console, _("Will more epochs help?"))
    for sentence in seen.sentences:
        _say(console, sentence)


def show_study(console: Console, planned: Plan, found: Study) -> None:
    """Print what trainings on the data showed."""
    _title(console, _("What more data would bring"))
    for samples, errors in _by_size(found):
        console.print(
            "  "
            + _("{samples:>9,} samples: {errors} of the error left").format(samples=samples, errors=errors)
        )
    _say(console, found.growth.sentence)
    if found.depths is not None:
        _title(console, _("Which depth the data support"))
        for depth in found.depths.skills:
            line = _("{depth} hidden layers: skill {mean:.3f} ± {error:.3f}")
            console.print(
                "  "
                + line.format(depth=depth, mean=found.depths.mean(depth), error=found.depths.error(depth))
            )
        _say(console, found.depths.sentence)
    _title(console, _("Overfitting"))
    _say(console, risk(planned.workload.parameters, planned.workload.samples, found.gap).sentence)


def as_plain(
    planned: Plan, claims: Sequence[Claim], seen: Outlook | None, found: Study | None
) -> dict[str, Any]:
    """Everything as JSON can hold it."""
    return {
        "model": planned.workload.name,
        "parameters": planned.workload.parameters,
        "samples": planned.workload.samples,
        "forward_flops": planned.forward_flops,
        "backward_flops": planned.backward_flops,
        "layers": [_numbers(unit) for unit in planned.memory.units],
        "memory": [asdict(row) for row in planned.memory.table()],
        "largest_batch": planned.memory.largest(),
        "largest_batch_recomputing": planned.memory.largest(recompute=True),
        "time": None if planned.prediction is None else asdict(planned.prediction),
        "cost": planned.cost,
        "claims": [{"kind": claim.kind, **asdict(claim)} for claim in claims],
        "outlook": None if seen is None else {"kind": seen.kind, "sentences": seen.sentences},
        "more_data": None if found is None else found.growth.sentence,
        "depth": None if found is None or found.depths is None else found.depths.best,
        "gap": None if found is None else found.gap,
    }


def _numbers(unit: Unit) -> dict[str, Any]:
    return {
        "path": unit.path,
        "kind": unit.kind,
        "parameters": unit.total("parameters"),
        "forward_flops": 2 * unit.total("multiply_adds"),
        "backward_flops": 2 * unit.total("backward_multiply_adds"),
        "activations": unit.total("activations"),
    }


def _head(planned: Plan, width: int) -> Text:
    work = planned.workload
    rest = _(
        "{parameters:,} parameters; {samples:,} training and {validation:,} validation samples, {steps:,} steps of "
        "{batch:,} in each of {epochs:,} epochs"
    ).format(
        parameters=work.parameters,
        samples=work.samples,
        validation=work.validation,
        steps=work.steps,
        batch=work.batch_size,
        epochs=work.epochs,
    )
    told = Text("\n".join(lines_of(f"{work.name}: {rest}", width)))
    told.stylize("bold", 0, len(work.name))
    return told


def _layers(planned: Plan) -> Table:
    """A row for each part of the model that computes or keeps something."""
    table = _right_aligned(
        _("layer"), _("parameters"), _("forward"), _("backward"), _("of backward"), _("activations")
    )
    rows = [unit for unit in planned.memory.units if unit.total("parameters") or unit.total("activations")]
    half = _MOST // 2
    for number, unit in enumerate(rows):
        if len(rows) > _MOST and number == half:
            table.add_row("⋮")
        if len(rows) <= _MOST or number < half or number >= len(rows) - half:
            table.add_row(*_layer_row(unit, planned))
    total = planned.memory.summary.total
    table.add_row(
        _("total"),
        f"{total('parameters'):,}",
        _flops(planned.forward_flops),
        _flops(planned.backward_flops),
        "",
        _bytes(total("activations")),
        style="bold",
    )
    return table


def _layer_row(unit: Unit, planned: Plan) -> list[str]:
    backward = 2 * unit.total("backward_multiply_adds")
    parameters = unit.total("parameters")
    return [
        f"{unit.path} {unit.kind}",
        f"{parameters:,}" if parameters else "",
        _flops(2 * unit.total("multiply_adds")),
        _flops(backward),
        f"{backward / planned.backward_flops:.0%}" if backward else "",
        _bytes(unit.total("activations")),
    ]


def _memory(planned: Plan) -> Table:
    measured = bool(planned.footprint.process)
    table = _right_aligned(
        _("batch"),
        _("weights"),
        _("gradients"),
        _("optimizer"),
        _("activations"),
        _("total"),
        _("recomputed"),
        *([_("process")] if measured else []),
    )
    for row in planned.memory.table():
        style = "bold" if row.batch_size == planned.workload.batch_size else None
        table.add_row(*_memory_row(row, measured), style=style)
    return table


def _memory_row(row: Footprint, measured: bool) -> list[str]:
    sizes = [row.weights, row.gradients, row.state, row.activations, row.total, row.total_recomputed]
    return [f"{row.batch_size:,}", *map(_bytes, sizes), *([_bytes(row.process)] if measured else [])]


def _fitting(planned: Plan) -> Iterator[str]:
    """What fits, and what recomputation costs."""
    memory, work = planned.memory, planned.workload
    if planned.footprint.process:
        told = _("process: the predicted peak of the whole process, compiled, with {data} of data.")
        yield told.format(data=_bytes(work.data_bytes))
    if not memory.limit:
        return
    most, recomputing = memory.largest(), memory.largest(recompute=True)
    limit = _bytes(memory.limit)
    if most >= work.samples:
        yield _("This machine has {limit}: all {samples:,} samples fit into one batch.").format(
            limit=limit, samples=work.samples
        )
        return
    if not most:
        yield _("This machine has {limit}: not even one sample fits. Use a smaller model.").format(
            limit=limit
        )
        return
    told = _(
        "This machine has {limit}: the largest batch that fits is {most:,}, {recomputing:,} with recomputation."
    )
    yield told.format(limit=limit, most=most, recomputing=recomputing)
    if recomputing > most:
        share = planned.forward_flops / max(planned.forward_flops + planned.backward_flops, 1)
        told = _(
            "Recomputation (koubai.checkpoint around blocks) costs one more forward pass, {share:.0%} more time."
        )
        yield told.format(share=share)


def _times(planned: Plan) -> Table:
    """Times by batch size."""
    table = _right_aligned(
        _("batch"), _("step"), _("epoch"), _("training"), *([_("cost")] if planned.price else [])
    )
    sizes = sorted({planned.workload.batch_size, *(pilot.batch_size for pilot in planned.pilots)})
    for size in sizes:
        seen = planned.predicted_at(size)
        assert seen is not None
        cost = [_money(planned.price * seen.total / 3600)] if planned.price else []
        style = "bold" if size == planned.workload.batch_size else None
        table.add_row(
            f"{size:,}", _short(seen.step), _long(seen.epoch), _long(seen.total), *cost, style=style
        )
    return table


def _time_sentences(planned: Plan) -> Iterator[str]:
    pilot, seen = planned.pilots[0], planned.prediction
    assert seen is not None
    told = _(
        "The whole training takes about {total}: {first} at the start, {epochs:,} epochs of {epoch}, {end} at the end."
    )
    yield told.format(
        total=_long(seen.total),
        first=_long(pilot.first),
        epochs=planned.workload.epochs,
        epoch=_long(seen.epoch),
        end=_long(pilot.end),
    )
    if pilot.flops and pilot.peak:
        told = _("The step runs at {rate}, {share:.0%} of this machine's peak of {peak}.")
        rate = pilot.flops / pilot.step
        yield told.format(rate=_flops(rate) + "/s", share=rate / pilot.peak, peak=_flops(pilot.peak) + "/s")
    if planned.cost is not None:
        yield _("At {price:g} per hour it costs about {cost}.").format(
            price=planned.price, cost=_money(planned.cost)
        )
    if max(pilot.noise for pilot in planned.pilots) > _NOISY:
        yield _(
            "Other programs use this machine: the times measured differ by {noise:.0%}, so plan again when it is idle."
        ).format(noise=max(pilot.noise for pilot in planned.pilots))


def _arithmetic(claim: Claim) -> Iterator[str]:
    """The stated time beside what is possible and what is foretold."""
    if claim.stated_cost is not None and claim.price:
        yield _("stated:    {cost:g} at {price:g} per hour pays for {time}").format(
            cost=claim.stated_cost, price=claim.price, time=_long(claim.stated)
        )
    else:
        yield _("stated:    {time}").format(time=_long(claim.stated))
    if claim.peak:
        yield _("least:     {flops} of all steps ÷ {peak} at the machine's peak = {time}").format(
            flops=_flops(claim.flops), peak=_flops(claim.peak) + "/s", time=_long(claim.least)
        )
    yield _("predicted: {time}; stated ÷ predicted = {ratio:.3g}").format(
        time=_long(claim.predicted), ratio=claim.stated / claim.predicted
    )


def _expectations(planned: Plan) -> Iterator[str]:
    """Overfitting and depth, as far as they can be told without training."""
    work = planned.workload
    if planned.forward_flops:
        told = _("The backward pass costs {ratio:.2f} times the forward pass.")
        yield told.format(ratio=planned.backward_flops / planned.forward_flops)
    yield risk(work.parameters, work.samples).sentence
    reach = reach_of(planned)
    told = _("Before the first step, {share:.1%} of the gradient at the output arrives at the first layer.")
    if not reach > _STUCK:
        told += " " + _(
            "That is too little: it vanishes. Use fewer layers, residual connections, ReLU, or normalisation."
        )
    elif reach > 1 / _STUCK:
        told += " " + _("That is too much: it explodes. Use a smaller initialisation or normalisation.")
    yield told.format(share=reach)
    if is_fully_connected(work.model):
        deepest = [deepest_that_learns(reach_by_depth(work, matched)) for matched in (False, True)]
        told = _(
            "Fully connected layers {width:,} wide pass gradients on through {default} hidden layers as they are "
            "initialised by default, through {matched} with nn.init.match_activations."
        )
        yield told.format(width=hidden_width(work.model), default=deepest[0], matched=deepest[1])


def _by_size(found: Study) -> Iterator[tuple[int, str]]:
    grown = found.growth
    for size in sorted(set(grown.samples)):
        yield size, " ".join(f"{e:6.1%}" for n, e in zip(grown.samples, grown.errors) if n == size)


def _right_aligned(first: str, *others: str) -> Table:
    table = plain_table()
    table.padding = (0, 1, 0, 0)
    table.add_column(first, overflow="fold", min_width=6)
    for title in others:
        table.add_column(title, justify="right", no_wrap=True)
    return table


def _title(console: Console, text: str) -> None:
    console.print(Text("\n" + text, style="bold"))


def _say(console: Console, sentence: str) -> None:
    console.print(Text("\n".join(lines_of(sentence, console.width))))


def _flops(count: float) -> str:
    """Operations in the unit that suits them: 1.63 MFLOP."""
    if not count:
        return ""
    power = min(max(int(math.log10(count) // 3), 0), 5)
    return f"{count / 1000**power:.3g} {('', 'k', 'M', 'G', 'T', 'P')[power]}FLOP"


def _bytes(size: float) -> str:
    """A size in the unit that suits it: 1.5 MiB."""
    if not size:
        return ""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.3g} {unit}"


def _short(seconds: float) -> str:
    return (
        f"{seconds * 1e6:.0f} µs"
        if seconds < 1e-3
        else f"{seconds * 1e3:.3g} ms"
        if seconds < 1
        else f"{seconds:.3g} s"
    )


def _money(amount: float) -> str:
    """An amount in any currency: two decimals, or of small ones two digits."""
    return f"{amount:,.2f}" if amount >= 1 else f"{amount:.2g}"


def _long(seconds: float) -> str:
    return _("{seconds:.2g} s").format(seconds=seconds) if seconds < 1 else duration(seconds)
