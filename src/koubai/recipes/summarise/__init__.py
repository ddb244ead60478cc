"""The recipe "summarise": writes a headline for a text."""

from koubai.recipes.summarise.recipe import SUMMARISE

__all__ = ["SUMMARISE"]
