"""How every kernel is compiled: once for all configurations, kept on disk, without the interpreter's lock.

Kernels work in arrays that they are given and allocate none, so that they need no reference counts: counting them took
more time than the arithmetic. What returns an array is inlined: a caller that does count would count it once too few.
"""

from numba import njit

compiled = njit(nogil=True, cache=True, error_model="numpy", _nrt=False)
# for what a hot loop calls: passing a belief and its scratch as arguments takes as long as a small function runs
inlined = njit(nogil=True, cache=True, error_model="numpy", _nrt=False, inline="always")
