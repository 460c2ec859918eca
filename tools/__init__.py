"""Helpers of the Makefile, the benchmarks and the tests."""
