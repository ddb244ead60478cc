# One weight learns: forward, loss, backward, update, five times.

import koubai

x, t, lr = 2.0, 1.0, 0.1
w = koubai.tensor(0.8, requires_grad=True)

for step in range(5):
    y = w * x  # forward: what does the network say?
    loss = (y - t) ** 2 / 2  # loss: how wrong is that?
    loss.backward()  # backward: backpropagation computes the gradient ...
    slope = w.grad.item()
    print(f"{step}: w {w.item():.3f}, L {loss.item():.4f}, ∂L/∂w {slope:.3f}")
    with koubai.no_grad():
        w -= lr * w.grad  # update: ... and gradient descent uses it
    w.grad = None
