"""Prints at the end of the run how many of PyTorch's samples passed, failed and were skipped, and why."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

pytest.importorskip("torch")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Add up what the tests recorded as the property `samples`."""
    passed = failed = untraced = 0
    skipped: Counter[str] = Counter()
    failing: list[str] = []
    for report in [r for reports in terminalreporter.stats.values() for r in reports]:
        for name, samples in getattr(report, "user_properties", []):
            if name == "samples" and report.when == "call":
                passed += samples["passed"]
                failed += samples["failed"]
                untraced += samples.get("untraced", 0)
                skipped.update(samples["skipped"])
                if samples["failed"]:
                    failing.append(f"{report.nodeid} ({samples['failed']})")
    if passed or failed or skipped:
        terminalreporter.section("samples of PyTorch's test databases")
        terminalreporter.line(f"{passed + untraced} passed, {failed} failed, {skipped.total()} skipped")
        if untraced:
            terminalreporter.line(
                f"  of those that passed, {untraced} not traced: their result depends on values"
            )
        for reason, count in skipped.most_common():
            terminalreporter.line(f"  skipped {count:6d}: {reason}")
        for line in failing:
            terminalreporter.line(f"  failed: {line}")
