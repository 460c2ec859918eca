"""Streams: their order, their records, and the filters that run over them."""
