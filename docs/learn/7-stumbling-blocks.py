# Two stumbling blocks: an index has an order, and gradients add up.

import koubai
from koubai import nn

koubai.manual_seed(0)
net = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 1))
x, t = koubai.tensor([[1.0, 0.5]]), koubai.tensor([[1.0]])

# a gradient has the shape of its parameter: (to, from), as in w₃₂
nn.functional.mse_loss(net(x), t).backward()
for name, parameter in net.named_parameters():
    print(name, tuple(parameter.shape), tuple(parameter.grad.shape))

# backward() twice without zero_grad(): twice the gradient
once = net[2].bias.grad.item()
nn.functional.mse_loss(net(x), t).backward()
print(f"backward() twice: {net[2].bias.grad.item() / once:.1f} ×")
net.zero_grad()
nn.functional.mse_loss(net(x), t).backward()
print(f"zero_grad() first: {net[2].bias.grad.item() / once:.1f} ×")
