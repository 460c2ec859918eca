"""Texts without the secrets that they may hold: what is said of wrong settings is read by many."""

import re

_HIDDEN = "…"
# user and password of a URL, up to its last @: one that is not percent-encoded holds anything
_CREDENTIALS = re.compile(r"(?<=://)\S*(?=@)")
# parameters of a store's URL that are secret
_PARAMETERS = re.compile(r"([A-Za-z_]*(?:password|passwd|token|secret)[A-Za-z_]*=)[^&\s'\"]+", re.IGNORECASE)


def without_secrets(text: str) -> str:
    """The text with the credentials of every URL in it, and whatever is called a password, left out."""
    return _PARAMETERS.sub(rf"\1{_HIDDEN}", _CREDENTIALS.sub(_HIDDEN, text))
