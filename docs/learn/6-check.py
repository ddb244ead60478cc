# Gradients of a framework, checked by trial. This also runs with PyTorch:
# write "import torch" and "from torch import nn" instead of these two lines.
import koubai as torch
from koubai import nn

torch.set_default_dtype(torch.float64)
layers = [nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1), nn.Sigmoid()]
net = nn.Sequential(*layers)
numbers = [[[0.1, 0.2], [0.3, 0.4]], [0.1, -0.1], [[0.5, -0.6]], [0.2]]
with torch.no_grad():
    for parameter, value in zip(net.parameters(), numbers):
        parameter.copy_(torch.tensor(value))
x, t = torch.tensor([[1.0, 0.5]]), torch.tensor([[1.0]])


def loss():
    return ((net(x) - t) ** 2).sum() / 2


loss().backward()

# beside each gradient the slope by trial: a little more, a little less
h = 1e-4
for name, parameter in net.named_parameters():
    flat, gradients = parameter.data.view(-1), parameter.grad.view(-1)
    for k in range(len(flat)):
        kept = flat[k].item()
        flat[k] = kept + h
        more = loss().item()
        flat[k] = kept - h
        trial = (more - loss().item()) / (2 * h)
        flat[k] = kept
        gradient = gradients[k].item()
        mark = "✓" if abs(gradient - trial) < 1e-6 else "✗"
        print(f"{mark} {name:8} {gradient:+.6f} {trial:+.6f}")
