"""The device "cuda", where there is a GPU and CuPy: ops, networks and trainings give what they give on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import koubai
from koubai import nn, train

from ..nn.networks import NETWORKS, both, losses_of
from .test_arrays import OPS, run, samples

pytest.importorskip("cupy", reason="CuPy is not installed")
if not koubai.cuda.is_available():
    pytest.skip("there is no GPU that CuPy can compute on", allow_module_level=True)

SIGNS = ("svd", "eigh", "qr")  # factors whose signs are free
PRECISION = {2: 5e-3, 4: 1e-4, 8: 1e-9}


@pytest.mark.parametrize("name", [name for name in OPS if name not in ("scan", *SIGNS)])
def test_an_op_gives_the_values_of_numpy(name: str) -> None:
    for arrays, attributes in samples(OPS[name]):
        if not all(np.isfinite(array).all() for array in arrays):
            continue
        there, here = (run(OPS[name], arrays, attributes, device) for device in ("cuda", "cpu"))
        for ours, numpys in zip(there, here, strict=True):
            assert ours.is_cuda
            assert ours.dtype == numpys.dtype
            precision = PRECISION.get(ours.itemsize, 0) if ours.is_floating_point() else 0
            finite = np.isfinite(numpys.numpy(force=True))
            np.testing.assert_allclose(
                ours.numpy(force=True)[finite], numpys.numpy(force=True)[finite], precision, precision
            )


@pytest.mark.parametrize("name", SIGNS)
def test_factors_multiply_to_the_matrix(name: str) -> None:
    x = koubai.randn(2, 4, 4, device="cuda", dtype=koubai.float64)
    x = x + x.mT
    if name == "svd":
        u, s, vh = koubai.linalg.svd(x)
        product = u @ s.diag_embed() @ vh
    elif name == "eigh":
        w, v = koubai.linalg.eigh(x)
        product = v @ w.diag_embed() @ v.mT
    else:
        q, r = koubai.linalg.qr(x)
        product = q @ r
    assert koubai.allclose(product, x)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_trains_step_by_step_as_on_the_cpu(name: str) -> None:
    koubai.manual_seed(0)
    make, data = NETWORKS[name]
    model, x = make(), data()
    there, here = both(lambda m, device: losses_of(m, device, x, 3), model, "cuda")
    np.testing.assert_allclose(there, here, 1e-3)


def test_the_trainer_trains_there() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(96, 6)).astype("f4")
    y = (x[:, 0] > 0).astype(np.int64)
    koubai.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2)).to("cuda")
    trainer = train.Trainer(
        model, nn.CrossEntropyLoss(), koubai.optim.Adam(model.parameters(), 0.01), metrics=["accuracy"]
    )
    history = trainer.fit((x, y), (x, y), epochs=10)
    assert history["loss"][-1] < history["loss"][0] / 2
    assert trainer.predict((x, y)).device == "cpu"


def test_the_questions_of_pytorch_programs_have_answers(tmp_path: Any) -> None:
    assert koubai.cuda.device_count() >= 1
    assert koubai.cuda.get_device_name()
    x = koubai.ones(1000, device="cuda")
    assert x.device == koubai.device("cuda", koubai.cuda.current_device())
    assert koubai.cuda.memory_allocated() >= x.nbytes
    koubai.cuda.synchronize()
    koubai.save({"x": x}, tmp_path / "x")
    assert koubai.load(tmp_path / "x", map_location="cuda")["x"].is_cuda
    assert "device='cuda:" in repr(x)
    with pytest.raises(TypeError, match="can't convert cuda:"):
        x.numpy()
    with pytest.raises(RuntimeError, match="there is no device 'cuda:99'"):
        x.to("cuda:99")


def test_singular_matrices_are_refused() -> None:
    with pytest.raises(RuntimeError, match="is singular"):
        koubai.linalg.inv(koubai.zeros(2, 2, device="cuda"))
    with pytest.raises(RuntimeError, match="not positive-definite"):
        koubai.linalg.cholesky(-koubai.eye(2, device="cuda"))


@pytest.mark.skipif(koubai.cuda.device_count() < 2, reason="there is only one GPU")
def test_two_gpus_compute_apart() -> None:
    x, y = koubai.randn(3, device="cuda:0"), koubai.randn(3, device="cuda:1")
    assert (y * 2 + 1).device == "cuda:1"
    assert (x.to("cuda:1") + y).device == "cuda:1"
    with pytest.raises(RuntimeError, match="different devices"):
        x + y
