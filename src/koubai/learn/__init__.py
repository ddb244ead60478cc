"""The course "Follow every gradient by hand": seven lessons, their exercises, and what becomes of a learner's answers.

`lessons` finds the texts (they stand in docs/learn and travel with the package), `exercise` makes the questions, whose
answers the engine computes, and `answers` writes a file to fill in, reads it and marks it.
"""

from koubai.learn.answers import Answers, Mark, mark, read_answers, template
from koubai.learn.exercise import Blank, Exercise
from koubai.learn.exercises import exercise
from koubai.learn.lessons import Lesson, lesson, lessons

__all__ = [
    "Answers",
    "Blank",
    "Exercise",
    "Lesson",
    "Mark",
    "exercise",
    "lesson",
    "lessons",
    "mark",
    "read_answers",
    "template",
]
