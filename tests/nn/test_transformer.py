"""Transformer layers put attention and a small net behind shortcuts and normalisations; stacks repeat them."""

import math

import pytest

import koubai
from koubai import nn
from koubai.nn import functional as F

from .agreement import check_layer, close, double


@pytest.fixture(autouse=True)
def _seed():
    koubai.manual_seed(0)


def encoder_layer(**settings):
    layer = nn.TransformerEncoderLayer(6, 2, 8, batch_first=True, dtype=koubai.float64, **settings)
    return varied(layer)


def decoder_layer(**settings):
    layer = nn.TransformerDecoderLayer(6, 3, 8, batch_first=True, dtype=koubai.float64, **settings)
    return varied(layer)


def varied(layer):
    """Draw all parameters, so that no bias is 0 and no scale is 1."""
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.5)
    return layer.eval()


def attend(attention, x, memory, **masks):
    return attention(x, memory, memory, need_weights=False, **masks)[0]


@pytest.mark.parametrize("activation", ["relu", "gelu", F.silu])
@pytest.mark.parametrize("norm_first", [False, True])
def test_encoder_layer_in_both_orders(activation, norm_first):
    layer, x = encoder_layer(activation=activation, norm_first=norm_first), double(2, 4, 6)
    function = {"relu": F.relu, "gelu": F.gelu}.get(activation, activation)

    def feed(x):
        return layer.linear2(function(layer.linear1(x)))

    if norm_first:
        middle = x + attend(layer.self_attn, layer.norm1(x), layer.norm1(x))
        expected = middle + feed(layer.norm2(middle))
    else:
        middle = layer.norm1(x + attend(layer.self_attn, x, x))
        expected = layer.norm2(middle + feed(middle))
    close(layer(x), expected.numpy(force=True))


@pytest.mark.parametrize("norm_first", [False, True])
def test_decoder_layer_in_both_orders(norm_first):
    layer, x, memory = decoder_layer(norm_first=norm_first), double(2, 3, 6), double(2, 5, 6, seed=1)

    def feed(x):
        return layer.linear2(F.relu(layer.linear1(x)))

    if norm_first:
        x1 = x + attend(layer.self_attn, layer.norm1(x), layer.norm1(x))
        x2 = x1 + attend(layer.multihead_attn, layer.norm2(x1), memory)
        expected = x2 + feed(layer.norm3(x2))
    else:
        x1 = layer.norm1(x + attend(layer.self_attn, x, x))
        x2 = layer.norm2(x1 + attend(layer.multihead_attn, x1, memory))
        expected = layer.norm3(x2 + feed(x2))
    close(layer(x, memory), expected.numpy(force=True))


def test_gradients_to_second_order_and_replay():
    check_layer(encoder_layer(activation="gelu"), double(1, 3, 6))
    check_layer(
        decoder_layer(activation="gelu", norm_first=True, bias=False), double(1, 2, 6), double(1, 3, 6)
    )


def test_a_position_sees_only_what_the_mask_shows():
    layer, x = encoder_layer(), double(2, 4, 6)
    changed = x.clone()
    changed[:, 3] += 1
    future = koubai.ones(4, 4, dtype=koubai.bool).triu(1)
    for mask in (future, nn.Transformer.generate_square_subsequent_mask(4, dtype=koubai.float64)):
        one, other = layer(x, mask, is_causal=True), layer(changed, mask)
        assert one[:, :3].equal(other[:, :3])
        assert not one[:, 3].equal(other[:, 3])
    padding = koubai.tensor([[False, False, False, True]] * 2)
    assert layer(x, src_key_padding_mask=padding)[:, :3].equal(layer(changed, None, padding)[:, :3])


def test_a_decoder_layer_masks_target_and_memory():
    layer, x, memory = decoder_layer(), double(1, 3, 6), double(1, 4, 6, seed=1)
    future = koubai.ones(3, 3, dtype=koubai.bool).triu(1)
    hidden = koubai.tensor([[False, False, True, True]])
    full = layer(x, memory, tgt_mask=future, memory_key_padding_mask=hidden, tgt_is_causal=True)
    close(layer(x, memory[:, :2], future), full.numpy(force=True))
    first = layer(x[:, :1], memory, memory_mask=hidden, tgt_key_padding_mask=koubai.zeros(1, 1))
    close(first[:, 0], full[:, 0].numpy(force=True))


def test_dropout_is_in_every_part():
    layer, x = encoder_layer(dropout=1.0).train(), double(2, 4, 6)
    close(layer(x), layer.norm2(layer.norm1(x)).numpy(force=True))
    places = [name for name, module in layer.named_modules() if isinstance(module, nn.Dropout)]
    assert places == ["dropout", "dropout1", "dropout2"]
    assert layer.self_attn.dropout == 1.0
    layer.dropout1.p = layer.dropout2.p = layer.self_attn.dropout = 0.0  # now only inside the small net
    middle = layer.norm1(x + attend(layer.self_attn, x, x))
    close(layer(x), layer.norm2(middle + layer.linear2.bias).numpy(force=True))


def test_layouts():
    layer, x = encoder_layer(), double(2, 4, 6)
    expected = layer(x)
    close(layer(x[0]), expected[0].numpy(force=True))
    other = nn.TransformerEncoderLayer(6, 2, 8, dtype=koubai.float64).eval()
    other.load_state_dict(layer.state_dict())
    close(other(x.transpose(0, 1)).transpose(0, 1), expected.numpy(force=True))


def test_stacks_copy_their_layer_and_normalise_at_the_end():
    layer, norm, x = encoder_layer(), nn.LayerNorm(6, dtype=koubai.float64), double(2, 4, 6)
    stack = nn.TransformerEncoder(layer, 2, norm)
    assert stack.num_layers == 2
    assert stack.layers[0].linear1.weight is not stack.layers[1].linear1.weight
    varied(stack.layers[1])
    mask = koubai.ones(4, 4, dtype=koubai.bool).triu(1)
    close(stack(x, mask, is_causal=True), norm(stack.layers[1](layer(x, mask), mask)).numpy(force=True))
    one, memory = decoder_layer(), double(2, 5, 6, seed=1)
    decoder = nn.TransformerDecoder(one, 2)
    close(decoder(x, memory, mask), one(one(x, memory, mask), memory, mask).numpy(force=True))


def test_the_whole_transformer():
    model = nn.Transformer(6, 2, 1, 2, 8, dropout=0.0, batch_first=True, dtype=koubai.float64)
    src, tgt = double(2, 5, 6), double(2, 3, 6, seed=1)
    mask = model.generate_square_subsequent_mask(3)
    assert mask.tolist() == [[0, -math.inf, -math.inf], [0, 0, -math.inf], [0, 0, 0]]
    expected = model.decoder(tgt, model.encoder(src), mask)
    assert model(src, tgt, tgt_mask=mask, tgt_is_causal=True).equal(expected)
    assert (model.d_model, model.nhead, len(model.decoder.layers)) == (6, 2, 2)
    assert model.encoder.layers[0].linear1.weight.abs().max().item() <= math.sqrt(6 / 14)
    check_layer(model, src[:1], tgt[:1], order=1)


def test_own_encoders_and_decoders():
    identity = nn.Identity()
    model = nn.Transformer(
        6, 2, custom_encoder=identity, custom_decoder=nn.TransformerDecoder(decoder_layer(), 1)
    )
    assert model.encoder is identity


def test_states_have_pytorchs_names():
    names = list(decoder_layer().state_dict())
    assert [name for name in names if name.endswith("weight")] == [
        "self_attn.in_proj_weight",
        "self_attn.out_proj.weight",
        "multihead_attn.in_proj_weight",
        "multihead_attn.out_proj.weight",
        "linear1.weight",
        "linear2.weight",
        "norm1.weight",
        "norm2.weight",
        "norm3.weight",
    ]
    assert not any("bias" in name for name in encoder_layer(bias=False).state_dict())


def test_mistakes():
    with pytest.raises(RuntimeError, match="activation is 'relu', 'gelu' or a function, got 'tanh'"):
        nn.TransformerEncoderLayer(6, 2, activation="tanh")
    with pytest.raises(RuntimeError, match="must have embed_dim=6 features"):
        encoder_layer()(double(2, 4, 5))
    model = nn.Transformer(6, 2, 1, 1, 8, batch_first=True, dtype=koubai.float64)
    with pytest.raises(RuntimeError, match="batches, and the lengths of key and value, must agree"):
        model(double(2, 4, 6), double(3, 4, 6))
