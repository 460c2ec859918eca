"""The client's side of the v2 protocol and of exactly-once streams."""
