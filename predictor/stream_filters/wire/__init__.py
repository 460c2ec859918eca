"""The v2 protocol: tensors and parameters in, turns out, and back."""
