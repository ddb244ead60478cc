"""Which values of a network get a name on paper, and which letter: w, b, x, z, a, y, t, L.

A learner writes z = w₁x₁ + w₂x₂ + b as one line, and so do we: a sum that is only part of another sum has no name of
its own. Moving elements gives no new ones. A layer's activation is one function, whatever ops it is made of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from koubai.engine.steps import Step
from koubai.explain.recording import Key, Recording, key_of, moves_only
from koubai.explain.symbol import Letter
from koubai.ops.op import Op

__all__ = ["distinct", "given_letters", "placed", "value_letters"]

_PRODUCTS = frozenset({"matmul", "convolution"})
_SUMS = frozenset({"add", "sub", "sum", "window_sum", *_PRODUCTS})
_FACTORS = frozenset({"mul", "div"})
_COMPOSITES = {"_softmax": "p", "_softmax_or_zeros": "p", "_log_softmax": "log p"}
_BY_LAYER = "wbza"  # letters that are numbered together, by layer
_PARTS = {"weight": "w", "bias": "b"}
_RESERVED = [Letter(letter) for letter in "ηγβελτα"] + [Letter("n")]  # of the update


def given_letters(
    parameters: Sequence[str], inputs: Sequence[str], target: bool
) -> tuple[list[Letter], list[Letter]]:
    """Return a letter for each parameter, and one for each input and the target, all different.

    Args:
        parameters: their paths in the model: "0.weight" of several layers is w⁽¹⁾.
        inputs: what the inputs are called: "x", or "h^t-1" for h with t−1 above it.
        target: whether there is one, which is called t.
    """
    owners = list(dict.fromkeys(name.rpartition(".")[0] for name in parameters))
    shown = [*map(_input_letter, inputs), *([Letter("t")] if target else [])]
    letters = distinct([*shown, *(_parameter_letter(name, owners) for name in parameters)], _RESERVED)
    return letters[len(shown) :], letters[: len(shown)]


def distinct(letters: Iterable[Letter], taken: Iterable[Letter]) -> list[Letter]:
    """Number letters that are taken already, or come twice."""
    keys = {letter.key for letter in taken}
    found = []
    for letter in letters:
        numbered, number = letter, 1
        while numbered.key in keys:
            number += 1
            numbered = replace(letter, layer=f"{letter.layer}{number}")
        keys.add(numbered.key)
        found.append(numbered)
    return found


def _input_letter(name: str) -> Letter:
    letter, _hat, layer = name.partition("^")
    return Letter(letter, layer)


def _parameter_letter(name: str, owners: Sequence[str]) -> Letter:
    owner, _, own = name.rpartition(".")
    words = own.split("_")
    kind = next((word for word in words if word in _PARTS), words[0])
    rest = "".join(word for word in words if word != kind)
    last = owner.rpartition(".")[2]
    number = last if last.isalpha() and len(last) == 1 else str(owners.index(owner) + 1)
    layer = number if len(owners) > 1 else ""
    return Letter(_PARTS.get(kind, kind), layer + rest)


def value_letters(recording: Recording, known: Mapping[Key, Letter]) -> dict[Key, Letter]:
    """Choose the values that get a name.

    Args:
        recording: what the network did.
        known: the letters of the values that are named already: inputs, target and parameters.

    Returns:
        the letters, in the order in which the values are computed.
    """
    chosen = _Chooser(recording, known).letters()
    taken = [*known.values(), *_RESERVED]
    counts = Counter(chosen.values())
    layered = any(counts[letter] > 1 for letter in _BY_LAYER)
    seen: Counter[str] = Counter()
    letters = {}
    for key, letter in chosen.items():
        seen[letter] += 1
        numbered = counts[letter] > 1 or (layered and letter in _BY_LAYER)
        letters[key] = Letter(letter, str(seen[letter]) if numbered else "")
    return dict(zip(letters, distinct(letters.values(), taken)))


class _Chooser:
    """Decides about the results of one recording."""

    def __init__(self, recording: Recording, known: Iterable[Key]) -> None:
        self.recording = recording
        self.source: dict[Key, Key] = {}  # what moved elements were before
        self.readers: dict[Key, list[int]] = {}
        self.varying = set(known)  # what depends on inputs or parameters
        self.makers = {key_of(operand): step for step in recording.steps for operand in step.outputs}
        for number, step in enumerate(recording.steps):
            self._note(number, step)
        self.labels = {self._origin(key): name for key, name in recording.labels.items()}
        self.output, self.loss = self._origin(recording.output), self._origin(recording.loss)

    def _origin(self, key: Key) -> Key:
        while key in self.source:
            key = self.source[key]
        return key

    def _note(self, number: int, step: Step) -> None:
        read = [self._origin(key_of(operand)) for operand in step.inputs if operand is not None]
        if not self.varying.intersection(read):
            return
        self.varying.update(map(key_of, step.outputs))
        if moves_only(step) and len(read) == 1:
            moved = key_of(step.outputs[0])
            if moved != read[0]:  # NumPy gives back the array itself where nothing moves
                self.source[moved] = read[0]
            return
        for key in dict.fromkeys(read):
            self.readers.setdefault(key, []).append(number)

    def letters(self) -> dict[Key, str]:
        """The named results and their letters, in order."""
        chosen = {}
        for number, step in enumerate(self.recording.steps):
            for operand in step.outputs:
                key = key_of(operand)
                if key in self.varying and key not in self.source and operand.array.dtype.kind == "f":
                    letter = self._letter(number, step, key)
                    if letter:
                        chosen[key] = letter
        return chosen

    def _letter(self, number: int, step: Step, key: Key) -> str:
        """The letter of a result, or "" if it gets no name."""
        if key == self.loss:
            return "L"
        if key in self.labels:
            return self.labels[key]
        if key == self.output:
            return "y"
        call = self.recording.activation_of(number)
        if call is not None:
            return "a" if number == call.stop - 1 and number < self.recording.loss_start else ""
        if moves_only(step):
            return ""
        if step.rule.name in _COMPOSITES:
            return _COMPOSITES[step.rule.name]
        if not isinstance(step.rule, Op):
            return "a"
        return "" if self._is_part(number, step, key) else self._kind(step)

    def _kind(self, step: Step) -> str:
        if self._sums_products(step):
            return "z"
        return "v" if step.rule.name in _SUMS | _FACTORS else "a"

    def _sums_products(self, step: Step) -> bool:
        """Tell whether a step is a weighted sum: products added up, with or without a bias."""
        if step.rule.name in _PRODUCTS:
            return True
        read = [self._origin(key_of(o)) for o in step.inputs if o is not None]
        return step.rule.name == "add" and any(
            self._sums_products(self.makers[key]) for key in read if key in self.makers
        )

    def _is_part(self, number: int, step: Step, key: Key) -> bool:
        """Tell whether a result is only a part of the one thing that is made of it."""
        readers = self.readers.get(key, [])
        if len(readers) != 1:
            return False
        reader = self.recording.steps[readers[0]]
        if number >= self.recording.loss_start or self._scales(step):
            return True
        return step.rule.name in _SUMS and (
            reader.rule.name in _SUMS - _PRODUCTS or self._scales(reader) or reader.rule.name == "neg"
        )

    def _scales(self, step: Step) -> bool:
        """Tell whether a step multiplies by a constant."""
        constants = [o for o in step.inputs if o is not None and self._origin(key_of(o)) not in self.varying]
        return step.rule.name == "neg" or (step.rule.name in _FACTORS and bool(constants))


def placed(letter: Letter, shape: Sequence[int], place: Sequence[int]) -> Letter:
    """Return the letter of one element: its place from 1, without the dimensions of size 1."""
    return replace(letter, index=tuple(at + 1 for at, length in zip(place, shape) if length > 1))
