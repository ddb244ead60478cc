"""Experiments on request: they show how a training behaves. They are evidence, never findings.

`rates` compares learning rates, `overfit` learns a few samples by heart, `seeds` asks how much of a result is chance,
`more_data` what twice the data would bring.
"""

from koubai.doctor.experiments.experiment import Experiment
from koubai.doctor.experiments.more_data import more_data
from koubai.doctor.experiments.overfit import overfit
from koubai.doctor.experiments.rates import rates
from koubai.doctor.experiments.seeds import Sensitivity, sensitivity

__all__ = ["EXPERIMENTS", "Experiment", "Sensitivity", "more_data", "overfit", "rates", "sensitivity"]

EXPERIMENTS = ("rates", "overfit", "seeds", "data")
