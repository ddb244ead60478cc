# Forward through the 2-2-1 network, with a calculator's functions only.

from math import exp


def sigmoid(z):
    return 1 / (1 + exp(-z))


x1, x2 = 1.0, 0.5
w11, w12, b1 = 0.1, 0.2, 0.1  # into unit 1
w21, w22, b2 = 0.3, 0.4, -0.1  # into unit 2
v1, v2, c = 0.5, -0.6, 0.2  # into the output

z1 = w11 * x1 + w12 * x2 + b1
z2 = w21 * x1 + w22 * x2 + b2
a1, a2 = sigmoid(z1), sigmoid(z2)
z = v1 * a1 + v2 * a2 + c
y = sigmoid(z)

print(f"z1 = {z1:.4f}, z2 = {z2:.4f}, a1 = {a1:.4f}, a2 = {a2:.4f}")
print(f"z = {z:.4f}, y = {y:.4f}")
