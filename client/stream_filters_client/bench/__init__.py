"""Loads on a predictor, and what they took."""
