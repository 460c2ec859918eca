"""Stateful, streaming Bayesian filters served by KServe."""

from importlib.metadata import version

__version__ = version("stream-filters")
