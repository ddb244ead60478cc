"""What programs written for PyTorch use besides the functions themselves: aliases, switches, old constructors."""

from __future__ import annotations

import io
from pathlib import Path

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
