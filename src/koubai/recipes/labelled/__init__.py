"""Recipes for labelled rows and pictures: a class or numbers are predicted from inputs of one shape."""

from koubai.recipes.labelled.predictor import LabelledPredictor
from koubai.recipes.labelled.recipe import Shape, labelled_recipe

__all__ = ["LabelledPredictor", "Shape", "labelled_recipe"]
