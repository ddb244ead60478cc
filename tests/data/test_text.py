"""Augmentation of texts, English and Japanese."""

import re

import pytest

import koubai
from koubai.data import (
    CHARACTERS,
    Compose,
    DataLoader,
    Paraphrase,
    RandomDeletion,
    RandomSwap,
    SynonymReplacement,
    Tokenizer,
)

ENGLISH = "the quick brown fox jumps over the lazy dog"
JAPANESE = "今日はとても良い天気です"

#: Cuts between kinds of writing, as a stand-in for a morphological analyser.
BY_SCRIPT = Tokenizer(lambda text: re.findall(r"[一-龠]+|[ぁ-ん]+|[ァ-ヶー]+|\S", text), "".join)


def seeded(seed: int = 0) -> koubai.Generator:
    return koubai.Generator().manual_seed(seed)


def test_synonyms_take_the_place_of_words():
    replace = SynonymReplacement({"quick": ["fast", "swift"], "dog": ["hound"]}, p=1)
    texts = {replace(ENGLISH, seeded(seed)) for seed in range(20)}
    expected = {ENGLISH.replace("quick", word).replace("dog", "hound") for word in ("fast", "swift")}
    assert texts == expected
    assert SynonymReplacement({"quick": ["fast"]}, p=0)(ENGLISH) == ENGLISH


def test_synonyms_in_japanese():
    replace = SynonymReplacement({"今日": ["本日"], "良": ["素晴らし"]}, p=1, tokenizer=BY_SCRIPT)
    assert replace(JAPANESE) == "本日はとても素晴らしい天気です"
    replace = SynonymReplacement({"良": ["悪"]}, p=1, tokenizer=CHARACTERS)
    assert replace(JAPANESE) == "今日はとても悪い天気です"


def test_deletion_leaves_words_out_but_never_all():
    words = ENGLISH.split()
    kept = RandomDeletion(p=0.4)(ENGLISH, seeded()).split()
    assert 0 < len(kept) < len(words)
    rest = iter(words)
    assert all(word in rest for word in kept)  # still in their order
    assert RandomDeletion(p=1)(ENGLISH, seeded()) in words
    assert RandomDeletion(p=0)(ENGLISH) == ENGLISH


def test_deletion_of_japanese_characters():
    kept = RandomDeletion(p=0.4, tokenizer=CHARACTERS)(JAPANESE, seeded())
    assert 0 < len(kept) < len(JAPANESE)
    assert set(kept) <= set(JAPANESE)


@pytest.mark.parametrize(("text", "swap"), [(ENGLISH, RandomSwap()), (JAPANESE, RandomSwap(1, CHARACTERS))])
def test_a_swap_changes_two_places(text, swap):
    before, after = (swap.tokenizer.tokenize(each) for each in (text, swap(text, seeded(1))))
    assert sorted(before) == sorted(after)
    assert sum(one != other for one, other in zip(before, after)) == 2


def test_swaps_of_japanese_words_keep_their_characters_together():
    words = BY_SCRIPT.tokenize(JAPANESE)
    swapped = RandomSwap(2, BY_SCRIPT)(JAPANESE, seeded())
    assert swapped != JAPANESE
    assert len(swapped) == len(JAPANESE)
    assert all(word in swapped for word in words)


def test_a_single_word_has_nothing_to_swap_with():
    assert RandomSwap(swaps=3)("alone") == "alone"


def test_combining_marks_stay_with_their_character():
    text = "か\u3099き"  # が written as か and a separate dakuten
    assert CHARACTERS.tokenize(text) == ["か\u3099", "き"]
    assert CHARACTERS.join(CHARACTERS.tokenize(text)) == text


def test_a_paraphrase_is_the_users_function():
    assert Paraphrase(str.upper)(ENGLISH) == ENGLISH.upper()
    said = [Paraphrase(str.upper, p=0.5)("a", seeded(seed)) for seed in range(30)]
    assert set(said) == {"a", "A"}
    with pytest.raises(TypeError, match="gave a int"):
        Paraphrase(len)(ENGLISH)


@pytest.mark.parametrize("change", [RandomDeletion(0.5), RandomSwap(), SynonymReplacement({"a": ["b"]}, p=1)])
def test_an_empty_text_stays_empty(change):
    assert change("") == ""
    assert change(["", "  "]) == ["", "  "]


def test_lists_and_batches_of_texts():
    upper = Paraphrase(str.upper)
    assert upper(["a", "b"]) == ["A", "B"]
    assert upper(("a", "b")) == ["A", "B"]
    assert upper((("a", "b"), [0, 1])) == [["A", "B"], [0, 1]]
    with pytest.raises(TypeError, match="type int"):
        upper(["a", 3])


def test_a_loader_augments_its_texts():
    loader = DataLoader(
        [(JAPANESE, 0), ("雨", 1)], batch_size=2, augment=Paraphrase(lambda text: text + "。")
    )
    texts, labels = next(iter(loader))
    assert texts == [JAPANESE + "。", "雨。"]
    assert labels.tolist() == [0, 1]


def test_the_generator_decides():
    change = Compose([RandomDeletion(0.2), RandomSwap(2)])
    assert change(ENGLISH, seeded(5)) == change(ENGLISH, seeded(5))
    assert len({change(ENGLISH, seeded(seed)) for seed in range(5)}) > 1


@pytest.mark.parametrize("synonyms", [{"a": []}, {"a": "b"}])
def test_synonyms_have_to_be_lists(synonyms):
    with pytest.raises(ValueError, match="'a' needs a list"):
        SynonymReplacement(synonyms)
