# The error flows back: each line multiplies what arrives by a slope.

x1, x2, t = 1.0, 0.5, 1.0
v1, v2 = 0.5, -0.6  # from the hidden units to the output
a1, a2, y = 0.57444, 0.59869, 0.53196  # kept from the forward pass

# at the output: the error, then back through the sigmoid
dy = y - t
dz = dy * y * (1 - y)

# the output's weights: what arrives, times what went in
dv1, dv2, dc = dz * a1, dz * a2, dz

# each hidden unit gets its share, by its weight; back through its sigmoid
da1, da2 = dz * v1, dz * v2
dz1, dz2 = da1 * a1 * (1 - a1), da2 * a2 * (1 - a2)

# the first weights: again what arrives, times what went in
dw11, dw12, db1 = dz1 * x1, dz1 * x2, dz1
dw21, dw22, db2 = dz2 * x1, dz2 * x2, dz2

for name, gradients in (
    ("z ", (dz, dv1, dv2, dc)),
    ("z1", (dz1, dw11, dw12, db1)),
    ("z2", (dz2, dw21, dw22, db2)),
):
    print(name, *(f"{gradient:+.4f}" for gradient in gradients))
