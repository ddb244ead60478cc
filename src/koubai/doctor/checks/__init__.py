"""The checks: each looks for one cause, and is one function with its cause's name.

A check gets a `Consultation` and returns a finding or None. Its thresholds stand beside it with where they come from.
Read them in the order of the stages: data, contract, initialisation, optimizer, capacity, generalisation.
"""
