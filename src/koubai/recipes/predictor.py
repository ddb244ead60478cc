"""What a run keeps to answer for new data: everything between a user's input and an answer but the model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from koubai.atomic import write_file
from koubai.i18n import _
from koubai.nn import Module
from koubai.recipes.exhibit import Exhibit

FILE = "predictor.json"
Kind = TypeVar("Kind", bound="Predictor")


class AnswerOptions(BaseModel):
    """What an answer can be told; a predictor adds its own by subclassing, with a description for each."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Predictor(BaseModel, ABC):
    """Turns a user's input into the model's, and the model's output into an answer.

    Its fields are what has to be known for that and for building the model: shapes, names of classes, a
    vocabulary, how inputs are scaled. They are kept in the run's folder as JSON.
    """

    options: ClassVar[type[AnswerOptions]] = AnswerOptions

    @abstractmethod
    def answer(self, model: Module, source: str, options: Any) -> Sequence[Exhibit]:
        """The model's answer for what a user hands in.

        Args:
            model: with its trained weights.
            source: what the user typed: a path, a sentence, cells of a row.
            options: an instance of this predictor's `options`.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it cannot be read, or is not what this model takes.
            ImportError: what reads such a file is not installed.
        """

    def save(self, folder: Path) -> None:
        """Write it into the run's folder."""
        write_file(folder / FILE, self.model_dump_json(indent=2).encode())

    @classmethod
    def load(cls: type[Kind], folder: Path) -> Kind:
        """Read it back.

        Raises:
            FileNotFoundError: when the run was not made by a recipe or a script of `koubai train`.
            ValueError: when the file is truncated or changed.
        """
        path = folder / FILE
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            problem = _("{file} is damaged: it is truncated or was changed; copy it back from a backup")
            raise ValueError(problem.format(file=path)) from error
