"""A net from scratch in NumPy, its parameters in a dictionary; only the update comes from Koubai.

The gradients are written out by hand, so this is also backpropagation in a dozen lines.
"""

import numpy as np

from koubai.optim.functional import adam_update

rng = np.random.default_rng(0)
x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
t = np.array([[0.0], [1.0], [1.0], [0.0]])  # exclusive or

params = {
    "W1": rng.normal(size=(2, 8)),
    "b1": np.zeros(8),
    "W2": rng.normal(size=(8, 1)),
    "b2": np.zeros(1),
}
state = {}

for step in range(1000):
    # forward
    h = np.tanh(x @ params["W1"] + params["b1"])  # (4, 8)
    y = 1 / (1 + np.exp(-(h @ params["W2"] + params["b2"])))  # (4, 1)
    loss = -np.mean(t * np.log(y) + (1 - t) * np.log(1 - y))

    # backward
    dz2 = (y - t) / len(x)
    dz1 = (dz2 @ params["W2"].T) * (1 - h**2)
    grads = {"W1": x.T @ dz1, "b1": dz1.sum(0), "W2": h.T @ dz2, "b2": dz2.sum(0)}

    # update
    params = adam_update(params, grads, state, learning_rate=0.05)
    if step % 200 == 199:
        print(f"step {step + 1:4d}  loss {loss:.5f}")

print("predictions", np.round(y.ravel(), 3).tolist())
