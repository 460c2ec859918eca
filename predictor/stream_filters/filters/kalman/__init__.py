"""streaming_kalman: a bank of Kalman filters on a moving grid of noise ratios."""
