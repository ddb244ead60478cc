"""Anomalies in series, pictures, tables and logs: what an autoencoder of the usual reproduces badly."""

from koubai.recipes.anomaly.recipe import ANOMALY
from koubai.recipes.anomaly.settings import AnomalySettings

__all__ = ["ANOMALY", "AnomalySettings"]
