"""The doctor's test bed: trainings with a known fault, their healthy twins, and trainings that are simply good.

Read `setup.py` (what a training is) and `plan.py` (what the words of a cases file mean) first, then `koubai_side.py`
and `torch_side.py`, which build and run the same training in either framework.
"""
