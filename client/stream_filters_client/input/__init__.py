"""Observations from files, pipes and scenarios."""
