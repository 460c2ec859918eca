"""Stateful, streaming Bayesian filters served by KServe."""
