"""Ops reach arrays only through their namespace, so that another array library can compute them."""

import numpy as np

import koubai
from koubai import arrays
from koubai.engine.tensor import Tensor


class Foreign(np.ndarray):
    """Stands for the arrays of another library."""


class Spy:
    """Stands for that library: NumPy's functions, which note that they were called and give its arrays."""

    def __init__(self):
        self.calls = set()

    def __getattr__(self, name):
        found = getattr(np, name)
        if not callable(found) or isinstance(found, type):
            return found

        def call(*args, **kwargs):
            self.calls.add(name)
            result = found(*args, **kwargs)
            return result.view(Foreign) if isinstance(result, np.ndarray) else result

        return call


def test_a_registered_library_computes_its_own_arrays(monkeypatch):
    monkeypatch.setattr(arrays, "_namespaces", dict(arrays._namespaces))
    spy = Spy()
    arrays.register_namespace(Foreign, spy)
    x = Tensor(np.arange(6.0).reshape(2, 3).view(Foreign), requires_grad=True)
    y = koubai.tanh(x @ x.T).exp().sum()
    y.backward()
    assert {"matmul", "tanh", "exp", "sum"} <= spy.calls
    assert isinstance(x.grad.payload, Foreign)
    plain = koubai.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    koubai.tanh(plain @ plain.T).exp().sum().backward()
    assert np.array_equal(x.grad.numpy(), plain.grad.numpy())
