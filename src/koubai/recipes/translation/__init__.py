"""Translation: words, a Transformer's beam search, BLEU, and the recipe made of them."""

from koubai.recipes.translation.recipe import TRANSLATE

__all__ = ["TRANSLATE"]
