"""How every kernel is compiled: once for all configurations, kept on disk, without the interpreter's lock.

Kernels work in arrays that they are given and allocate none, so that they need no reference counts: counting them took
more time than the arithmetic. What returns an array is inlined: a caller that does count would count it once too few.
"""

from collections.abc import Callable, Mapping
from typing import Any

from numba import njit

from stream_filters.filters.numerics import kernel_cache

kernel_cache.use()
compiled = njit(nogil=True, cache=True, error_model="numpy", _nrt=False)
# for what a hot loop calls: passing a belief and its scratch as arguments takes as long as a small function runs
inlined = njit(nogil=True, cache=True, error_model="numpy", _nrt=False, inline="always")


def inlined_source(name: str, source: str, title: str, names: Mapping[str, Any]) -> Callable[..., Any]:
    """The function of a source text, inlined into kernels; they are kept on disk, it has no file to be kept beside."""
    module: dict[str, Any] = dict(names)
    exec(compile(source, title, "exec"), module)  # noqa: S102  # made by us, of what kernels declare
    return njit(nogil=True, error_model="numpy", _nrt=False, inline="always")(module[name])
