"""--lang and --debug may stand anywhere on the line."""

import pytest

from koubai.cli.errors import MISUSED, Mistake
from koubai.cli.everywhere import take_everywhere


@pytest.mark.parametrize(
    ("line", "rest", "language"),
    [
        ("train digits", "train digits", None),
        ("--lang ja train digits", "train digits", "ja"),
        ("train digits --lang=en --epochs 3", "train digits --epochs 3", "en"),
        ("--debug runs", "runs", None),
        ("predict run -- --debug --lang", "predict run -- --debug --lang", None),
    ],
)
def test_they_are_taken_out(line: str, rest: str, language: str | None) -> None:
    assert take_everywhere(line.split()) == (rest.split(), language)


@pytest.mark.parametrize("line", ["--lang", "--lang fr", "runs --lang="])
def test_a_language_we_do_not_speak(line: str) -> None:
    with pytest.raises(Mistake, match="--lang must be one of en, ja") as caught:
        take_everywhere(line.split())
    assert caught.value.code == MISUSED
