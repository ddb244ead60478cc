"""Short news of things that never happened: each has facts, a headline that tells some of them, and other sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from koubai.data.draw import uniform
from koubai.engine.random import Generator

__all__ = ["made_up_article"]

T = TypeVar("T")

_DRAWS = 80  # random numbers that one article takes, at most
_FOREIGN, _LATE = 0.7, 0.3  # how often a sentence comes from other news, and how often the facts come second

_FIRST = (
    "Bra", "Cor", "Dal", "El", "Fen", "Gri", "Hal", "Is", "Jor", "Kel", "Lor", "Mar", "Nor", "Ost", "Pel",
    "Quin",
)  # fmt: skip
_MIDDLE = ("", "a", "be", "do", "ga", "ki", "lo", "mi", "no", "ra", "so", "ti", "ve")
_PLACE = ("burg", "by", "dale", "field", "ford", "ham", "mouth", "port", "stead", "ton", "wick", "worth")
_SURNAME = ("berg", "der", "ell", "ing", "kin", "low", "man", "ner", "ov", "rick", "sen", "ski", "well")
_GIVEN = (
    "Alan", "Beth", "Carl", "Dora", "Emil", "Flora", "Greta", "Hugo", "Ida", "Jonas", "Kate", "Lena", "Max",
    "Nora",
)  # fmt: skip
_FIRM = ("corp", "data", "lux", "med", "soft", "tex", "tron", "works")
_DAY = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_BUILDING = ("bakery", "barn", "factory", "hotel", "library", "mill", "school", "theatre", "warehouse")
_SHOP = ("cinema", "clinic", "hotel", "museum", "office", "shop", "swimming pool", "workshop")
_JOB = ("baker", "doctor", "farmer", "gardener", "lawyer", "nurse", "teacher", "writer")
_THING = (
    "a bronze sword", "a painted wall", "a rare orchid", "a Roman coin", "a sunken boat", "an old map",
    "gold rings",
)  # fmt: skip
_CREW = ("bus drivers", "cleaners", "dockers", "nurses", "postmen", "teachers")

# For each kind of news: headlines, then how it begins, then what else is told. Braces hold facts.
_KINDS = (
    (
        ("Fire destroys {building} in {place}", "{place} {building} lost to fire"),
        (
            "A fire that broke out on {day} night has left nothing of the {building} in {place} but its walls.",
            "Firefighters from {other} could not save a {building} in {place} that burned down on {day}.",
        ),
        (
            "Nobody was hurt, said {person}, who leads the fire service.",
            "The {building} was {number} years old.",
            "Neighbours saw smoke shortly after {hour} o'clock.",
        ),
    ),
    (
        ("{place} beat {other} {number} to {hour}", "{place} win against {other}"),
        (
            "On {day} the team of {place} won its match against {other} by {number} to {hour}.",
            "{person} was the best when {place} defeated {other} on {day}, with {number} points against {hour}.",
        ),
        (
            "The captain, {person}, spoke of the best game of the season.",
            "It had rained since the morning.",
            "The next match is at home, in {hour} days.",
        ),
    ),
    (
        ("{person} elected mayor of {place}", "{place} chooses {surname} as mayor"),
        (
            "Voters in {place} have given the town hall to {person}, a {job}, after a close count on {day}.",
            "With {number} votes more than anybody else, {person} has won the election in {place}.",
        ),
        (
            "The new mayor, a {job}, wants more buses to {other}.",
            "The old one had held the post for {hour} years.",
            "Fewer people than ever went to the polls.",
        ),
    ),
    (
        ("{firm} to open {shop} in {place}", "{place} gets {shop} and {number} jobs"),
        (
            "The company {firm} said on {day} that its next {shop} will be built in {place}, with {number} jobs.",
            "{number} people will find work when {firm} opens a {shop} in {place} next year.",
        ),
        (
            "Its chief, {person}, had also looked at {other}.",
            "Work begins in {hour} months.",
            "The town gives the land for nothing.",
        ),
    ),
    (
        ("{person} finds {thing} near {place}", "{thing} found near {place}"),
        (
            "A walk in the fields outside {place} ended with a surprise for {person}: in the mud lay {thing}.",
            "{thing} came to light near {place} on {day}, when {person}, a {job}, dug up a garden.",
        ),
        (
            "Experts from {other} think that it lay there for {number} years.",
            "It will be shown in the town's museum.",
            "The finder may keep half of what it is worth.",
        ),
    ),
    (
        ("{number} homes without power in {place}", "Storm cuts power in {place}"),
        (
            "Strong winds brought down lines around {place} on {day} and left {number} homes in the dark.",
            "The lights went out in {number} homes of {place} when a storm came in from {other} on {day}.",
        ),
        (
            "Repairs will take {hour} hours, said {person} of the power company.",
            "Trees fell on two roads.",
            "Trains ran late for the rest of the day.",
        ),
    ),
    (
        ("{crew} in {place} end strike", "Strike of {crew} in {place} over after {hour} days"),
        (
            "After {hour} days without work, the {crew} of {place} go back to it on {day}.",
            "The {crew} of {place} have accepted an offer of {number} more a month and return after {hour} days.",
        ),
        (
            "Their speaker, {person}, called it a fair result.",
            "Those of {other} are still on strike.",
            "Many had marched through the town.",
        ),
    ),
)


def made_up_article(random: Generator) -> tuple[str, str]:
    """A text of three or four sentences, and its headline.

    Args:
        random: draws everything.
    """
    draw = _Draw(random)
    headlines, beginnings, details = draw.one(_KINDS)
    facts = _facts(draw)
    told = [sentence.format_map(facts) for sentence in (draw.one(beginnings), *draw.some(details, 2))]
    if draw.yes(_FOREIGN):
        told.append(draw.one(draw.one(_KINDS)[2]).format_map(_facts(draw)))
    if draw.yes(_LATE):
        told[:2] = told[1::-1]
    text, headline = " ".join(told), draw.one(headlines).format_map(facts)
    return text[0].upper() + text[1:], headline[0].upper() + headline[1:]


class _Draw:
    """Makes choices, with random numbers that are drawn all at once: one by one they would take long."""

    def __init__(self, random: Generator) -> None:
        numbers: list[float] = uniform(_DRAWS, random).tolist()
        self._numbers = iter(numbers)

    def one(self, options: Sequence[T]) -> T:
        return options[int(next(self._numbers) * len(options))]

    def some(self, options: Sequence[T], count: int) -> list[T]:
        """Different ones, in a random order."""
        left = list(options)
        return [left.pop(int(next(self._numbers) * len(left))) for _number in range(count)]

    def yes(self, chance: float) -> bool:
        return next(self._numbers) < chance

    def name(self, endings: Sequence[str]) -> str:
        return self.one(_FIRST) + self.one(_MIDDLE) + self.one(_MIDDLE) + self.one(endings)


def _facts(draw: _Draw) -> dict[str, str | int]:
    surname = draw.name(_SURNAME)
    return {
        "place": draw.name(_PLACE),
        "other": draw.name(_PLACE),
        "surname": surname,
        "person": f"{draw.one(_GIVEN)} {surname}",
        "firm": draw.name(_FIRM),
        "number": draw.one(range(12, 960)),
        "hour": draw.one(range(2, 12)),
        "day": draw.one(_DAY),
        "building": draw.one(_BUILDING),
        "shop": draw.one(_SHOP),
        "job": draw.one(_JOB),
        "thing": draw.one(_THING),
        "crew": draw.one(_CREW),
    }
