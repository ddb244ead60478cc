"""The language between graphs and machine code: loops, expressions, and kernels made of them.

Read buffer.py, index.py, expression.py and kernel.py, in this order.
"""
