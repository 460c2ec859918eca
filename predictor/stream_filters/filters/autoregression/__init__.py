"""online_ar_learning: a drifting autoregression, mixed over a grid of drift rates."""
