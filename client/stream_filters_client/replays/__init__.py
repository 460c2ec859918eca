"""Replays of streams against a predictor, and what is kept of them."""
