"""What programs written for PyTorch use besides the functions themselves: aliases, switches, old constructors."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import koubai
from koubai import nn, optim


def test_axis_and_keepdims_mean_dim_and_keepdim() -> None:
    x = koubai.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert x.sum(axis=0, keepdims=True).tolist() == [[4.0, 6.0]]
    assert koubai.cat([x, x], axis=1).shape == (2, 4)
    assert koubai.max(x, axis=1).values.tolist() == [2.0, 4.0]
    assert x.cumsum_(axis=1).tolist() == [[1.0, 3.0], [3.0, 7.0]]


def test_axis_beside_dim_is_refused() -> None:
    with pytest.raises(TypeError, match="both axis and dim"):
        koubai.ones(2).sum(dim=0, axis=0)


# --- old constructors and types


def test_lengths_or_elements_make_a_tensor() -> None:
    assert koubai.Tensor(2, 3).shape == koubai.Tensor(koubai.ones(2, 3).shape).shape == (2, 3)
    assert koubai.Tensor(1, 0).shape == (1, 0)
    assert koubai.Tensor().shape == (0,)
    assert koubai.Tensor([[1, 2]]).tolist() == [[1.0, 2.0]]
    assert koubai.Tensor([1, 2]).dtype == koubai.float32
    with pytest.raises(TypeError, match=r"use koubai.tensor\(data\)"):
        koubai.Tensor(3.5)


def test_tensor_types_make_tensors_and_name_dtypes() -> None:
    x = koubai.LongTensor([1, 2])
    assert x.dtype == koubai.int64
    assert isinstance(x, koubai.LongTensor)
    assert not isinstance(x, koubai.FloatTensor)
    assert koubai.DoubleTensor(2, 3).shape == (2, 3)
    assert x.type() == "koubai.LongTensor"
    assert [
        x.type(kind).dtype for kind in (koubai.IntTensor, "koubai.BoolTensor", koubai.float64, "float16")
    ] == [
        koubai.int32,
        koubai.bool,
        koubai.float64,
        koubai.float16,
    ]


def test_bytes_are_read_as_another_type_and_written_through() -> None:
    x = koubai.tensor([1.0, -1.0])
    bits = x.view(koubai.int32)
    assert bits.tolist() == [0x3F800000, -0x40800000]
    bits &= 0x7FFFFFFF
    assert x.tolist() == [1.0, 1.0]
    assert koubai.ones(2, 2).view(koubai.uint8).shape == (2, 8)
    with pytest.raises(RuntimeError, match="do not make whole float64 elements"):
        koubai.ones(3).view(koubai.float64)


def test_reading_bytes_traces() -> None:
    x = koubai.tensor([[1.0, 2.0], [3.0, 4.0]]).T
    program = koubai.trace(lambda x: x.view(koubai.int32) + 1, x)
    assert (program(x) == x.view(koubai.int32) + 1).all()


# --- results and functions


def test_pairs_print_with_the_name_of_what_made_them() -> None:
    assert repr(koubai.tensor([[1.0], [2.0]]).max(0)) == "max(values=tensor([2.]), indices=tensor([1]))"


def test_in_place_functions_change_their_argument() -> None:
    x = koubai.tensor([-1.0, 4.0])
    assert koubai.clamp_(koubai.sqrt_(koubai.abs_(x)), max=1.5) is x
    assert x.tolist() == [1.0, 1.5]


def test_integrals_powers_and_choices() -> None:
    y = koubai.tensor([1.0, 3.0, 2.0], dtype=koubai.float64)
    assert koubai.trapezoid(y).item() == 4.5
    assert koubai.cumulative_trapezoid(y, dx=2).tolist() == [4.0, 9.0]
    assert koubai.vander(koubai.tensor([1, 2, 3])).tolist() == [[1, 1, 1], [4, 2, 1], [9, 3, 1]]
    assert koubai.combinations(y).tolist() == [[1.0, 3.0], [1.0, 2.0], [3.0, 2.0]]
    for function in (koubai.trapezoid, koubai.cumulative_trapezoid, koubai.vander, koubai.combinations):
        koubai.check_gradients(function, y)
        assert (koubai.trace(function, y)(y) == function(y)).all()
    with pytest.raises(RuntimeError, match=r"needs a vector and r >= 0, got \[1, 1\]"):
        koubai.combinations(koubai.ones(1, 1))


# --- errors


@pytest.mark.parametrize(
    ("mistake", "kind", "message"),
    [
        (lambda: koubai.where(koubai.ones(2), 1, 0), RuntimeError, "expected condition to be a boolean tensor"),
        (lambda: koubai.tensor([[1, 2], [3]]), ValueError, r"data\[0\] has length 2, but data\[1\] has length 1"),
        (lambda: koubai.tensor([[[1], 2]]), ValueError, r"data\[0\]\[0\] has length 1, but data\[0\]\[1\] is a number"),
        (lambda: koubai.zeros(10**7, 10**8), MemoryError, r"float32\[10000000, 100000000\] takes 4,000,000,000,000"),
        (lambda: koubai.ones(10**15, 10**15), MemoryError, "cannot be had"),
        (lambda: attend(koubai.ones(3, 1, 7)), RuntimeError, r"query must have embed_dim=8 .* \[1, 3, 7\]"),
        (lambda: nn.FocalLoss()(koubai.ones(3, 2), koubai.ones(4)), ValueError, r"focal_loss: scores \[3, 2\] need"),
        (lambda: nn.summary(nn.Linear(2, 1), (2,)), TypeError, r"not the shape \(2,\): koubai.zeros\(32, 2\)"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong(mistake: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        mistake()


def attend(x: koubai.Tensor) -> Any:
    return nn.MultiheadAttention(8, 2)(x, x, x)


def test_an_op_that_finds_no_memory_is_named() -> None:
    column = koubai.zeros(10**7, 1)
    with pytest.raises(MemoryError) as error:
        column + koubai.zeros(10**7)
    assert error.value.__notes__ == ["in add of float32[10000000, 1] and float32[10000000]"]


def test_states_that_do_not_fit_are_refused_in_pytorchs_words() -> None:
    with pytest.raises(RuntimeError) as error:
        nn.Linear(2, 3).load_state_dict({"weight": koubai.ones(2, 2), "more": koubai.ones(1)})
    for words in (
        'Missing key(s) in state_dict: "bias"',
        'Unexpected key(s) in state_dict: "more"',
        "size mismatch for weight: [2, 2] in the state, [3, 2] in the module",
    ):
        assert words in str(error.value)


def test_sequences_are_padded_and_unpadded() -> None:
    sequences = [koubai.ones(2, 3), koubai.zeros(4, 3)]
    padded = nn.utils.rnn.pad_sequence(sequences, padding_value=7.0)
    assert padded.shape == (4, 2, 3)
    assert padded[2:, 0].tolist() == [[7.0] * 3] * 2
    again = nn.utils.rnn.unpad_sequence(padded, koubai.tensor([2, 4]))
    assert [sequence.tolist() for sequence in again] == [sequence.tolist() for sequence in sequences]
    with pytest.raises(ValueError, match="needs sequences and a side"):
        nn.utils.rnn.pad_sequence([])


# --- save and load


def test_a_state_dict_is_saved_and_loaded(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    koubai.save(model.state_dict(), tmp_path / "model.safetensors")
    loaded = koubai.load(tmp_path / "model.safetensors", map_location="cpu", weights_only=True)
    assert list(loaded) == list(model.state_dict())
    assert all(
        (loaded[key] == tensor).all() and loaded[key].dtype == tensor.dtype
        for key, tensor in model.state_dict().items()
    )
    fresh = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    assert str(fresh.load_state_dict(loaded)) == "<All keys matched successfully>"


def test_a_saved_state_dict_is_plain_safetensors(tmp_path: Path) -> None:
    koubai.save({"w": koubai.tensor([1, 2])}, tmp_path / "ours")
    assert safetensors.numpy.load_file(tmp_path / "ours")["w"].tolist() == [1, 2]
    safetensors.numpy.save_file({"w": np.ones(2)}, tmp_path / "theirs")
    assert koubai.load(tmp_path / "theirs")["w"].tolist() == [1.0, 1.0]


def test_a_checkpoint_of_nested_dicts_is_saved_and_loaded() -> None:
    model = nn.Linear(2, 1)
    optimizer = optim.Adam(model.parameters())
    model(koubai.ones(4, 2)).sum().backward()
    optimizer.step()
    file = io.BytesIO()
    koubai.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}, file)
    file.seek(0)
    checkpoint = koubai.load(file)
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    assert checkpoint["epoch"] == 3


def test_what_cannot_be_saved_says_so(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"cannot hold obj, a Linear; of a model save model.state_dict\(\)"):
        koubai.save(nn.Linear(2, 1), tmp_path / "model")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"PK\x03\x04 zip archive", "is a pickle"),
        (b"\x80\x02}q\x00.", "safetensors.torch.save_file"),
        (b"", "truncated"),
        (safetensors.numpy.save({"w": np.ones(9)})[:-1], "truncated"),
    ],
)
def test_files_that_are_damaged_or_of_another_format_are_refused(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match=complaint):
        koubai.load(tmp_path / "file")


# --- switches


def test_switches_of_other_back_ends_have_no_effect() -> None:
    koubai.backends.cudnn.deterministic = True
    koubai.backends.cudnn.benchmark = False
    koubai.cuda.manual_seed_all(0)
    koubai.use_deterministic_algorithms(True)
    assert koubai.are_deterministic_algorithms_enabled()
    assert not koubai.backends.mps.is_available()
    assert not koubai.backends.cudnn.is_available()


@pytest.fixture
def _default_printing() -> Iterator[None]:
    yield
    koubai.set_printoptions(profile="default")


@pytest.mark.usefixtures("_default_printing")
def test_print_options() -> None:
    koubai.set_printoptions(precision=2, sci_mode=False)
    assert repr(koubai.tensor([1e-5, 3.14159])) == "tensor([0.00, 3.14])"
    koubai.set_printoptions(sci_mode=True)
    assert repr(koubai.tensor([1.0, 3.14159])) == "tensor([1.00e+00, 3.14e+00])"
    koubai.set_printoptions(threshold=4, edgeitems=1)
    assert repr(koubai.arange(9)) == "tensor([0,  ..., 8])"


# --- derivatives


def test_gradcheck_says_yes_or_raises() -> None:
    x = koubai.tensor([0.3, 0.7], dtype=koubai.float64, requires_grad=True)
    assert koubai.autograd.gradcheck(koubai.exp, (x,))
    assert koubai.autograd.gradgradcheck(koubai.exp, (x,))

    def wrong(x: koubai.Tensor) -> koubai.Tensor:
        return x * x.detach()

    assert not koubai.autograd.gradcheck(wrong, x, raise_exception=False)
    with pytest.raises(AssertionError, match="gradient of input 0 differs"):
        koubai.autograd.gradcheck(wrong, x)


def test_anomalies_are_detected_from_a_switch_on() -> None:
    with (
        koubai.autograd.set_detect_anomaly(True),
        pytest.raises(FloatingPointError, match="log produced the first NaN or inf"),
    ):
        koubai.log(koubai.tensor([0.0]))
    assert koubai.log(koubai.tensor([0.0])).isinf().all()


def test_hooks_run_after_a_gradient_is_accumulated() -> None:
    weight = koubai.ones(2, requires_grad=True)
    seen = []
    handle = weight.register_post_accumulate_grad_hook(lambda leaf: seen.append(leaf.grad.tolist()))
    (weight * 3).sum().backward()
    (weight * 3).sum().backward()
    handle.remove()
    weight.sum().backward()
    assert seen == [[3.0, 3.0], [6.0, 6.0]]
    with pytest.raises(RuntimeError, match="only in leaves"):
        (weight * 2).register_post_accumulate_grad_hook(print)


def test_derivatives_that_do_not_exist_are_zero_unless_strict() -> None:
    x = koubai.ones(2)
    assert koubai.autograd.functional.jacobian(lambda x: koubai.ones(3), x).tolist() == [[0.0, 0.0]] * 3
    with pytest.raises(RuntimeError, match="does not require gradients"):
        koubai.autograd.functional.jacobian(lambda x: koubai.ones(3), x, strict=True)
    with pytest.raises(RuntimeError, match="v may only be left out for a single number"):
        koubai.autograd.functional.vjp(lambda x: x, x)
