"""Headlines are learnt from few texts, names that no vocabulary has are copied, and bad input is refused."""

import sys
from pathlib import Path

import numpy as np
import pytest

import koubai
from koubai.models import PointerGenerator
from koubai.recipes import RECIPES, Outcome, Training
from koubai.recipes.exhibit import HeatMap, Table, Texts, Tokens
from koubai.recipes.summarise import rouge
from koubai.recipes.summarise.words import CUTS, cut_text, extended, wide_ids

pytest.importorskip("rouge_score")

RECIPE = RECIPES["summarise"]
SMALL = {"features": 48, "heads": 2, "layers": 1, "dropout": 0.0, "length": 48, "longest": 12}
WRITTEN = Path(__file__).parent / "headlines.csv"  # sixty short news
TEXT = (
    "The company Zyxomatic said on Friday that its next museum will be built in Flobbertown, with 95 jobs. "
    "The town gives the land for nothing."
)


def trained(**settings) -> Training:
    training = Training(RECIPE, RECIPE.settings(**SMALL | settings))
    training.fit()
    return training


@pytest.fixture(scope="module")
def learnt():
    training = trained(most=1500, epochs=10, lr=0.004)
    return training, training.judge()


def answer(training: Training, source: str, **values):
    options = RECIPE.predictor.options(**values)
    return training.task.predictor.answer(training.model.eval(), source, options)


def test_it_beats_the_first_words_of_the_text_and_the_outcome_survives_the_disk(learnt, tmp_path):
    _, outcome = learnt
    assert outcome.headline == "rougeL"
    assert set(outcome.metrics) == {"rouge1", "rouge2", "rougeL", "rare_words"}
    assert outcome.baseline["rougeL"] < 15 < 50 < outcome.result
    table = outcome.exhibits[0]
    assert [float(row[3]) for row in table.rows] == [
        pytest.approx(value["rougeL"], abs=0.06) for value in (outcome.baseline, outcome.metrics)
    ]
    outcome.save(tmp_path)
    assert Outcome.load(tmp_path).metrics == outcome.metrics


def test_a_name_outside_the_vocabulary_is_copied_into_the_headline(learnt):
    training, outcome = learnt
    vocabulary = training.task.predictor.vocabulary
    assert "flobbertown" not in vocabulary
    assert "zyxomatic" not in vocabulary
    headline, _found, copied, text, where = answer(training, TEXT)
    assert isinstance(headline, Texts)
    words = headline.passages[0][1].split()
    assert {"flobbertown", "zyxomatic"} & set(words)
    assert isinstance(copied, Tokens)
    shares = dict(zip(copied.words, copied.weights))
    strange = [word for word in words if word not in vocabulary]
    assert all(shares[word] > 0.999 for word in strange)
    assert shares["museum"] <= 1.0001
    assert text.words[text.weights.argmax()] in words
    assert isinstance(where, HeatMap)
    row = where.values[where.rows.index(strange[0])]
    assert where.columns[row.argmax()] == strange[0]
    assert outcome.metrics["rare_words"] > 0.5 > outcome.baseline["rare_words"]


def test_the_report_shows_what_was_best_and_worst_and_copied(learnt):
    _, outcome = learnt
    listed = outcome.exhibits[1]
    scores = [float(row[0]) for row in listed.rows if row[0] != "…"]
    assert scores == sorted(scores, reverse=True)
    maps = [exhibit for exhibit in outcome.exhibits if isinstance(exhibit, HeatMap)]
    assert len(maps) == 4
    assert all(exhibit.values.shape == (len(exhibit.rows), len(exhibit.columns)) for exhibit in maps)


def test_a_file_and_a_wider_search(learnt, tmp_path):
    training, _ = learnt
    (tmp_path / "news.txt").write_text(TEXT, "utf-8")
    _headline, found, *_others = answer(training, str(tmp_path / "news.txt"), beam=3)
    assert isinstance(found, Table)
    assert len(found.rows) == 3
    assert found.rows[0][0] == answer(training, TEXT, beam=3)[0].passages[0][1]


@pytest.mark.parametrize("nothing", ["", " \n"])
def test_an_empty_text_is_refused(learnt, nothing, tmp_path):
    with pytest.raises(ValueError, match="The text is empty"):
        answer(learnt[0], nothing)
    (tmp_path / "empty.txt").write_text(nothing)
    with pytest.raises(ValueError, match="The text is empty"):
        answer(learnt[0], str(tmp_path / "empty.txt"))


def test_files_it_cannot_read_are_refused(learnt, tmp_path):
    with pytest.raises(FileNotFoundError):
        answer(learnt[0], str(tmp_path / "nothing.txt"))
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    with pytest.raises(ValueError, match="not a text in UTF-8"):
        answer(learnt[0], str(tmp_path / "latin.txt"))


@pytest.mark.usefixtures("undoctored")
def test_texts_of_ones_own_and_the_same_seed_gives_the_same_bits():
    first, second = (trained(file=WRITTEN, epochs=2, batch_size=24) for _ in range(2))
    for name, weights in first.model.state_dict().items():
        assert np.array_equal(weights.numpy(), second.model.state_dict()[name].numpy()), name
    outcome = first.judge()
    assert outcome.samples == 6
    assert 0 <= outcome.result <= 100
    assert outcome.baseline["rouge1"] > 10  # news begin with what matters


def test_without_rouge_score_it_says_so_before_training(monkeypatch):
    rouge._scorer.cache_clear()
    monkeypatch.setitem(sys.modules, "rouge_score.rouge_scorer", None)
    with pytest.raises(ImportError, match=r"pip install 'koubai\[text\]'"):
        trained(file=WRITTEN)


def test_rouge_compares_tokens_of_any_script():
    assert rouge.rouge(["津波 警報 解除"], ["津波 注意 解除"])["rougeL"] == [pytest.approx(200 / 3)]
    assert rouge.rouge(["a b c d"], ["b a c d"]) == {
        "rouge1": [pytest.approx(100)],
        "rouge2": [pytest.approx(100 / 3)],
        "rougeL": [pytest.approx(75)],
    }


def test_texts_are_cut_into_words_or_characters():
    words = cut_text("The well-known Ｔｏｍ’s boat (built in 1,950) sank.", "words")
    assert words == ["the", "well-known", "tom's", "boat", "(", "built", "in", "1,950", ")", "sank", "."]
    assert CUTS["words"].join(words) == "the well-known tom's boat (built in 1,950) sank."
    assert cut_text("地震 Ｍ５", "characters") == ["地", "震", " ", "m", "5"]


def test_unknown_words_are_numbered_after_the_vocabulary(learnt):
    vocabulary, size = learnt[0].task.predictor.vocabulary, len(learnt[0].task.predictor.vocabulary)
    others = extended(["xy", "in", "zz", "xy"], vocabulary)
    assert others == ["xy", "zz"]
    assert wide_ids(["zz", "in", "xy", "qq"], vocabulary, others).tolist() == [
        size + 1, *vocabulary.ids(["in"]), size, vocabulary.unknown,
    ]  # fmt: skip


def test_the_mixture_is_the_one_of_the_paper():
    koubai.manual_seed(0)
    model = PointerGenerator(tokens=10, copies=4, features=8, heads=2, layers=1, longest=8).eval()
    source, target = koubai.tensor([[5, 10, 7, 10, 11, 0]]), koubai.tensor([[1, 10, 6]])
    memory, padding, _ = model.encode(source)
    vocabulary, places, generated = (
        part.detach().numpy()[0] for part in model._parts(target, memory, padding, None, 0)
    )
    expected = np.concatenate([generated * vocabulary, np.zeros((3, 4), np.float32)], axis=1)
    for place, word in enumerate(source.numpy()[0]):
        expected[:, word] += (1 - generated[:, 0]) * places[:, place]
    found = model(source, target).detach().exp().numpy()[0].T
    np.testing.assert_allclose(found, np.maximum(expected, 1e-9), rtol=1e-4, atol=1e-8)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    assert places[:, 5].max() == 0  # nobody looks at padding
    np.testing.assert_allclose(
        model.attention(source[0], target[0]).detach().numpy(), (1 - generated) * places, rtol=1e-5
    )


def test_the_gradient_agrees_with_numerical_differentiation():
    koubai.manual_seed(0)
    model = PointerGenerator(tokens=9, copies=3, features=8, heads=2, layers=1, longest=8).double().eval()
    source, target = koubai.tensor([[5, 9, 7, 10], [4, 6, 0, 0]]), koubai.tensor([[1, 9, 6], [1, 4, 8]])
    wanted = koubai.tensor([[9, 6, 2], [4, 8, 2]])

    def loss() -> koubai.Tensor:
        return koubai.nn.functional.nll_loss(model(source, target), wanted)

    loss().backward()
    weights = [weight for weight in model.parameters() if weight.grad is not None]
    generator = koubai.Generator().manual_seed(1)
    way = [koubai.randn(weight.shape, dtype=koubai.float64, generator=generator) for weight in weights]
    slope = sum(float((weight.grad * step).sum()) for weight, step in zip(weights, way))
    ends = []
    with koubai.no_grad():
        for size in (1e-6, -2e-6):
            for weight, step in zip(weights, way):
                weight += size * step
            ends.append(float(loss()))
    assert slope == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6)
