"""How good answers were."""
