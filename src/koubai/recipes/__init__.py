"""Complete trainings that start by their name: data, a model for them, settings, evaluation.

A new recipe is one entry in the tables of `images` or `tables`, or a table of its own that is added here.
"""

from koubai.recipes.detect import DETECT
from koubai.recipes.image_cnn import IMAGE_CNN
from koubai.recipes.image_resnet import IMAGE_RESNET
from koubai.recipes.images import IMAGES, ImageSettings
from koubai.recipes.labelled import LabelledPredictor
from koubai.recipes.outcome import Outcome
from koubai.recipes.predictor import Predictor
from koubai.recipes.recipe import Recipe
from koubai.recipes.script import load_script
from koubai.recipes.settings import Settings
from koubai.recipes.speech import SPEECH
from koubai.recipes.tables import TABLES, CSVSettings, TableSettings
from koubai.recipes.task import Task
from koubai.recipes.training import Training
from koubai.recipes.treatable import treatable

__all__ = [
    "RECIPES",
    "CSVSettings",
    "ImageSettings",
    "LabelledPredictor",
    "Outcome",
    "Predictor",
    "Recipe",
    "Settings",
    "TableSettings",
    "Task",
    "Training",
    "load_script",
    "treatable",
]

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe for recipe in (*IMAGES, IMAGE_CNN, IMAGE_RESNET, DETECT, *TABLES, SPEECH)
}
