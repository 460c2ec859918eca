"""Versions that never come back, whoever draws them: other processes, other machines, this one after a restart."""

from collections.abc import Iterator
from itertools import count
from os import urandom

VERSION_BYTES = 16
_RANDOM_BYTES = 10


def unique_versions() -> Iterator[bytes]:
    """An endless supply of 16-byte versions: 80 random bits drawn once, then a counter. Not to be shared by threads."""
    drawn = urandom(_RANDOM_BYTES)
    return (drawn + number.to_bytes(VERSION_BYTES - _RANDOM_BYTES, "big") for number in count(1))
