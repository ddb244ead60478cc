"""A vocabulary gives tokens numbers and back; what it does not know is refused, or has a number of its own."""

import pytest

from koubai.data import Vocabulary


def test_there_and_back():
    letters = Vocabulary.of("banana", special=["<s>"])
    assert letters.tokens == ("<s>", "a", "b", "n")
    assert letters.ids("nab").tolist() == [3, 1, 2]
    assert letters.words([3, 1, 2, 0]) == ["n", "a", "b", "<s>"]
    assert len(letters) == 4
    assert "a" in letters
    assert "x" not in letters


def test_an_unknown_token_is_refused():
    with pytest.raises(KeyError, match="x"):
        Vocabulary.of("banana").ids("nax")


def test_rare_tokens_share_the_number_of_the_unknown():
    words = Vocabulary.of(["a", "cat", "a", "dog", "a", "cat"], ["<pad>", "<unk>"], "<unk>", least=2)
    assert words.tokens == ("<pad>", "<unk>", "a", "cat")
    assert words.ids(["a", "dog", "bit", "a", "cat"]).tolist() == [2, 1, 1, 2, 3]


def test_a_special_token_in_the_text_is_there_once():
    assert Vocabulary.of(["<unk>", "a"], ["<unk>"], "<unk>").tokens == ("<unk>", "a")
