"""Spoken digits: which one a recording holds, or what several in a row are, letter by letter."""

from koubai.recipes.speech.recipe import SPEECH, SpeechSettings

__all__ = ["SPEECH", "SpeechSettings"]
