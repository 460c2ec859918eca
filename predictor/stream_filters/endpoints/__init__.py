"""The ports: gRPC and REST, who may come in, and how many."""
