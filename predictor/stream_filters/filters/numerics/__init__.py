"""Numerics of compiled kernels, which every filter shares."""
