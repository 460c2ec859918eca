"""What every state that a run can have left holds to, and a forged one may not."""

import numpy as np

from stream_filters.filters.base import Array
from stream_filters.filters.numerics.declarations import Integers
from stream_filters.filters.regimes.records import (
    ANNOUNCED,
    BASE_COUNT,
    BASE_VAR,
    BORN,
    CURRENT,
    DRIFTS,
    FAULTS,
    FAULTY,
    LAST_NOISE,
    LEVEL,
    LEVEL_VAR,
    LOSS,
    PACE,
    PRIOR_RATE,
    RATE,
    REPEATS,
    ROWS,
    RUN_LENGTH,
    SCALE,
    SEEN,
    SHAPE,
    SLOPE_VAR,
    SPREAD,
    STEPS,
    UNVARIED,
    VARIANCE,
    WARM_UP,
)

_ROUNDING = 1e-6
# products of residuals of four standard deviations at most, summed over 500 observations
_LARGEST_ECHO = 4.0 * 4.0 * 500.0


def check_state(state: Array, regimes: int, *, fixed: bool) -> None:
    """Raise ValueError for a state that no run can have left; fixed: its base measure is given."""
    started = bool(state["units"][SCALE] > 0.0)
    _check_counts(state, regimes, started)
    for name in state.dtype.names or ():
        if name not in ("log_weight", "units") and not np.isfinite(state[name]).all():
            raise ValueError(f"its {name} are not finite")
    units = np.delete(state["units"], BASE_COUNT)
    if not np.isfinite(units).all() or ((fixed != bool(np.isinf(state["units"][BASE_COUNT]))) and started):
        raise ValueError("its units are no units")
    if not started:
        if state["units"].any():
            raise ValueError("it has units before it has begun")
        return
    _check_weights(state)
    _check_regimes(state["regimes"])
    _check_course(state["course"], fixed=fixed)
    if not (state["units"][BASE_VAR] > 0.0 and state["units"][BASE_COUNT] >= 0.0):
        raise ValueError("its base measure has no variance")
    if (state["reference"][:, VARIANCE] < 0.0).any():
        raise ValueError("a variance that it announced is negative")


def _check_counts(state: Array, regimes: int, started: bool) -> None:
    clock, status = state["clock"], state["status"]
    current, met, run_length = status[:, CURRENT], status[:, BORN], status[:, RUN_LENGTH]
    if (
        (clock < 0).any()
        or clock[ANNOUNCED] >= regimes
        or clock[UNVARIED] > 1
        or (not started and clock[SEEN] >= WARM_UP)
        or (run_length < -1).any()
        or (run_length > max(clock[ROWS], clock[SEEN])).any()
    ):
        raise ValueError("its counts are out of range")
    if (current < 0).any() or (met < 0).any() or (met > regimes).any() or (current >= np.clip(met, 1, regimes)).any():
        raise ValueError("its regimes are out of range")
    wanted: Integers | int = np.arange(regimes) if started else 0
    if (np.sort(state["label"], axis=1) != wanted).any():
        raise ValueError("its labels are not one for each regime")
    if (state["last_used"] < -1).any() or (state["last_used"] > clock[ROWS]).any():
        raise ValueError("its regimes were used at rows that there are not")


def _check_weights(state: Array) -> None:
    weights = state["log_weight"]
    if np.isnan(weights).any() or (weights > _ROUNDING).any() or abs(np.exp(weights).sum() - 1.0) > _ROUNDING:
        raise ValueError("its weights are no weights")
    occupancy = state["occupancy"]
    if (occupancy < 0.0).any() or (occupancy.sum(1) > 1.0 + _ROUNDING).any():
        raise ValueError("where it may be is no distribution")
    if (state["restless"] < 0.0).any() or (state["restless"] > 1.0).any():
        raise ValueError("its chains are weighed by no probabilities")
    if (np.abs(state["echo"]) > _LARGEST_ECHO).any():
        raise ValueError("its residuals' products are out of range")
    if (state["transitions"] < 0.0).any():
        raise ValueError("its transitions are no counts")


def _check_regimes(regimes: Array) -> None:
    """regimes: [M K, fields]."""
    variances = regimes[..., [SHAPE, LEVEL_VAR, LEVEL_VAR + 1, RATE, RATE + 1]]
    shape, drifts = regimes[..., SHAPE], regimes[..., DRIFTS]
    if (variances <= 0.0).any() or (shape <= 1.0).any() or (regimes[..., SLOPE_VAR] < 0.0).any():
        raise ValueError("a variance of its regimes is not positive")
    if (drifts < 0.0).any() or (drifts > 1.0).any():
        raise ValueError("its regimes drift with no probability")
    least = np.minimum(regimes[..., RATE], regimes[..., RATE + 1])
    if (np.abs(regimes[..., PRIOR_RATE]) > least * (1.0 + _ROUNDING)).any():
        raise ValueError("more of a variance is its prior's than there is")
    if (np.abs(regimes[..., LEVEL : LEVEL + 2]) > 1e200).any():
        raise ValueError("a level of its regimes is too far away")


def _check_course(course: Array, *, fixed: bool) -> None:
    if (course[[STEPS, FAULTS, REPEATS, LOSS]] < 0.0).any() or not 0.0 <= course[FAULTY] <= 1.0:
        raise ValueError("its sums are out of range")
    if not fixed and (course[[LAST_NOISE, SPREAD, PACE]] <= 0.0).any():
        raise ValueError("its scales are not positive")
