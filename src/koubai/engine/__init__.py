"""The engine: tensors that know how they were made, and the sweep back through their recipes.

Read in this order: `modes` (what holds for a while), `recipe` and `tensor` (the cell), `apply` (running an op),
`backprop` (the reverse sweep), `trace` (a function as a graph), then what is built on them: `function` (composites, a
user's own ops, recomputation), `scan` and `scan_gradient` (loops over time), `random`, `gradcheck`, `taps`,
`steps`.
"""
