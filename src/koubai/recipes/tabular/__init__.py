"""The recipe "tabular": a class or a number from a row of numbers and words, of which some may be missing."""

from koubai.recipes.tabular.predictor import TabularPredictor
from koubai.recipes.tabular.recipe import TABULAR, TabularSettings

__all__ = ["TABULAR", "TabularPredictor", "TabularSettings"]
