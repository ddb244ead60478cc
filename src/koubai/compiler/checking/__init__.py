"""Whether a step is right: its results against eager, its kernels against NumPy, its schedule against races."""
