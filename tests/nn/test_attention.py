"""Attention is softmax(QKᵀ/√D)V for every head, with masks of both kinds, and zeros where nothing may be looked at."""

import math

import numpy as np
import pytest

import koubai
from koubai import nn
from koubai.nn import functional as F

from .agreement import check, check_layer, close, double


def attend(q, k, v, added=0.0, scale=None):
    """The formula, with rows that are masked altogether giving zeros; returns the weights too."""
    scores = q @ np.swapaxes(k, -1, -2) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale) + added
    top = scores.max(-1, keepdims=True)
    powers = np.where(np.isinf(scores), 0, np.exp(scores - np.where(np.isinf(top), 0, top)))
    total = powers.sum(-1, keepdims=True)
    weights = powers / np.where(total == 0, 1, total)
    return weights @ v, weights


def qkv(*batch, queries=3, keys=5, features=4, width=2):
    return (
        double(*batch, queries, features),
        double(*batch, keys, features, seed=1),
        double(*batch, keys, width, seed=2),
    )


def arrays(*tensors):
    return [tensor.numpy() for tensor in tensors]


@pytest.mark.parametrize("batch", [(), (2,), (2, 3)])
def test_values_of_any_batch(batch):
    inputs = qkv(*batch)
    close(F.scaled_dot_product_attention(*inputs), attend(*arrays(*inputs))[0])
    close(F.scaled_dot_product_attention(*inputs, scale=2.0), attend(*arrays(*inputs), scale=2.0)[0])


def test_masks_of_both_kinds():
    inputs = qkv(2, 3)
    may_look = koubai.from_numpy(np.random.default_rng(0).random((3, 5)) < 0.6)
    hidden = np.where(may_look.numpy(), 0.0, -np.inf)
    expected = attend(*arrays(*inputs), hidden)[0]
    close(F.scaled_dot_product_attention(*inputs, may_look), expected)
    close(F.scaled_dot_product_attention(*inputs, koubai.from_numpy(hidden)), expected)
    numbers = double(2, 1, 3, 5, seed=4)
    close(F.scaled_dot_product_attention(*inputs, numbers), attend(*arrays(*inputs), numbers.numpy())[0])


@pytest.mark.parametrize(("queries", "keys"), [(4, 4), (2, 4), (4, 2)])
def test_causal_queries_see_no_later_key(queries, keys):
    inputs = qkv(2, queries=queries, keys=keys)
    hidden = np.where(np.tri(queries, keys, dtype=bool), 0.0, -np.inf)
    close(F.scaled_dot_product_attention(*inputs, is_causal=True), attend(*arrays(*inputs), hidden)[0])


def test_grouped_queries_share_keys():
    q, k, v = double(2, 6, 3, 4), double(2, 2, 5, 4), double(2, 2, 5, 3)
    repeated = F.scaled_dot_product_attention(q, k.repeat_interleave(3, 1), v.repeat_interleave(3, 1))
    assert F.scaled_dot_product_attention(q, k, v, enable_gqa=True).equal(repeated)
    with pytest.raises(RuntimeError, match="the 5 query heads must be a multiple of the 2 key"):
        F.scaled_dot_product_attention(q[:, :5], k, v, enable_gqa=True)


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"scale": 0.3}])
def test_gradients_to_second_order_and_replay(options):
    check(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, **options), *qkv(2))


def test_gradient_of_an_added_mask():
    check(F.scaled_dot_product_attention, *qkv(2), double(2, 3, 5))


def test_a_query_that_may_look_at_nothing_gets_zeros_and_no_gradient():
    inputs = [x.requires_grad_() for x in qkv(2)]
    may_look = koubai.tensor([[True] * 5, [False] * 5, [False, True, False, False, False]])
    result = F.scaled_dot_product_attention(*inputs, may_look)
    result.sum().backward()
    assert not result[:, 1].any()
    close(result[:, 2], inputs[2].numpy(force=True)[:, 1])
    assert not inputs[0].grad[:, 1].any()
    assert all(x.grad.isfinite().all() for x in inputs)


def test_huge_scores_pick_the_largest():
    q, k, v = qkv(2)
    result = F.scaled_dot_product_attention(q * 1e4, k, v)
    best = (q @ k.transpose(1, 2)).argmax(-1)
    close(result, v.gather(1, best.unsqueeze(-1).expand(2, 3, 2)).numpy())


def test_no_keys_give_zeros():
    q, k, v = qkv(2, keys=0)
    assert not F.scaled_dot_product_attention(q, k, v).any()


def test_dropout_always_acts():
    koubai.manual_seed(0)
    q, k = koubai.zeros(1, 1000, 2), koubai.zeros(1, 10, 2)
    weights = F.scaled_dot_product_attention(q, k, koubai.eye(10)[None], dropout_p=0.5)
    np.testing.assert_allclose(np.unique(weights.numpy()), [0, 0.2], rtol=1e-6)
    assert weights.mean().item() == pytest.approx(0.1, abs=0.005)


def test_sizes_are_checked():
    q, k, v = qkv(2)
    with pytest.raises(RuntimeError, match="give attn_mask or is_causal, not both"):
        F.scaled_dot_product_attention(q, k, v, koubai.ones(3, 5), is_causal=True)
    with pytest.raises(RuntimeError, match=r"query \[2, 3, 4\] and key \[2, 5, 3\] must agree in the last"):
        F.scaled_dot_product_attention(q, k[..., :3], v)
    with pytest.raises(RuntimeError, match=r"value \[2, 4, 2\] in the one before"):
        F.scaled_dot_product_attention(q, k, v[:, :4])


# --- MultiheadAttention


def by_heads(layer, q, k, v, added=0.0):
    """What the layer should give for (N, L, E) inputs: each head alone, with its rows of the weights."""
    state = {name: value.numpy() for name, value in layer.state_dict().items()}
    size, heads = layer.embed_dim, layer.num_heads
    if "in_proj_weight" in state:
        projections = np.split(state["in_proj_weight"], 3)
    else:
        projections = [state[f"{name}_proj_weight"] for name in "qkv"]
    biases = np.split(state.get("in_proj_bias", np.zeros(3 * size)), 3)
    q, k, v = (x @ w.T + b for x, w, b in zip((q, k, v), projections, biases))
    added = np.broadcast_to(added, (q.shape[0], heads, q.shape[1], k.shape[1]))

    def append(key, value):
        nonlocal k, v, added
        row = (len(k), 1, size)
        k, v = np.append(k, np.broadcast_to(key, row), 1), np.append(v, np.broadcast_to(value, row), 1)
        added = np.append(added, np.zeros((*added.shape[:-1], 1)), -1)

    if "bias_k" in state:
        append(state["bias_k"], state["bias_v"])
    if layer.add_zero_attn:
        append(np.zeros(size), np.zeros(size))
    pieces, weights = [], []
    for head in range(heads):
        own = slice(head * size // heads, (head + 1) * size // heads)
        piece, weight = attend(q[..., own], k[..., own], v[..., own], added[:, head])
        pieces.append(piece)
        weights.append(weight)
    joined = np.concatenate(pieces, -1) @ state["out_proj.weight"].T + state.get("out_proj.bias", 0)
    return joined, np.stack(weights, 1)


def make(**settings):
    koubai.manual_seed(0)
    layer = nn.MultiheadAttention(6, 3, batch_first=True, dtype=koubai.float64, **settings)
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.5)
    return layer


def inputs_of(layer, samples=2, queries=3, keys=4):
    return (
        double(samples, queries, 6),
        double(samples, keys, layer.kdim, seed=1),
        double(samples, keys, layer.vdim, seed=2),
    )


SETTINGS = [
    {},
    {"bias": False},
    {"add_bias_kv": True},
    {"add_zero_attn": True},
    {"kdim": 4, "vdim": 5},
    {"kdim": 5, "add_bias_kv": True, "add_zero_attn": True},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_every_head_attends_for_itself(settings):
    layer = make(**settings)
    inputs = inputs_of(layer)
    output, weights = layer(*inputs, average_attn_weights=False)
    expected, each = by_heads(layer, *arrays(*inputs))
    close(output, expected)
    close(weights, each)
    close(layer(*inputs)[1], each.mean(1))
    assert layer(*inputs, need_weights=False)[1] is None


@pytest.mark.parametrize("settings", SETTINGS)
def test_gradients_of_inputs_and_weights_and_replay(settings):
    layer = make(**settings)
    check_layer(layer, *inputs_of(layer, samples=1))


@pytest.mark.parametrize("settings", [{}, {"add_bias_kv": True, "add_zero_attn": True}])
def test_both_masks_hide_together(settings):
    layer = make(**settings)
    inputs = inputs_of(layer)
    future = koubai.ones(3, 4, dtype=koubai.bool).triu(1)
    padding = koubai.tensor([[False] * 4, [False, True, False, True]])
    hidden = np.where(future.numpy() | padding.numpy()[:, None, None, :], -np.inf, 0.0)
    expected = by_heads(layer, *arrays(*inputs), hidden)[0]
    as_numbers = [koubai.where(mask, -math.inf, koubai.zeros(1)) for mask in (future, padding)]
    close(layer(*inputs, attn_mask=future, key_padding_mask=padding)[0], expected)
    close(layer(*inputs, attn_mask=as_numbers[0], key_padding_mask=padding, is_causal=True)[0], expected)
    close(layer(*inputs, attn_mask=future, key_padding_mask=as_numbers[1])[0], expected)


def test_a_mask_for_every_head():
    layer = make()
    inputs = inputs_of(layer)
    numbers = double(6, 3, 4, seed=5)
    expected = by_heads(layer, *arrays(*inputs), numbers.numpy().reshape(2, 3, 3, 4))[0]
    close(layer(*inputs, attn_mask=numbers)[0], expected)
    one = [x[0] for x in inputs]
    close(layer(*one, attn_mask=numbers[:3])[0], expected[0])


def test_nothing_to_look_at_gives_the_last_bias():
    layer = make()
    output, weights = layer(*inputs_of(layer), key_padding_mask=koubai.ones(2, 4, dtype=koubai.bool))
    assert not weights.any()
    close(output, np.broadcast_to(layer.out_proj.bias.numpy(force=True), (2, 3, 6)))


def test_layouts():
    layer = make(kdim=4, vdim=5)
    inputs = inputs_of(layer)
    output, weights = layer(*inputs)
    layer.batch_first = False
    turned, same = layer(*(x.transpose(0, 1) for x in inputs))
    assert turned.transpose(0, 1).equal(output)
    assert same.equal(weights)
    padding = koubai.tensor([True, False, False, False])
    single, row = layer(*(x[0] for x in inputs), key_padding_mask=padding)
    assert single.shape == (3, 6)
    assert row.shape == (3, 4)
    assert not row[:, 0].any()


def test_dropped_weights_are_the_ones_returned():
    layer = make(dropout=0.5)
    inputs = inputs_of(layer, queries=50)
    koubai.manual_seed(1)
    _, weights = layer(*inputs, average_attn_weights=False)
    assert 0.4 < (weights == 0).double().mean().item() < 0.6
    _, kept = layer.eval()(*inputs, average_attn_weights=False)
    close(weights[weights != 0], 2 * kept.numpy(force=True)[weights.numpy(force=True) != 0])


def test_names_and_first_weights():
    layer = nn.MultiheadAttention(8, 2, add_bias_kv=True)
    own = ["in_proj_weight", "in_proj_bias", "bias_k", "bias_v", "out_proj.weight", "out_proj.bias"]
    assert sorted(layer.state_dict()) == sorted(own)
    assert layer.in_proj_weight.shape == (24, 8)
    assert layer.in_proj_weight.abs().max().item() <= math.sqrt(6 / 32)
    assert not layer.in_proj_bias.any()
    assert not layer.out_proj.bias.any()
    apart = nn.MultiheadAttention(8, 2, bias=False, kdim=3)
    assert sorted(apart.state_dict()) == [
        "k_proj_weight",
        "out_proj.weight",
        "q_proj_weight",
        "v_proj_weight",
    ]
    assert apart.k_proj_weight.shape == (8, 3)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"is_causal": True}, "is_causal is a hint and needs attn_mask"),
        (
            {"attn_mask": koubai.zeros(4, 3)},
            r"attn_mask must have the shape \[3, 4\] or \[6, 3, 4\], got \[4, 3\]",
        ),
        (
            {"key_padding_mask": koubai.zeros(2, 3)},
            r"key_padding_mask must have the shape \[2, 4\], got \[2, 3\]",
        ),
    ],
)
def test_masks_that_do_not_fit(options, match):
    layer = make()
    with pytest.raises(RuntimeError, match=match):
        layer(*inputs_of(layer), **options)


def test_inputs_that_do_not_fit():
    layer = make()
    q, k, v = inputs_of(layer)
    with pytest.raises(RuntimeError, match=r"query must have embed_dim=6 features, got .* \[2, 3, 5\]"):
        layer(q[..., :5], k, v)
    with pytest.raises(RuntimeError, match="is batch_first=True right"):
        layer(q, k[:1], v[:1])
    with pytest.raises(RuntimeError, match="lengths of key and value, must agree"):
        layer(q, k, v[:, :2])
    with pytest.raises(ValueError, match="embed_dim must be a multiple of num_heads, got 6 and 4"):
        nn.MultiheadAttention(6, 4)
