"""Where compiled kernels are kept: under the contents of all sources that they are made of.

A kernel has others inlined and linked in, from modules that its own imports. numba looks at a kernel's own file alone,
and would run what was compiled before another of them changed. Here the name of a kernel on disk holds a digest of its
file and of every file of this package that it imports, directly or not: a change in any of them is another name.
Nothing has to be deleted for it, nor are times of files compared, and processes of two versions can share a folder.
"""

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

from numba import config
from numba.core import caching

# `from stream_filters... import names`, the one way in which modules of this package import each other
_IMPORT = re.compile(r"^from (stream_filters[\w.]*) import (\([^)]*\)|.*)", re.MULTILINE)
_COMMENT = re.compile(r"#.*")
_TYPES = frozenset({"Array", "Floats"})
_ROOT = Path(__file__).parents[3]
_DIGEST_CHARACTERS = 16
_KEPT = ("*.nbi", "*.nbc")

# folders of kernels -> digests in the names of those that this process can use
_in_use: dict[Path, set[str]] = {}


@cache
def digest_of(source: Path) -> str:
    """Digest of a module's file and of all modules of the package that it imports, directly or not."""
    found: set[Path] = set()
    wanted = [source]
    while wanted:
        path = wanted.pop()
        if path not in found:
            found.add(path)
            wanted += _imports(path)
    contents = hashlib.sha256()
    for path in sorted(found):
        contents.update(hashlib.sha256(path.read_bytes()).digest())
    return contents.hexdigest()[:_DIGEST_CHARACTERS]


@cache
def _imports(source: Path) -> list[Path]:
    """Files of the package that a module imports at its head, but for types, which compile to nothing."""
    names: set[str] = set()
    for module, imported in _IMPORT.findall(source.read_text()):
        things = set(re.findall(r"\w+", _COMMENT.sub("", imported))) - _TYPES
        names |= {module, *(f"{module}.{thing}" for thing in things)} if things else set()
    paths = (_ROOT.joinpath(*name.split(".")).with_suffix(".py") for name in names)
    return sorted(path for path in paths if path.is_file())


class _BySources:
    """Makes one of numba's locators name a kernel by the digest of its sources."""

    def get_disambiguator(self) -> str:
        """What tells kernels of one name apart: where the function stands, and its sources."""
        place: Any = super()
        digest = digest_of(Path(self._py_file).resolve())  # type: ignore[attr-defined]  # of numba's locators
        _in_use.setdefault(Path(place.get_cache_path()), set()).add(digest)
        return f"{place.get_disambiguator()}-{digest}"


class InNamedFolder(_BySources, caching.UserProvidedCacheLocator):
    """Kernels in the folder that NUMBA_CACHE_DIR names."""


class BesideSources(_BySources, caching.InTreeCacheLocator):
    """Kernels beside the sources, where that can be written."""


class OfUser(_BySources, caching.UserWideCacheLocator):
    """Kernels in the user's own folder."""


def use() -> None:
    """Have numba keep every kernel of this process so."""
    locators = (InNamedFolder, BesideSources, OfUser)
    config.CACHE_LOCATOR_CLASSES = ",".join(f"{__name__}.{locator.__name__}" for locator in locators)


def drop_stale() -> int:
    """Delete the kernels of other sources than this process's, from the folders that it uses; returns how many files.

    Processes that still run from those sources compile again what they have not loaded.
    """
    stale = [
        path
        for folder, digests in _in_use.items()
        for pattern in _KEPT
        for path in folder.glob(pattern)
        if not any(f"-{digest}." in path.name for digest in digests)
    ]
    for path in stale:
        path.unlink(missing_ok=True)
    return len(stale)
