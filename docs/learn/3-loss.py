# The squared error and its slope: how wrong, and which way to go.

t = 1.0  # the right answer

print("   y      L     dL/dy")
for y in (0.2, 0.6, 1.0, 1.4):
    loss = (y - t) ** 2 / 2
    slope = y - t
    print(f"{y:5.1f}  {loss:.3f}  {slope:+.1f}")

# the slope by trial: make y a little larger, and see what the loss does
y, h = 0.2, 0.001
change = ((y + h - t) ** 2 / 2 - (y - t) ** 2 / 2) / h
print(f"y = {y}: {change:+.3f}")
