# A network trained from scratch: forward, backward and update in NumPy.

import numpy as np

X, T = np.array([[1.0, 0.5]]), np.array([[1.0]])  # a row for each sample
W1, b1 = np.array([[0.1, 0.2], [0.3, 0.4]]), np.array([0.1, -0.1])
W2, b2 = np.array([[0.5, -0.6]]), np.array([0.2])
lr = 0.5


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


for step in range(51):
    # forward: keep A and Y, backward needs them
    A = sigmoid(X @ W1.T + b1)
    Y = sigmoid(A @ W2.T + b2)
    loss = ((Y - T) ** 2).sum() / 2
    if step in (0, 1, 10, 50):
        print(f"step {step:2}: y = {Y[0, 0]:.4f}, L = {loss:.4f}")

    # backward: from the loss to the weights
    dZ2 = (Y - T) * Y * (1 - Y)
    dW2, db2 = dZ2.T @ A, dZ2.sum(axis=0)
    dZ1 = (dZ2 @ W2) * A * (1 - A)
    dW1, db1 = dZ1.T @ X, dZ1.sum(axis=0)

    # update: only now, when every gradient is there
    W1, b1 = W1 - lr * dW1, b1 - lr * db1
    W2, b2 = W2 - lr * dW2, b2 - lr * db2
