"""The usual PyTorch training loop, unchanged but for its imports (import torch, from torch import nn, optim)."""

import koubai as torch
from koubai import nn, optim

torch.manual_seed(0)

# Points inside a circle are class 1, outside class 0.
points = torch.rand(400, 2) * 2 - 1
labels = ((points**2).sum(dim=1) < 0.5).long()

model = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

for epoch in range(100):
    order = torch.randperm(len(points))
    for start in range(0, len(points), 32):
        batch = order[start : start + 32]
        optimizer.zero_grad()
        loss = loss_fn(model(points[batch]), labels[batch])
        loss.backward()
        optimizer.step()
    if epoch % 20 == 19:
        print(f"epoch {epoch + 1:3d}  loss {loss.item():.4f}")

with torch.no_grad():
    accuracy = (model(points).argmax(dim=1) == labels).float().mean().item()
print(f"accuracy {accuracy:.3f}")
