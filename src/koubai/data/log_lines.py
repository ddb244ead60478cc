"""Made-up lines of a server's log, of which a few tell of something that never happened before."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from koubai.data.draw import chance, derived_generator, positions, uniform

_DRAWS = 10  # random numbers that the places of a line take at most
_PATHS = (
    "/", "/login", "/cart", "/search?q=shoes", "/search?q=tea", "/item/{n}", "/item/{n}/reviews", "/api/v2/orders",
    "/api/v2/users/{n}", "/static/app.js", "/static/site.css", "/img/{n}.jpg",
)  # fmt: skip
_USUAL = (
    (30, "INFO web: {ip} GET {path} 200 {size}B {ms}ms"),
    (6, "INFO web: {ip} POST /api/v2/orders 201 {size}B {ms}ms"),
    (4, "INFO web: {ip} GET {path} 304 0B {few}ms"),
    (2, "WARN web: {ip} GET {path} 404 {size}B {few}ms"),
    (5, "INFO auth: user u{n} logged in from {ip}"),
    (4, "INFO auth: user u{n} logged out after {n}s"),
    (1, "WARN auth: wrong password for user u{n} from {ip}, attempt {one}"),
    (6, "DEBUG db: select on orders returned {few} rows in {ms}ms"),
    (4, "DEBUG db: transaction {id} committed in {ms}ms"),
    (3, "DEBUG cache: hit ratio 0.9{one} over {n} keys"),
    (2, "INFO queue: job {id} mail.send done in {ms}ms"),
    (2, "INFO queue: job {id} invoice.render done in {ms}ms"),
    (1, "INFO cron: backup of orders finished, {n}MB in {few}s"),
    (1, "INFO gc: pause {few}ms, heap {n}MB of 4096MB"),
    (0.2, "WARN tls: certificate of shop.example expires in {few} days"),
    (0.2, "INFO deploy: version 4.{few}.{one} started by ci, commit {id}"),
    (0.2, "WARN disk: sda1 is {two}% full"),
    (0.2, "ERROR queue: job {id} mail.send failed: timeout, retry {one}"),
    (0.1, "ERROR web: {ip} GET {path} 503 0B {few}ms"),
    (0.1, "INFO auth: user u{n} changed the password from {ip}"),
    (0.1, "INFO cron: index of items built, {n} items in {few}s"),
    (0.1, "WARN db: select on orders is slow, {n} rows in {n}ms"),
)
_STRANGE = (
    "ERROR db: deadlock detected, transaction {id} rolled back",
    "ERROR web: {ip} GET {path} 500 {size}B {ms}ms",
    "FATAL kernel: out of memory: killed process {n} (java)",
    "INFO web: {ip} GET {path} 200 {size}B {slow}ms",
    "INFO web: {ip} GET /search?q=1%27+OR+%271%27%3D%271 200 {size}B {ms}ms",
    "WARN web: {ip} GET /../../etc/passwd 404 {size}B {few}ms",
    "WARN auth: wrong password for user root from {ip}, attempt {n}",
    "INFO auth: user u{n} logged in from 203.{n}.{n}.{two}",
    "INFO auth: user u{n} changed the password for user u{n}",
    "INFO web: {ip} POST /login 201 {size}B {ms}ms",
    "DEBUG db: select on users returned {slow} rows in {n}ms",
    "INFO cron: backup of orders finished, 0MB in 0s",
    "WARN cache: hit ratio 0.0{one} over {n} keys",
    "INFO gc: pause {slow}ms, heap 4095MB of 4096MB",
)


@dataclass(frozen=True)
class LogLines:
    """Lines of a log.

    Attributes:
        lines: in order of time.
        anomalous: which of them are anomalies (N,).
    """

    lines: tuple[str, ...]
    anomalous: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.lines)

    def __repr__(self) -> str:
        return f"LogLines({len(self)} lines, {int(self.anomalous.sum())} anomalies)"


def log_lines(count: int, anomalies: float = 0.01, seed: int = 0) -> LogLines:
    """Lines of a web shop's log, drawn from 22 usual patterns, some of them rare; anomalies from 14 others.

    Some anomalies have words that no usual line has; others are usual words that do not belong together, or a number
    that is far too large.

    Args:
        count: of the lines.
        anomalies: the share of them.
        seed: the same seed gives the same lines.
    """
    draw = derived_generator(seed, "log lines")
    strange = chance(count, anomalies, draw)
    weights = np.array([weight for weight, _pattern in _USUAL], float)
    usual = np.searchsorted(np.cumsum(weights) / weights.sum(), uniform(count, draw))
    other = positions(np.full(count, len(_STRANGE)), draw)
    seconds = np.cumsum(-np.log1p(-uniform(count, draw)))  # about one line a second
    draws = iter(uniform(count * _DRAWS, draw).tolist())
    patterns = (
        _STRANGE[k] if odd else _USUAL[min(j, len(_USUAL) - 1)][1] for odd, j, k in zip(strange, usual, other)
    )
    lines = tuple(
        f"{np.datetime64('2024-03-01T00:00:00') + int(second)} {_filled(pattern, draws)}"
        for second, pattern in zip(seconds.tolist(), patterns)
    )
    return LogLines(lines, strange)


def _filled(pattern: str, draws: Iterator[float]) -> str:
    """A pattern with its places filled in."""
    whole = pattern.replace("{path}", _PATHS[_below(len(_PATHS), draws)])
    pieces = re.split(r"(\{\w+\})", whole)
    return "".join(_PLACES[piece](draws) if piece in _PLACES else piece for piece in pieces)


def _below(limit: int, draws: Iterator[float]) -> int:
    return int(limit * next(draws))


def _around(middle: float, draws: Iterator[float]) -> str:
    """A whole number between half and double of this size."""
    return str(max(1, round(middle * 4 ** (next(draws) - 0.5))))


_PLACES: dict[str, Callable[[Iterator[float]], str]] = {
    "{ip}": lambda draw: f"10.{_below(4, draw)}.{_below(250, draw)}.{_below(250, draw)}",
    "{size}": lambda draw: _around(4000, draw),
    "{ms}": lambda draw: _around(40, draw),
    "{few}": lambda draw: _around(5, draw),
    "{slow}": lambda draw: _around(30000, draw),
    "{two}": lambda draw: str(10 + _below(90, draw)),
    "{one}": lambda draw: str(1 + _below(4, draw)),
    "{id}": lambda draw: f"{_below(2**32, draw):08x}",
    "{n}": lambda draw: str(100 + _below(900, draw)),
}
