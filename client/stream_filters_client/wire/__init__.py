"""The v2 inference protocol: generated messages in a private descriptor pool."""
