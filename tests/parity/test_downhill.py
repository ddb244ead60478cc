"""The paths that `koubai downhill` shows are PyTorch's, point by point, from the same start."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from koubai.explain.downhill import OPTIMIZERS, descend, surface  # noqa: E402

THEIRS = {
    "sgd": lambda p, lr: torch.optim.SGD(p, lr=lr),
    "momentum": lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9),
    "nesterov": lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9, nesterov=True),
    "adagrad": lambda p, lr: torch.optim.Adagrad(p, lr=lr),
    "rmsprop": lambda p, lr: torch.optim.RMSprop(p, lr=lr),
    "adam": lambda p, lr: torch.optim.Adam(p, lr=lr),
}
LOSSES = {
    "bowl": lambda x, y: (x**2 + 16 * y**2) / 2,
    "rosenbrock": lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2,
    "saddle": lambda x, y: x**2 / 2 - y**2 / 2 + y**4 / 4,
}


@pytest.mark.parametrize("name", list(OPTIMIZERS))
@pytest.mark.parametrize("where", list(LOSSES))
def test_paths_agree(name, where):
    lr, steps = 0.001, 60
    ours = descend(surface(where), name, lr, steps=steps).points
    point = torch.tensor(surface(where).start, dtype=torch.float64, requires_grad=True)
    optimizer = THEIRS[name]([point], lr)
    theirs = [point.detach().numpy().copy()]
    for _step in range(steps):
        optimizer.zero_grad()
        LOSSES[where](point[0], point[1]).backward()
        optimizer.step()
        theirs.append(point.detach().numpy().copy())
    np.testing.assert_allclose(ours, np.array(theirs), rtol=1e-9, atol=1e-12)
