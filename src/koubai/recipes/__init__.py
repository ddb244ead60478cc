"""Complete trainings that start by their name: data, a model for them, settings, evaluation.

A new recipe for labelled rows or pictures is one entry in the tables of `images` or `tables`; any other is a file
of its own, named for it, that is added here.
"""

from koubai.recipes.anomaly import ANOMALY, AnomalySettings
from koubai.recipes.biology import BIOLOGY, BiologySettings
from koubai.recipes.detect import DETECT
from koubai.recipes.forecast import FORECAST, ForecastSettings
from koubai.recipes.graph import GRAPH, GraphSettings
from koubai.recipes.image_cnn import IMAGE_CNN
from koubai.recipes.image_resnet import IMAGE_RESNET
from koubai.recipes.images import IMAGES, ImageSettings
from koubai.recipes.labelled import LabelledPredictor
from koubai.recipes.outcome import Outcome
from koubai.recipes.predictor import Predictor
from koubai.recipes.recipe import Recipe
from koubai.recipes.recommend import RECOMMEND, RecommendSettings
from koubai.recipes.script import load_script
from koubai.recipes.settings import Settings
from koubai.recipes.speech import SPEECH
from koubai.recipes.summarise import SUMMARISE
from koubai.recipes.tables import TABLES, CSVSettings, TableSettings
from koubai.recipes.tabular import TABULAR, TabularSettings
from koubai.recipes.task import Task
from koubai.recipes.text_classify import TEXT_CLASSIFY, TextClassifySettings
from koubai.recipes.text_gpt import TEXT_GPT
from koubai.recipes.text_lstm import TEXT_LSTM
from koubai.recipes.training import Training
from koubai.recipes.translation import TRANSLATE
from koubai.recipes.treatable import treatable

__all__ = [
    "RECIPES",
    "AnomalySettings",
    "BiologySettings",
    "CSVSettings",
    "ForecastSettings",
    "GraphSettings",
    "ImageSettings",
    "LabelledPredictor",
    "Outcome",
    "Predictor",
    "Recipe",
    "RecommendSettings",
    "Settings",
    "TableSettings",
    "TabularSettings",
    "Task",
    "TextClassifySettings",
    "Training",
    "load_script",
    "treatable",
]

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        *IMAGES,
        *TABLES,
        ANOMALY,
        BIOLOGY,
        FORECAST,
        GRAPH,
        RECOMMEND,
        SUMMARISE,
        TABULAR,
        TEXT_CLASSIFY,
        TEXT_GPT,
        TEXT_LSTM,
        TRANSLATE,
        IMAGE_CNN,
        IMAGE_RESNET,
        DETECT,
        SPEECH,
    )
}
