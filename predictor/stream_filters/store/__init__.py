"""Where the bytes of streams are kept."""
