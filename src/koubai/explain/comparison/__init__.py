"""The same step in another framework, number by number, and a learner's own numbers beside it (答え合わせ).

Read in this order: `compare`, `comparison` (what it finds); for a framework `theirs`, `translation` and
`torch_step`, or
`keras_layers` and `keras_step`, then `pairing`; for a learner `answers`, `marking` and `slips`; `verdict`
and `text` say it.
"""

from koubai.explain.comparison.answers import Answer, read_answers
from koubai.explain.comparison.compare import FRAMEWORKS, compare
from koubai.explain.comparison.comparison import Comparison, LaterStep, Row
from koubai.explain.comparison.marking import Mark, Marked, Marking
from koubai.explain.comparison.theirs import FrameworkMissing, NotTranslated

__all__ = [
    "FRAMEWORKS",
    "Answer",
    "Comparison",
    "FrameworkMissing",
    "LaterStep",
    "Mark",
    "Marked",
    "Marking",
    "NotTranslated",
    "Row",
    "compare",
    "read_answers",
]
