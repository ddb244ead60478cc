"""Trainings that are planned, and then made."""
