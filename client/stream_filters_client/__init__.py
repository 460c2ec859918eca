"""Client of streaming Bayesian filters behind the v2 inference protocol."""
