"""A report of one replay, or of two side by side: an HTML page that needs no network, and a picture."""
