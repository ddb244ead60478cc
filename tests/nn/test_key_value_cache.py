"""Generation step by step with a cache gives what the whole sequence gives at once, eagerly and compiled."""

import pytest

import koubai
from koubai import nn

from .agreement import close, double


@pytest.fixture(autouse=True, params=[0, 1, 2])
def _seed(request):
    koubai.manual_seed(request.param)


def encoder(rotary=False, norm_first=True, batch_first=True):
    kind = {"batch_first": batch_first, "norm_first": norm_first, "dtype": koubai.float64}
    stack = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, **kind), 2).eval()
    for parameter in stack.parameters():
        nn.init.normal_(parameter, std=0.5)
    for layer in stack.layers:
        layer.self_attn.rotary = nn.RotaryPositions(4, dtype=koubai.float64) if rotary else None
    return stack


def at_once(stack, x):
    length = x.shape[1]
    return stack(x, koubai.ones(length, length, dtype=koubai.bool).triu(1)).numpy(force=True)


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("rotary", [False, True])
@pytest.mark.parametrize("parts", [[1] * 7, [3, 1, 1, 2], [7]], ids=str)
def test_steps_are_the_whole(rotary, norm_first, parts):
    stack, x = encoder(rotary, norm_first), double(3, 7, 8)
    cache = stack.new_cache(samples=3, max_len=9)
    with koubai.no_grad():
        found = koubai.cat([stack(part, cache=cache) for part in x.split(parts, 1)], 1)
    close(found, at_once(stack, x))
    assert [layer.length.item() for layer in cache] == [7, 7]


def test_the_other_layout():
    stack, x = encoder(batch_first=False), double(7, 3, 8)
    cache = stack.new_cache(3, 7)
    with koubai.no_grad():
        found = koubai.cat([stack(part, cache=cache) for part in x.split(2)])
    mask = koubai.ones(7, 7, dtype=koubai.bool).triu(1)
    close(found, stack(x, mask).numpy(force=True))


def test_a_decoder_with_its_memory():
    layer = nn.TransformerDecoderLayer(8, 2, 16, batch_first=True, dtype=koubai.float64)
    stack = nn.TransformerDecoder(layer, 2, nn.LayerNorm(8, dtype=koubai.float64)).eval()
    x, memory = double(2, 5, 8), double(2, 4, 8, seed=1)
    expected = stack(x, memory, koubai.ones(5, 5, dtype=koubai.bool).triu(1))
    cache = stack.new_cache(2, 5)
    with koubai.no_grad():
        found = koubai.cat([stack(part, memory, cache=cache) for part in x.split(1, 1)], 1)
    close(found, expected.numpy(force=True))


def test_padding_at_the_front_is_not_seen():
    stack, x = encoder(), double(2, 6, 8)
    cache = stack.new_cache(2, 6)
    hidden = koubai.tensor([[False] * 6, [True] * 2 + [False] * 4])
    with koubai.no_grad():
        steps = [stack(part, src_key_padding_mask=hidden, cache=cache) for part in x.split(2, 1)]
    found = koubai.cat(steps, 1)
    close(found[0], at_once(stack, x)[0])
    close(found[1, 2:], at_once(stack, x[1:, 2:])[0])


def test_a_compiled_step_is_compiled_once():
    stack = encoder(rotary=True).float()
    cache, x = stack.new_cache(1, 6), double(1, 6, 8).float()
    traced = 0

    @koubai.compile
    def step(now):
        nonlocal traced
        traced += 1
        with koubai.no_grad():
            return stack(now, cache=cache)

    found = koubai.cat([step(now) for now in x.split(1, 1)], 1)
    close(found, at_once(stack, x), 1e-4)
    assert traced == 1
    for layer in cache:
        layer.reset()
    close(step(x[:, :1]), found[:, :1].numpy(), 1e-5)


def test_beams_go_on_from_others():
    stack, x = encoder(), double(2, 4, 8)
    cache = stack.new_cache(2, 4)
    with koubai.no_grad():
        stack(x[:, :3], cache=cache)
        for layer in cache:
            layer.reorder(koubai.tensor([1, 1]))
        last = stack(x[:, 3:], cache=cache)
    crossed = koubai.cat([x[[1, 1], :3], x[:, 3:]], 1)
    close(last, at_once(stack, crossed)[:, 3:])


def test_weights_are_shown_with_the_room_of_the_cache():
    attention = nn.MultiheadAttention(6, 3, batch_first=True, add_bias_kv=True, dtype=koubai.float64)
    cache, x = attention.new_cache(2, 4), double(2, 3, 6)
    with koubai.no_grad():
        output, weights = attention(x, x, x, cache=cache, is_causal=True)
    future = koubai.ones(3, 3, dtype=koubai.bool).triu(1)
    expected, whole = attention(x, x, x, attn_mask=future)
    close(output, expected.numpy(force=True))
    assert weights.shape == (2, 3, 5)
    close(weights[..., [0, 1, 2, 4]], whole.numpy(force=True))


def test_mistakes():
    stack, x = encoder(), double(2, 3, 8)
    with pytest.raises(RuntimeError, match=r"generate under koubai\.no_grad\(\)"):
        stack(x, cache=stack.new_cache(2, 4))
    with koubai.no_grad():
        with pytest.raises(RuntimeError, match=r"made for .* \[1, 2, 'up to 4', 4\], got \[2, 2, 3, 4\]"):
            stack(x, cache=stack.new_cache(1, 4))
        cache = stack.new_cache(2, 4)
        stack(x, cache=cache)
        with pytest.raises(IndexError, match="out of"):
            stack(x, cache=cache)
