"""Object detection: which digits stand where in scenes that are composed of handwritten ones."""

from koubai.recipes.detect.recipe import DETECT, DetectSettings

__all__ = ["DETECT", "DetectSettings"]
