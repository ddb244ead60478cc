"""Models of language: none sees what comes later, padding changes nothing, and token by token gives the same."""

import numpy as np
import pytest

import koubai
from koubai import models

TOKENS = np.random.default_rng(0).integers(1, 7, (2, 6))


@pytest.fixture(autouse=True)
def _seed():
    koubai.manual_seed(0)


def close(a, b):
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=2e-4, atol=2e-5)


def changed(tokens, place):
    other = tokens.copy()
    other[:, place] = 7 - other[:, place]
    return koubai.tensor(other)


def test_gpt_scores_each_position_by_what_stands_before():
    model = models.GPT(7, context=8, features=16, heads=2, layers=2).eval()
    scores, others = model(koubai.tensor(TOKENS)), model(changed(TOKENS, 3))
    assert scores.shape == (2, 7, 6)
    close(scores[:, :, :3], others[:, :, :3])
    assert (abs(scores - others).amax((1,))[:, 3:] > 1e-6).all()


def test_gpt_token_by_token():
    model = models.GPT(7, context=8, features=16, heads=2, layers=2).eval()
    tokens = koubai.tensor(TOKENS)
    with koubai.no_grad():
        cache = model.new_cache(2)
        parts = [model(tokens[:, :3], cache), *(model(tokens[:, n : n + 1], cache) for n in range(3, 6))]
        close(koubai.cat(parts, 2), model(tokens))


def test_gpt_tells_where_it_looks():
    model = models.GPT(7, context=8, features=16, heads=2, layers=3).eval()
    maps = model.attention(koubai.tensor(TOKENS[0]))
    assert maps.shape == (3, 2, 6, 6)
    close(maps.sum(-1), koubai.ones(3, 2, 6))
    assert (maps.triu(1) == 0).all()


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_character_rnn_by_steps_and_behind_the_end(cell):
    model = models.CharacterRNN(8, 4, 5, layers=2, cell=cell).eval()
    lengths = koubai.tensor([6, 4])
    scores = model(koubai.tensor(TOKENS), lengths)
    assert scores.shape == (2, 8, 6)
    close(scores[1, :, :4], model(changed(TOKENS, 5), lengths)[1, :, :4])
    state, parts = None, []
    for place in range(6):
        one, state = model.step(koubai.tensor(TOKENS[:, place]), state)
        parts.append(one)
    close(koubai.stack(parts, 2)[0], scores[0])


def test_translator_heeds_neither_padding_nor_what_comes_later():
    model = models.Translator(8, 9, features=16, heads=2, layers=2, longest=10).eval()
    source, target = koubai.tensor(TOKENS), koubai.tensor(TOKENS)
    scores = model(source, target)
    assert scores.shape == (2, 9, 6)
    padded = koubai.cat([source, koubai.zeros(2, 3, dtype=koubai.int64)], 1)
    close(model(padded, target), scores)
    close(model(source, changed(TOKENS, 4))[:, :, :4], scores[:, :, :4])
    assert abs(model(changed(TOKENS, 0), target) - scores).max() > 1e-4


def test_translator_token_by_token():
    model = models.Translator(8, 9, features=16, heads=2, layers=2, longest=10).eval()
    source, target = koubai.tensor(TOKENS), koubai.tensor(TOKENS)
    with koubai.no_grad():
        memory, padding = model.encode(source)
        cache = model.new_cache(2)
        parts = [model.decode(target[:, n : n + 1], memory, padding, cache, n) for n in range(6)]
        close(koubai.cat(parts, 1), model.decode(target, memory, padding))


def test_translator_tells_where_it_looks():
    model = models.Translator(8, 9, features=16, heads=2, layers=2, longest=10).eval()
    maps = model.attention(koubai.tensor(TOKENS[0]), koubai.tensor(TOKENS[1][:4]))
    assert maps.shape == (4, 6)
    close(maps.sum(-1), koubai.ones(4))
