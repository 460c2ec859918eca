"""adaptive_mixture: weighted hypotheses about reusable regimes."""
