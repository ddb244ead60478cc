"""From many small kernels to the step: which are merged, how they run, what runs side by side, and where all lies.

Read arrange.py, fuse.py, partition.py, phases.py and memory.py, which is the order in which `build.py` uses them.
"""
